//! The arithmetic of one limit: the generic cell rate algorithm (GCRA) over a 64-bit state.
//!
//! A bucket's whole state is its *theoretical arrival time* (`tat`): the instant at which the
//! bucket will be full again if nothing more arrives. From ITU-T I.371, as used for requests by
//! every limiter that wants rate and burst without a refill timer. Everything is integer
//! nanoseconds; nothing drifts.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::clock::Nanos;

/// Rate and burst of one limit, in the form that the decision needs.
///
/// `count` requests a `period` on average, at most `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    /// Time that one unit of cost takes to grow back.
    interval_ns: u64,
    /// How far ahead of now the bucket's `tat` may lie: interval × burst.
    tolerance_ns: u64,
    burst: u64,
}

/// Why a rate cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateError {
    /// The period is zero.
    PeriodZero,
    /// More than one request a nanosecond was asked for.
    TooFast,
    /// Refilling the whole burst would take longer than 146 years.
    TooSlow,
}

/// What a bucket holds after a decision: values for headers and logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// This limit alone would have admitted the request.
    pub admitted: bool,
    /// Whole units that may be spent at once now; never above the burst.
    pub remaining: u64,
    /// Time until `remaining` grows by one; zero when the bucket is full.
    pub next: Nanos,
    /// Time until the bucket is full.
    pub full: Nanos,
    /// After this wait, exactly, the same request would be admitted. `None` when it was admitted,
    /// and when it never can be because its cost is above the burst.
    pub retry_after: Option<Nanos>,
    /// The bucket had no home of its own and shared its limit's overflow bucket.
    pub overflowed: bool,
}

// === impl Gcra ===

impl Gcra {
    /// A limit of `count` units of cost each `period`, at most `burst` at once.
    ///
    /// The emission interval is `period / count` rounded up to a nanosecond, so that the error is
    /// on the strict side.
    ///
    /// # Errors
    /// A zero period, more than 10⁹ a second, or a burst that takes over 146 years to refill.
    pub fn new(count: NonZeroU64, period: Duration, burst: NonZeroU64) -> Result<Self, RateError> {
        let period_ns = period.as_nanos();
        if period_ns == 0 {
            return Err(RateError::PeriodZero);
        }
        if u128::from(count.get()) > period_ns {
            return Err(RateError::TooFast);
        }
        let interval = period_ns.div_ceil(u128::from(count.get()));
        let tolerance = interval
            .checked_mul(u128::from(burst.get()))
            .filter(|ns| *ns <= TOLERANCE_NS_MAX)
            .ok_or(RateError::TooSlow)?;
        match (u64::try_from(interval), u64::try_from(tolerance)) {
            (Ok(interval_ns), Ok(tolerance_ns)) => Ok(Self {
                interval_ns,
                tolerance_ns,
                burst: burst.get(),
            }),
            _ => Err(RateError::TooSlow),
        }
    }

    /// Units that may be spent at once from a full bucket.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        self.burst
    }

    /// Time in which an empty bucket fills up, all of it.
    #[must_use]
    pub const fn window(&self) -> Nanos {
        Nanos(self.tolerance_ns)
    }

    /// Decides a request of `cost` against the state `tat`; returns the reading and the state to
    /// keep if the request is admitted.
    ///
    /// A cost of zero is a look: always admitted, nothing spent.
    #[must_use]
    pub fn decide(&self, tat: u64, now: Nanos, cost: u64) -> (Reading, u64) {
        // Exactly at the boundary is admitted: `base + cost·I − now ≤ τ`.
        let base = tat.max(now.0);
        let owed = base - now.0;
        let charge = cost.checked_mul(self.interval_ns);
        let after = charge.and_then(|charge| owed.checked_add(charge));
        match after {
            Some(after) if after <= self.tolerance_ns || cost == 0 => {
                let state = now.0.saturating_add(after);
                (self.reading(after, true, None), state)
            }
            _ => {
                let retry_after = if cost > self.burst {
                    None
                } else {
                    after.map(|after| Nanos(after - self.tolerance_ns))
                };
                (self.reading(owed, false, retry_after), base)
            }
        }
    }

    /// True when a cell in this state says nothing that a never-used cell does not say.
    #[must_use]
    pub const fn is_vacant(tat: u64, now: Nanos) -> bool {
        tat <= now.0
    }

    fn reading(&self, owed: u64, admitted: bool, retry_after: Option<Nanos>) -> Reading {
        // A lowered limit can leave more owed than the new tolerance: nothing remains then.
        let room = self.tolerance_ns.saturating_sub(owed);
        let remaining = room / self.interval_ns;
        let next = if owed == 0 {
            0
        } else {
            let needed = (remaining + 1).saturating_mul(self.interval_ns);
            owed.saturating_add(needed) - self.tolerance_ns
        };
        Reading {
            admitted,
            remaining,
            next: Nanos(next),
            full: Nanos(owed),
            retry_after,
            overflowed: false,
        }
    }
}

impl std::fmt::Display for RateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PeriodZero => "the period of a rate is zero",
            Self::TooFast => "the rate is above one request a nanosecond",
            Self::TooSlow => "the burst takes over 146 years to refill at this rate",
        })
    }
}

impl std::error::Error for RateError {}

/// Half the range of the clock, so that `now + tolerance` cannot overflow within 146 years of
/// uptime.
const TOLERANCE_NS_MAX: u128 = (u64::MAX / 4) as u128;

#[cfg(test)]
mod tests;
