//! What the services have done: counters that a scrape reads, without labels that callers could
//! multiply.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts over all runtimes since the start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Questions of the rate limit service answered `OK`.
    pub rate_limit_ok: Counter,
    /// Of these, in domains that are not configured: they limit nothing.
    pub rate_limit_unknown_domain: Counter,
    /// Questions answered `OVER_LIMIT` for a limit.
    pub rate_limit_over_limit: Counter,
    /// Questions answered `OVER_LIMIT` for a credential that does not count, or for want of one.
    pub rate_limit_unauthenticated: Counter,
    /// Questions answered `OVER_LIMIT` since nobody could say who calls (`on_failure: {identity: closed}`).
    pub rate_limit_unavailable: Counter,
    /// Questions answered `OVER_LIMIT` for another reason: a path with two meanings, a bucket id, text
    /// that is none.
    pub rate_limit_refused: Counter,
    /// Questions with a credential whose caller was taken for anonymous (`on_failure: {identity:
    /// open}`, `invalid_token: anonymous`).
    pub rate_limit_unidentified: Counter,
    /// Questions answered with an error: they could not be understood.
    pub rate_limit_errors: Counter,
    /// Requests that external authorization let pass.
    pub authz_ok: Counter,
    /// Requests that it refused for a limit.
    pub authz_limited: Counter,
    /// Requests that it refused for a credential that does not count, or for want of one.
    pub authz_unauthenticated: Counter,
    /// Requests that it refused since nobody could say who calls.
    pub authz_unavailable: Counter,
    /// Requests that it refused for another reason, such as text that is none, or that Tollgate answered
    /// itself.
    pub authz_refused: Counter,
    /// Questions of external authorization that could not be understood.
    pub authz_errors: Counter,
    /// Streams of the quota service under way.
    pub quota_streams: Gauge,
    /// Buckets that streams of the quota service have, all together.
    pub quota_buckets: Gauge,
    /// Usages that were reported.
    pub quota_reports: Counter,
    /// Assignments that were sent.
    pub quota_assignments: Counter,
    /// Buckets that were given up.
    pub quota_abandoned: Counter,
    /// Streams and buckets that were refused: one too many, or not understood.
    pub quota_errors: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A number of what is there now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

// === impl Counter ===

impl Counter {
    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn one_more(&self) {
        self.add(1);
    }
}

// === impl Gauge ===

impl Gauge {
    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, if there are fewer than `max`.
    pub(crate) fn enter(&self, max: u64) -> bool {
        let more = |count: u64| (count < max).then_some(count + 1);
        let entered = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        entered.is_ok()
    }

    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
