//! What the admin API counts of itself, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdminStats {
    /// Requests that were authenticated.
    pub requests: u64,
    /// Requests without a key, or with one that is not good.
    pub unauthenticated: u64,
    /// Of networks that have failed too often: refused without a look at more than the key.
    pub throttled: u64,
    /// With a good key, of too low a role.
    pub forbidden: u64,
    /// Refused because too many were under way.
    pub overloaded: u64,
    /// Writes that were done.
    pub writes: u64,
    /// Writes that were refused or failed.
    pub failed_writes: u64,
}

/// The counters behind [`AdminStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Count,
    pub(crate) unauthenticated: Count,
    pub(crate) throttled: Count,
    pub(crate) forbidden: Count,
    pub(crate) overloaded: Count,
    pub(crate) writes: Count,
    pub(crate) failed_writes: Count,
}

/// One of them.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn stats(&self) -> AdminStats {
        AdminStats {
            requests: self.requests.get(),
            unauthenticated: self.unauthenticated.get(),
            throttled: self.throttled.get(),
            forbidden: self.forbidden.get(),
            overloaded: self.overloaded.get(),
            writes: self.writes.get(),
            failed_writes: self.failed_writes.get(),
        }
    }
}
