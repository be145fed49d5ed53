//! How a list of limits is consulted: what a request costs them, and whether it is counted.

use crate::limits::CountedLimit;

/// How limits are consulted: at a cost for each of them, or at each one's own.
#[derive(Clone, Copy)]
pub(crate) enum Consult {
    /// What they admit is counted.
    Charge(Option<u64>),
    /// What they admit is counted so many times; nothing for none.
    Hits(u64),
    /// Nothing is.
    Look(Option<u64>),
}

// === impl Consult ===

impl Consult {
    /// How many requests it stands for.
    pub(crate) fn hits(self) -> u64 {
        match self {
            Self::Charge(_) => 1,
            Self::Hits(hits) => hits,
            Self::Look(_) => 0,
        }
    }

    pub(crate) fn cost_of(self, limit: &CountedLimit) -> u64 {
        match self {
            Self::Charge(cost) | Self::Look(cost) => cost.unwrap_or(limit.cost),
            Self::Hits(_) if limit.is_of_requests_under_way() => 0,
            Self::Hits(hits) => limit.cost.saturating_mul(hits.max(1)),
        }
    }
}
