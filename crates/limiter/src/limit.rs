//! One limit of any algorithm: pure functions from a state to a verdict and a state.

use std::time::Duration;

use thiserror::Error;

use crate::calendar::Calendar;
use crate::carry::{CarryOver, Scale};
use crate::clock::Now;
use crate::concurrency::Concurrency;
use crate::gcra::Gcra;
use crate::quota::Quota;
use crate::reading::Reading;
use crate::window::Window;

/// What is counted, and how much of it is admitted.
///
/// Each algorithm keeps a bucket in one 64-bit word, in which 0 is a bucket never used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Rate and burst, exact to the nanosecond.
    Rate(Gcra),
    /// A sliding window, estimated from two counters.
    Window(Window),
    /// Units per period, of a calendar or of one length.
    Quota(Quota),
    /// Requests under way at once.
    Concurrency(Concurrency),
}

/// Why a limit cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitError {
    /// Nothing would ever be admitted.
    #[error("the limit is zero")]
    CountZero,
    /// Nothing would ever be admitted.
    #[error("the burst is zero")]
    BurstZero,
    /// A rate or window without a length.
    #[error("the period is zero")]
    PeriodZero,
    /// More than one unit a nanosecond.
    #[error("the rate is above one request a nanosecond")]
    TooFast,
    /// The whole burst takes more than 146 years to refill, or a window is above 366 days.
    #[error("the period is too long to be counted")]
    TooSlow,
    /// More than a cell can count.
    #[error("the limit is above {max}, the most that can be counted this way")]
    TooMany {
        /// The most that can be counted.
        max: u64,
    },
}

/// The algorithms, in the two bits that a cell has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rate,
    Window,
    Quota,
    Concurrency,
}

// === impl Limit ===

impl Limit {
    /// `count` units a `period` on average, at most `burst` at once.
    ///
    /// # Errors
    /// As [`Gcra::new`].
    pub fn rate(count: u64, period: Duration, burst: u64) -> Result<Self, LimitError> {
        Gcra::new(count, period, burst).map(Self::Rate)
    }

    /// At most `max` units in about any window of `length`.
    ///
    /// # Errors
    /// As [`Window::new`].
    pub fn window(max: u64, length: Duration) -> Result<Self, LimitError> {
        Window::new(max, length).map(Self::Window)
    }

    /// At most `max` units in each period of `calendar`.
    ///
    /// # Errors
    /// As [`Quota::new`].
    pub fn quota(max: u64, calendar: Calendar) -> Result<Self, LimitError> {
        Quota::new(max, calendar).map(Self::Quota)
    }

    /// At most `max` units in each period of `length_s` seconds since 1970.
    ///
    /// # Errors
    /// As [`Quota::every`].
    pub fn fixed_window(max: u64, length_s: u32) -> Result<Self, LimitError> {
        Quota::every(max, length_s).map(Self::Quota)
    }

    /// At most `max` units under way at once.
    ///
    /// # Errors
    /// As [`Concurrency::new`].
    pub fn concurrency(max: u64) -> Result<Self, LimitError> {
        Concurrency::new(max).map(Self::Concurrency)
    }

    /// Units of a full bucket: burst, limit or quota.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        match self {
            Self::Rate(limit) => limit.burst(),
            Self::Window(limit) => limit.max(),
            Self::Quota(limit) => limit.max(),
            Self::Concurrency(limit) => limit.max(),
        }
    }

    /// Decides a request of `cost`: the reading, and the state to keep if every other limit
    /// admits too.
    ///
    /// Whatever the algorithm: exactly at the boundary is admitted; a denied request and a cost
    /// of zero leave the state as it is; a cost above the capacity is denied for ever.
    #[must_use]
    #[inline]
    pub fn decide(&self, state: u64, now: Now, cost: u64) -> (Reading, u64) {
        match self {
            Self::Rate(limit) => limit.decide(state, now.mono, cost),
            Self::Window(limit) => limit.decide(state, now.mono, cost),
            Self::Quota(limit) => limit.decide(state, now, cost),
            Self::Concurrency(limit) => limit.decide(state, cost),
        }
    }

    /// True when a cell in this state says nothing that a never-used cell does not say.
    #[must_use]
    pub fn is_vacant(&self, state: u64, now: Now) -> bool {
        match self {
            Self::Rate(_) => Gcra::is_vacant(state, now.mono),
            Self::Window(limit) => limit.is_vacant(state, now.mono),
            Self::Quota(_) => Quota::is_vacant(state, now),
            Self::Concurrency(_) => Concurrency::is_vacant(state),
        }
    }

    /// The state after a request that was charged `charged` units at `charged_at` turned out to
    /// cost `actual`: the difference is given back, at most until the bucket is full, or taken,
    /// admitted or not.
    ///
    /// What a window or a quota charged is given back to the period that it was charged in, and
    /// not at all once that is over. Concurrency is released, not settled: the state stays.
    #[must_use]
    pub fn settle(&self, state: u64, now: Now, charged_at: Now, charged: u64, actual: u64) -> u64 {
        if actual > charged {
            let more = actual - charged;
            return match self {
                Self::Rate(limit) => limit.surcharge(state, now.mono, more),
                Self::Window(limit) => limit.surcharge(state, now.mono, more),
                Self::Quota(limit) => limit.surcharge(state, now, more),
                Self::Concurrency(_) => state,
            };
        }
        let back = charged - actual;
        match self {
            Self::Rate(limit) => limit.refund(state, now.mono, back),
            Self::Window(limit) => limit.refund(state, now.mono, charged_at.mono, back),
            Self::Quota(limit) => limit.refund(state, now, charged_at, back),
            Self::Concurrency(_) => state,
        }
    }

    /// The state under this limit of a bucket that `from` counted until now.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate_limiter::{CarryOver, Limit, Nanos, Now};
    ///
    /// let free = Limit::rate(100, Duration::from_secs(60), 100).unwrap();
    /// let pro = Limit::rate(1_000, Duration::from_secs(60), 1_000).unwrap();
    /// let now = Now::default();
    /// let (_, state) = free.decide(0, now, 98);
    /// let left = |carry| {
    ///     let state = pro.carried_from(&free, state, now, carry);
    ///     pro.decide(state, now, 0).0.remaining
    /// };
    /// assert_eq!(left(CarryOver::Keep), 20);
    /// assert_eq!(left(CarryOver::AsIs), 902);
    /// assert_eq!(left(CarryOver::Reset), 1_000);
    /// ```
    #[must_use]
    pub fn carried_from(&self, from: &Self, state: u64, now: Now, carry: CarryOver) -> u64 {
        let converted = |spent, from| carry.convert(spent, from, self.scale());
        let spent = match (from, self) {
            (Self::Concurrency(_), Self::Concurrency(_)) => return state,
            // Requests under way are not units spent, and the other way round.
            (Self::Concurrency(_), _) | (_, Self::Concurrency(_)) => return 0,
            (Self::Window(from), Self::Window(to)) => {
                match to.carried_from(from, state, now.mono, carry) {
                    Some(state) => return state,
                    None => from.spent(state, now.mono),
                }
            }
            (Self::Rate(_), _) => Gcra::owed(state, now.mono),
            (Self::Window(from), _) => from.spent(state, now.mono),
            (Self::Quota(from), _) => from.spent(state, now),
        };
        let spent = converted(spent, from.scale());
        match self {
            Self::Rate(_) => Gcra::owing(spent, now.mono),
            Self::Window(to) => to.having_spent(spent, now.mono),
            Self::Quota(to) => to.having_spent(spent, now),
            Self::Concurrency(_) => state,
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Rate(_) => Kind::Rate,
            Self::Window(_) => Kind::Window,
            Self::Quota(_) => Kind::Quota,
            Self::Concurrency(_) => Kind::Concurrency,
        }
    }

    const fn scale(&self) -> Scale {
        match self {
            Self::Rate(limit) => limit.scale(),
            Self::Window(limit) => limit.scale(),
            Self::Quota(limit) => limit.scale(),
            Self::Concurrency(limit) => limit.scale(),
        }
    }
}
