//! How often an issuer is asked: bounds, jitter and back-off.

use std::time::Duration;

/// Shortest `max-age` that is believed.
pub const MAX_AGE_MIN: Duration = Duration::from_secs(60);
/// Shortest configured interval.
pub const REFRESH_MIN: Duration = Duration::from_secs(1);
/// Longest time until the next planned refresh.
pub const REFRESH_MAX: Duration = Duration::from_secs(24 * 3600);
/// Longest of the other times, so that sums of times stay in range.
const TIME_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Planned refreshes come up to this part earlier, so that a fleet spreads out: 1/10.
const JITTER_PART: u32 = 10;

/// The times of a key set's refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshPace {
    /// Between planned refreshes, 1 s to 24 h. `max-age`, kept between 60 s and 24 h, may
    /// shorten it, never lengthen it: the interval is how long a retired key may live on.
    pub interval: Duration,
    /// An unknown key id causes at most one fetch in this time, whatever the flood.
    pub unknown_kid_cooldown: Duration,
    /// First wait after a failure while there are no keys; doubles up to the cooldown. With
    /// keys at hand the waits begin at the cooldown and double up to the interval.
    pub retry_first: Duration,
    /// How long the last good set serves without being confirmed.
    pub max_stale: Duration,
    /// How long a set that was replaced before must be served again, without interruption,
    /// until it is believed: a stale edge of a CDN must not retire a new key.
    pub rollback_hold: Duration,
}

impl Default for RefreshPace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(600),
            unknown_kid_cooldown: Duration::from_secs(30),
            retry_first: Duration::from_secs(1),
            max_stale: Duration::from_secs(24 * 3600),
            rollback_hold: Duration::from_secs(3600),
        }
    }
}

impl RefreshPace {
    /// The same with every time in range.
    pub(super) fn bounded(&self) -> Self {
        Self {
            interval: self.interval.clamp(REFRESH_MIN, REFRESH_MAX),
            unknown_kid_cooldown: self.unknown_kid_cooldown.min(TIME_MAX),
            retry_first: self.retry_first.clamp(REFRESH_MIN, TIME_MAX),
            max_stale: self.max_stale.min(TIME_MAX),
            rollback_hold: self.rollback_hold.min(TIME_MAX),
        }
    }

    /// Until the next planned refresh after a success; `random` is uniform over its range.
    pub(super) fn after_success(&self, max_age_s: Option<u64>, random: u32) -> Duration {
        let interval = self.interval.clamp(REFRESH_MIN, REFRESH_MAX);
        let clamp = |age| Duration::from_secs(age).clamp(MAX_AGE_MIN, REFRESH_MAX);
        let age = max_age_s.map_or(interval, clamp);
        earlier(interval.min(age), random)
    }

    /// Until the next try after `failures` in a row, at least one.
    pub(super) fn after_failure(&self, failures: u32, has_keys: bool, random: u32) -> Duration {
        let (first, most) = if has_keys {
            (
                self.unknown_kid_cooldown,
                self.interval.clamp(REFRESH_MIN, REFRESH_MAX),
            )
        } else {
            (self.retry_first, self.unknown_kid_cooldown)
        };
        let doublings = failures.saturating_sub(1).min(16);
        let wait = first.saturating_mul(1 << doublings).min(most.max(first));
        // Later by jitter, never sooner than the cooldown promises.
        wait + (wait / JITTER_PART).mul_f64(fraction(random))
    }
}

fn earlier(time: Duration, random: u32) -> Duration {
    time - (time / JITTER_PART).mul_f64(fraction(random))
}

/// A number from 0 to 1.
fn fraction(random: u32) -> f64 {
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn max_age_shortens_within_bounds() {
        let pace = RefreshPace::default();
        assert_eq!(pace.after_success(None, 0), s(600));
        assert_eq!(pace.after_success(Some(0), 0), s(60));
        assert_eq!(pace.after_success(Some(300), 0), s(300));
        assert_eq!(pace.after_success(Some(315_360_000), 0), s(600));
        let slow = RefreshPace {
            interval: s(10 * 24 * 3600),
            ..pace
        };
        assert_eq!(slow.after_success(Some(u64::MAX), 0), REFRESH_MAX);
        assert_eq!(
            slow.after_success(None, u32::MAX),
            REFRESH_MAX - REFRESH_MAX / 10
        );
    }

    #[test]
    fn failures_back_off() {
        let pace = RefreshPace::default();
        let waits: Vec<_> = (1..8)
            .map(|n| pace.after_failure(n, false, 0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        let waits: Vec<_> = (1..8)
            .map(|n| pace.after_failure(n, true, 0).as_secs())
            .collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(pace.after_failure(u32::MAX, true, u32::MAX), s(660));
    }
}
