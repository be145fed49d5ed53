//! Concurrency: how many requests may be under way at once. The state is their number.

use std::num::NonZeroU64;

use crate::carry::Scale;
use crate::limit::LimitError;
use crate::reading::{Denial, Reading};

/// At most `max` units under way at once.
///
/// What is admitted stays counted until it is released: see [`crate::Lease`], which releases when
/// it is dropped, however the request ended.
///
/// ```
/// use tollgate_limiter::{Concurrency, Denial};
///
/// let limit = Concurrency::new(2).unwrap();
/// let (reading, state) = limit.decide(1, 1);
/// assert_eq!((reading.admitted(), reading.remaining, state), (true, 0, 2));
/// assert_eq!(limit.decide(state, 1).0.denial, Some(Denial::Busy));
/// assert_eq!(Concurrency::release(state, 1), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concurrency {
    max: u64,
}

// === impl Concurrency ===

impl Concurrency {
    /// At most `max` units under way at once.
    ///
    /// # Errors
    /// Zero, or more than 2^32.
    pub fn new(max: u64) -> Result<Self, LimitError> {
        let max = NonZeroU64::new(max).ok_or(LimitError::CountZero)?.get();
        if max > MAX {
            return Err(LimitError::TooMany { max: MAX });
        }
        Ok(Self { max })
    }

    /// Units that may be under way at once.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// Decides a request of `cost` while `under_way` units are: the reading, and how many are
    /// under way after it. A cost of zero is a look.
    #[must_use]
    pub fn decide(&self, under_way: u64, cost: u64) -> (Reading, u64) {
        let after = under_way.saturating_add(cost);
        if cost == 0 || after <= self.max {
            (self.reading(after, None), after)
        } else if cost > self.max {
            (self.reading(under_way, Some(Denial::Never)), under_way)
        } else {
            (self.reading(under_way, Some(Denial::Busy)), under_way)
        }
    }

    /// How many are under way after `cost` of them ended.
    #[must_use]
    pub const fn release(under_way: u64, cost: u64) -> u64 {
        under_way.saturating_sub(cost)
    }

    /// True when nothing is under way.
    #[must_use]
    pub const fn is_vacant(under_way: u64) -> bool {
        under_way == 0
    }

    pub(crate) const fn scale(&self) -> Scale {
        Scale {
            unit: 1,
            capacity: self.max,
        }
    }

    fn reading(&self, under_way: u64, denial: Option<Denial>) -> Reading {
        Reading {
            denial,
            remaining: self.max.saturating_sub(under_way),
            ..Reading::default()
        }
    }
}

const MAX: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_max_are_under_way_at_once() {
        let limit = Concurrency::new(3).unwrap();
        let mut state = 0;
        for left in [2, 1, 0] {
            let (reading, after) = limit.decide(state, 1);
            assert!(reading.admitted());
            assert_eq!(reading.remaining, left);
            state = after;
        }
        assert_eq!(limit.decide(state, 1), (limit.decide(state, 1).0, 3));
        assert_eq!(limit.decide(state, 1).0.denial, Some(Denial::Busy));
        assert!(limit.decide(Concurrency::release(state, 1), 1).0.admitted());
    }

    #[test]
    fn what_costs_more_than_may_ever_be_under_way_is_refused_for_ever() {
        let limit = Concurrency::new(3).unwrap();
        assert_eq!(limit.decide(0, 4).0.denial, Some(Denial::Never));
        assert_eq!(limit.decide(0, u64::MAX).0.denial, Some(Denial::Never));
        assert_eq!(limit.decide(0, 3).0.denial, None);
    }

    #[test]
    fn a_look_changes_nothing_even_when_full() {
        let limit = Concurrency::new(1).unwrap();
        let (reading, state) = limit.decide(1, 0);
        assert!(reading.admitted());
        assert_eq!((reading.remaining, state), (0, 1));
    }

    #[test]
    fn releasing_more_than_is_under_way_stops_at_nothing() {
        assert_eq!(Concurrency::release(2, 5), 0);
        assert!(Concurrency::is_vacant(0));
        assert!(!Concurrency::is_vacant(1));
    }

    #[test]
    fn zero_and_absurd_numbers_are_refused() {
        assert_eq!(Concurrency::new(0), Err(LimitError::CountZero));
        assert_eq!(
            Concurrency::new(MAX + 1),
            Err(LimitError::TooMany { max: MAX })
        );
        assert!(Concurrency::new(MAX).is_ok());
    }
}
