//! Settling: what a request cost, or that it has ended, is said after it was let through.

use tollgate_limiter::{Charged, Limit, Nanos, Now};

use crate::decision::{Decision, Verdict};
use crate::engine::Engine;
use crate::head::RequestHead;
use crate::limits::PrincipalKeys;

/// What an admitted request took: its places in concurrency limits, which are free again when this value
/// is dropped, and units of the other limits, which [`Engine::settle`] puts right.
pub struct Charge {
    decision: Decision,
    keys: PrincipalKeys,
}

impl Engine {
    /// Keeps what a decision took. `None` where it admitted nothing, or had no limit to consult.
    #[must_use]
    pub fn charge_of(&self, decision: Decision, head: &RequestHead<'_>) -> Option<Charge> {
        let admitted = matches!(decision.verdict, Verdict::Allow);
        if !admitted || decision.limits.charged().next().is_none() {
            return None;
        }
        let keys = self.network_keys(&decision, head, true);
        Some(Charge { decision, keys })
    }

    /// Ends a request and says what it cost in truth, of each of its limits: the difference to what was taken is given
    /// back, at most until the bucket is full, or taken, admitted or not.
    ///
    /// Quotas of an hour and longer stay as they are where a store keeps them: it has been told of the
    /// request already.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is settled is settled once, and has ended"
    )]
    pub fn settle(&self, charge: Charge, actual: u64, now: Now) {
        let decision = &charge.decision;
        let route_key = decision.snapshot.route_keys[decision.route.0 as usize];
        for (limit, reading) in decision.limits.charged() {
            let is_kept = self.usage().is_some() && limit.is_long_quota();
            let is_held = matches!(limit.counted.limit(), Limit::Concurrency(_));
            if is_kept || is_held {
                continue;
            }
            let check = limit.check(&charge.keys, route_key, 0, true);
            let charged = Charged {
                at: decision.now,
                cost: decision.cost.unwrap_or(limit.cost),
                overflowed: reading.overflowed,
            };
            self.table().settle(now, check, charged, actual);
        }
    }
}

// === impl Charge ===

impl Charge {
    /// When it was taken, on the monotonic clock.
    #[must_use]
    pub fn at(&self) -> Nanos {
        self.decision.now.mono
    }
}

impl std::fmt::Debug for Charge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Charge")
            .field("route", &self.decision.route)
            .finish_non_exhaustive()
    }
}
