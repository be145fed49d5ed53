//! Rate and burst: the generic cell rate algorithm (GCRA) over a 64-bit state.
//!
//! A bucket's whole state is its *theoretical arrival time* (`tat`): the instant at which the
//! bucket will be full again if nothing more arrives. From ITU-T I.371, as used for requests by
//! every limiter that wants rate and burst without a refill timer. Everything is integer
//! nanoseconds; nothing drifts.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::carry::Scale;
use crate::clock::Nanos;
use crate::limit::LimitError;
use crate::reading::{Denial, Reading};

/// Rate and burst of one limit, in the form that the decision needs.
///
/// `count` units a `period` on average, at most `burst` at once: in any span of length `t` at most
/// `burst + count·t/period` units are admitted.
///
/// ```
/// use std::time::Duration;
/// use tollgate_limiter::{Gcra, Nanos};
///
/// let limit = Gcra::new(10, Duration::from_secs(1), 2).unwrap();
/// let now = Nanos::from_secs(5);
/// let (reading, tat) = limit.decide(0, now, 2);
/// assert!(reading.admitted());
/// let (reading, _) = limit.decide(tat, now, 1);
/// assert_eq!(reading.retry_after(), Some(Nanos::from_millis(100)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gcra {
    /// Time that one unit of cost takes to grow back.
    interval_ns: u64,
    /// How far ahead of now the bucket's `tat` may lie: interval × burst.
    tolerance_ns: u64,
    burst: u64,
}

// === impl Gcra ===

impl Gcra {
    /// A limit of `count` units of cost each `period`, at most `burst` at once.
    ///
    /// The emission interval is `period / count` rounded up to a nanosecond, so that the error is
    /// on the strict side: the rate counted is below the one asked for by at most one part in
    /// `interval_ns` (nothing for rates that divide 10⁹; 2·10⁻⁵ at 30,000/s).
    ///
    /// # Errors
    /// Zero for any argument, more than 10⁹ a second, or a burst that takes over 146 years to
    /// refill.
    pub fn new(count: u64, period: Duration, burst: u64) -> Result<Self, LimitError> {
        let count = NonZeroU64::new(count).ok_or(LimitError::CountZero)?;
        let burst = NonZeroU64::new(burst).ok_or(LimitError::BurstZero)?;
        let period_ns = period.as_nanos();
        if period_ns == 0 {
            return Err(LimitError::PeriodZero);
        }
        if u128::from(count.get()) > period_ns {
            return Err(LimitError::TooFast);
        }
        let interval = period_ns.div_ceil(u128::from(count.get()));
        let tolerance = interval
            .checked_mul(u128::from(burst.get()))
            .filter(|ns| *ns <= TOLERANCE_NS_MAX)
            .ok_or(LimitError::TooSlow)?;
        match (u64::try_from(interval), u64::try_from(tolerance)) {
            (Ok(interval_ns), Ok(tolerance_ns)) => Ok(Self {
                interval_ns,
                tolerance_ns,
                burst: burst.get(),
            }),
            _ => Err(LimitError::TooSlow),
        }
    }

    /// Units that may be spent at once from a full bucket.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        self.burst
    }

    /// Time in which one unit grows back.
    #[must_use]
    pub const fn interval(&self) -> Nanos {
        Nanos(self.interval_ns)
    }

    /// Time in which an empty bucket fills up, all of it.
    #[must_use]
    pub const fn window(&self) -> Nanos {
        Nanos(self.tolerance_ns)
    }

    /// Decides a request of `cost` against the state `tat`: the reading, and the state to keep.
    ///
    /// A denied request leaves the state as it is. A cost of zero is a look: always admitted,
    /// nothing spent.
    #[must_use]
    #[inline]
    pub fn decide(&self, tat: u64, now: Nanos, cost: u64) -> (Reading, u64) {
        // Exactly at the boundary is admitted: `base + cost·I − now ≤ τ`.
        let owed = Self::owed(tat, now);
        let after = cost
            .checked_mul(self.interval_ns)
            .and_then(|charge| owed.checked_add(charge));
        match after {
            _ if cost == 0 => (self.reading(owed, None), tat),
            Some(after) if after <= self.tolerance_ns => {
                (self.reading(after, None), now.0.saturating_add(after))
            }
            Some(after) if cost <= self.burst => {
                let wait = Nanos(after - self.tolerance_ns);
                (self.reading(owed, Some(Denial::Wait(wait))), tat)
            }
            _ => (self.reading(owed, Some(Denial::Never)), tat),
        }
    }

    /// True when a cell in this state says nothing that a never-used cell does not say.
    #[must_use]
    pub const fn is_vacant(tat: u64, now: Nanos) -> bool {
        tat <= now.0
    }

    /// Gives `units` back, at most until the bucket is full.
    #[must_use]
    pub fn refund(&self, tat: u64, now: Nanos, units: u64) -> u64 {
        let back = units.saturating_mul(self.interval_ns);
        now.0
            .saturating_add(Self::owed(tat, now).saturating_sub(back))
    }

    /// Takes `units` more, admitted or not: what was used is owed, also beyond the burst.
    ///
    /// The debt is bounded by what takes 146 years to grow back.
    #[must_use]
    pub fn surcharge(&self, tat: u64, now: Nanos, units: u64) -> u64 {
        let more = units.saturating_mul(self.interval_ns);
        let owed = Self::owed(tat, now).saturating_add(more);
        now.0.saturating_add(owed.min(DEBT_NS_MAX))
    }

    /// Spent units, as time to grow them back; for carrying over to another limit.
    pub(crate) const fn owed(tat: u64, now: Nanos) -> u64 {
        tat.saturating_sub(now.0)
    }

    /// As [`Gcra::new`] made it; `None` for numbers that it makes no limit of.
    pub(crate) fn from_interval(interval: Nanos, burst: u64) -> Option<Self> {
        Self::new(1, interval.into(), burst).ok()
    }

    pub(crate) const fn scale(&self) -> Scale {
        Scale {
            unit: self.interval_ns,
            capacity: self.burst,
        }
    }

    pub(crate) fn owing(owed: u64, now: Nanos) -> u64 {
        now.0.saturating_add(owed.min(DEBT_NS_MAX))
    }

    #[inline]
    fn reading(&self, owed: u64, denial: Option<Denial>) -> Reading {
        // A surcharge can leave more owed than the tolerance: nothing remains then.
        let room = self.tolerance_ns.saturating_sub(owed);
        let remaining = room / self.interval_ns;
        let next = if owed == 0 {
            0
        } else {
            // At most τ + I, which two additions of at most a quarter of the range cannot overflow.
            let needed = (remaining + 1).saturating_mul(self.interval_ns);
            owed.saturating_add(needed)
                .saturating_sub(self.tolerance_ns)
        };
        Reading {
            denial,
            remaining,
            next: Nanos(next),
            full: Nanos(owed),
            overflowed: false,
        }
    }
}

/// Half the range of the clock, so that `now + tolerance` cannot overflow within 146 years of
/// uptime.
const TOLERANCE_NS_MAX: u128 = DEBT_NS_MAX as u128;

/// The most that a bucket can owe.
const DEBT_NS_MAX: u64 = u64::MAX / 4;

#[cfg(test)]
mod tests;
