//! Whether an endpoint is worth a request: what its answers and its checks say.
//!
//! Written by every worker after an exchange and by the checker; read when an endpoint is
//! chosen. Relaxed atomics suffice: a stale reading costs one attempt.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Failures in a row that eject an endpoint for a while.
const FAILURES_TO_EJECT: u32 = 3;
/// The first ejection.
const EJECTION_FIRST_MS: u64 = 1_000;
/// The longest ejection; each failure after an ejection doubles the time.
const EJECTION_MAX_MS: u64 = 30_000;

/// The health of one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointHealth {
    /// Times below count from here.
    origin: Instant,
    /// Attempts in a row that reached no answer.
    failures: AtomicU32,
    /// Not before this time by choice; milliseconds since `origin`.
    ejected_until_ms: AtomicU64,
    /// Taken out by checks.
    checked_out: AtomicBool,
    /// Checks in a row that contradict `checked_out`.
    contrary_checks: AtomicU32,
}

impl Default for EndpointHealth {
    fn default() -> Self {
        EndpointHealth {
            origin: Instant::now(),
            failures: AtomicU32::new(0),
            ejected_until_ms: AtomicU64::new(0),
            checked_out: AtomicBool::new(false),
            contrary_checks: AtomicU32::new(0),
        }
    }
}

impl EndpointHealth {
    fn ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    /// Whether checks, if any, found it healthy.
    pub(crate) fn is_usable(&self) -> bool {
        !self.checked_out.load(Relaxed)
    }

    /// Whether it is best left alone for now because of what became of recent attempts.
    pub(crate) fn is_ejected(&self, now: Instant) -> bool {
        let until = self.ejected_until_ms.load(Relaxed);
        until != 0 && until > self.ms(now)
    }

    /// It answered.
    pub(crate) fn succeeded(&self) {
        // A load is cheaper than a store that every worker's cache has to hear of.
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
            self.ejected_until_ms.store(0, Relaxed);
        }
    }

    /// It refused, reset or timed out.
    pub(crate) fn failed(&self, now: Instant) {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if let Some(beyond) = failures.checked_sub(FAILURES_TO_EJECT) {
            let time = (EJECTION_FIRST_MS << beyond.min(5)).min(EJECTION_MAX_MS);
            let until = self.ms(now).saturating_add(time);
            self.ejected_until_ms.store(until, Relaxed);
        }
    }

    /// A check's outcome; true if it changed the verdict.
    pub(crate) fn checked(&self, healthy: bool, unhealthy_after: u32, healthy_after: u32) -> bool {
        let out = self.checked_out.load(Relaxed);
        if healthy != out {
            self.contrary_checks.store(0, Relaxed);
            return false;
        }
        let contrary = self.contrary_checks.fetch_add(1, Relaxed) + 1;
        let needed = if out { healthy_after } else { unhealthy_after };
        if contrary < needed {
            return false;
        }
        self.contrary_checks.store(0, Relaxed);
        self.checked_out.store(!healthy, Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Health, and its clock's reading after so many milliseconds.
    fn health() -> (EndpointHealth, impl Fn(u64) -> Instant) {
        let health = EndpointHealth::default();
        let origin = health.origin;
        (health, move |ms| origin + Duration::from_millis(ms))
    }

    #[test]
    fn three_failures_eject_for_a_second_and_success_forgives() {
        let (health, at) = health();
        health.failed(at(0));
        health.failed(at(0));
        assert!(!health.is_ejected(at(0)));
        health.failed(at(0));
        assert!(health.is_ejected(at(999)));
        assert!(!health.is_ejected(at(1_000)));
        health.failed(at(1_000));
        assert!(health.is_ejected(at(2_999)));
        health.succeeded();
        assert!(!health.is_ejected(at(1_000)));
    }

    #[test]
    fn ejections_end_within_half_a_minute() {
        let (health, at) = health();
        for _ in 0..100 {
            health.failed(at(0));
        }
        assert!(health.is_ejected(at(29_999)));
        assert!(!health.is_ejected(at(30_000)));
    }

    #[test]
    fn checks_take_out_and_bring_back_at_their_thresholds() {
        let health = EndpointHealth::default();
        assert!(!health.checked(false, 2, 3));
        assert!(!health.checked(true, 2, 3));
        assert!(!health.checked(false, 2, 3));
        assert!(health.is_usable());
        assert!(health.checked(false, 2, 3));
        assert!(!health.is_usable());
        assert!(!health.checked(true, 2, 3));
        assert!(!health.checked(true, 2, 3));
        assert!(health.checked(true, 2, 3));
        assert!(health.is_usable());
    }
}
