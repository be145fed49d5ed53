//! What is kept of a decision until the inner service has answered.

use http::HeaderMap;
use tollgate_engine::Decision;
use tollgate_engine::limiter::Lease;

use super::caller::Caller;

#[expect(
    clippy::large_enum_variant,
    reason = "a box would allocate on every request whose answer gets fields"
)]
pub(super) enum Kept {
    /// All of it: the answer gets fields.
    Fields(Decision),
    /// The places that the request takes.
    Lease(Lease),
}

// === impl Kept ===

impl Kept {
    /// Takes the caller out of a decision.
    #[inline]
    pub(super) fn of(decision: Decision) -> (Caller, Self) {
        if decision.is_silent() {
            let (caller, lease) = Caller::from_last(decision);
            (caller, Self::Lease(lease))
        } else {
            (Caller::of(&decision), Self::Fields(decision))
        }
    }

    /// Writes what the answer carries, and hands on what the request takes until its body has ended.
    pub(super) fn write(self, headers: &mut HeaderMap) -> Lease {
        match self {
            Self::Fields(decision) => {
                decision.response_headers(headers);
                decision.lease
            }
            Self::Lease(lease) => lease,
        }
    }
}
