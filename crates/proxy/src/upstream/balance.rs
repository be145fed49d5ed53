//! Choosing an endpoint: the one with the least in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use super::worker_endpoint::{IN_FLIGHT_MAX, WorkerEndpoint};

/// Up to so many endpoints all are compared; beyond, two drawn at random (the power of two
/// choices, Mitzenmacher 2001).
const COMPARE_ALL_MAX: usize = 4;

/// Endpoints already tried for one request, by index; those beyond 63 share the last bit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried(u64);

impl Tried {
    pub(crate) fn add(&mut self, index: usize) {
        self.0 |= 1 << index.min(63);
    }

    fn has(self, index: usize) -> bool {
        self.0 >> index.min(63) & 1 == 1
    }
}

/// Draws for the power of two choices.
#[derive(Debug, Default)]
pub(crate) struct Draws(AtomicU64);

impl Draws {
    fn next(&self, below: usize) -> usize {
        let count = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        let mixed = (count ^ count >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        // The upper half is the better mixed one.
        usize::try_from(mixed >> 33).map_or(0, |mixed| mixed % below)
    }
}

/// The endpoint for the next attempt; `None` if every one is tried, found unhealthy, or
/// full.
///
/// Ejected endpoints are a last resort, not out: an ejection is a guess from few requests, and
/// guessing must not take down the last endpoint.
pub(crate) fn choose<'a>(
    endpoints: &'a [Arc<WorkerEndpoint>],
    tried: Tried,
    draws: &Draws,
) -> Option<&'a Arc<WorkerEndpoint>> {
    let open = |endpoint: &&Arc<WorkerEndpoint>| {
        !tried.has(endpoint.index)
            && endpoint.origin.health.is_usable()
            && endpoint.in_flight() < IN_FLIGHT_MAX
    };
    if let [only] = endpoints {
        return Some(only).filter(open);
    }
    let now = Instant::now();
    let good =
        |endpoint: &&Arc<WorkerEndpoint>| open(endpoint) && !endpoint.origin.health.is_ejected(now);
    if endpoints.len() > COMPARE_ALL_MAX {
        let one = &endpoints[draws.next(endpoints.len())];
        let two = &endpoints[draws.next(endpoints.len())];
        let best = [one, two]
            .into_iter()
            .filter(good)
            .min_by_key(|endpoint| endpoint.in_flight());
        if best.is_some() {
            return best;
        }
    }
    let from = draws.next(endpoints.len());
    // Starting at a random place breaks ties fairly.
    let around = || endpoints[from..].iter().chain(&endpoints[..from]);
    let least = |endpoint: &&Arc<WorkerEndpoint>| endpoint.in_flight();
    around()
        .filter(good)
        .min_by_key(least)
        .or_else(|| around().filter(open).min_by_key(least))
}
