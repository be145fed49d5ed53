//! Calendar quota: a number of units per minute, hour, day, week or month of a time zone.
//!
//! The state holds the minute in which the period ends and what was spent in it. The end is what
//! makes a cell speak for itself: whoever holds one knows, without its limit, whether it still
//! says anything.

use std::num::NonZeroU64;

use crate::calendar::Calendar;
use crate::carry::Scale;
use crate::clock::{Nanos, Now};
use crate::limit::LimitError;
use crate::reading::{Denial, Reading};

/// At most `max` units in each period of a calendar, reset exactly at its boundary.
///
/// Counts by the wall clock, and is the only algorithm that does. A fixed period admits up to
/// twice `max` in a span of its length that lies across a boundary: the price of a reset that
/// people can name.
///
/// ```
/// use tollgate_limiter::{Calendar, Now, Period, Quota, jiff};
///
/// let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
/// let quota = Quota::new(1_000, Calendar::new(Period::Month, zone)).unwrap();
/// let noon: jiff::Timestamp = "2026-03-31T12:00:00Z".parse().unwrap();
/// let now = Now { unix_ms: noon.as_millisecond() as u64, ..Now::default() };
/// let (reading, state) = quota.decide(0, now, 1_000);
/// assert!(reading.admitted());
/// // Midnight in Berlin is ten hours away: summer time began two days before.
/// let (reading, _) = quota.decide(state, now, 1);
/// assert_eq!(reading.retry_after().unwrap().as_secs_ceil(), 10 * 3_600);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    max: u64,
    calendar: Calendar,
    /// A unit is 2^shift steps.
    shift: u32,
}

/// A state taken apart, as seen at one moment.
#[derive(Clone, Copy, Debug)]
struct View {
    /// Minutes since 1970 at which the period ends.
    end_min: u64,
    /// Steps spent in it.
    used: u64,
}

// === impl Quota ===

impl Quota {
    /// At most `max` units in each period of `calendar`.
    ///
    /// # Errors
    /// Zero, or more than 2^33 (8.6 thousand million).
    pub fn new(max: u64, calendar: Calendar) -> Result<Self, LimitError> {
        let max = NonZeroU64::new(max).ok_or(LimitError::CountZero)?.get();
        if max > MAX {
            return Err(LimitError::TooMany { max: MAX });
        }
        Ok(Self {
            max,
            calendar,
            shift: (MAX / max).ilog2(),
        })
    }

    /// Units of one period.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// When periods begin and end.
    #[must_use]
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Decides a request of `cost`: the reading, and the state to keep.
    ///
    /// A denied request leaves the state as it is. A cost of zero is a look.
    #[must_use]
    pub fn decide(&self, state: u64, now: Now, cost: u64) -> (Reading, u64) {
        let view = self.view(state, now);
        if cost == 0 {
            return (self.reading(view, now, None), state);
        }
        if cost > self.max {
            return (self.reading(view, now, Some(Denial::Never)), state);
        }
        let after = View {
            used: view.used + (cost << self.shift),
            ..view
        };
        if after.used <= self.full() {
            (self.reading(after, now, None), after.state())
        } else {
            let wait = Denial::Wait(until(view.end_min, now));
            (self.reading(view, now, Some(wait)), state)
        }
    }

    /// True when a cell in this state says nothing that a never-used cell does not say; the same
    /// for every quota.
    #[must_use]
    pub const fn is_vacant(state: u64, now: Now) -> bool {
        state & USED_MAX == 0 || state >> USED_BITS <= now.unix_min()
    }

    /// Gives back `units` that were charged at `charged_at`; nothing when that period is over.
    #[must_use]
    pub fn refund(&self, state: u64, now: Now, charged_at: Now, units: u64) -> u64 {
        let view = self.view(state, now);
        if self.calendar.end_min(charged_at.unix_s()) != view.end_min {
            return view.state();
        }
        let steps = units.saturating_mul(1 << self.shift);
        View {
            used: view.used.saturating_sub(steps),
            ..view
        }
        .state()
    }

    /// Takes `units` more, admitted or not; remembered up to twice `max`.
    #[must_use]
    pub fn surcharge(&self, state: u64, now: Now, units: u64) -> u64 {
        let view = self.view(state, now);
        let more = units.saturating_mul(1 << self.shift);
        View {
            used: view.used.saturating_add(more),
            ..view
        }
        .state()
    }

    /// At least `units` are spent in the current period: what is known elsewhere of it.
    #[must_use]
    pub fn raised_to(&self, state: u64, now: Now, units: u64) -> u64 {
        let view = self.view(state, now);
        let known = units.min(USED_MAX >> self.shift) << self.shift;
        View {
            used: view.used.max(known),
            ..view
        }
        .state()
    }

    /// Exactly `units` are spent in the current period.
    #[must_use]
    pub fn having_spent_units(&self, units: u64, now: Now) -> u64 {
        self.having_spent(units.min(USED_MAX >> self.shift) << self.shift, now)
    }

    /// Steps spent in the current period.
    pub(crate) fn spent(&self, state: u64, now: Now) -> u64 {
        self.view(state, now).used
    }

    /// A state in which `steps` were spent in the current period.
    pub(crate) fn having_spent(&self, steps: u64, now: Now) -> u64 {
        View {
            end_min: self.calendar.end_min(now.unix_s()),
            used: steps,
        }
        .state()
    }

    pub(crate) const fn scale(&self) -> Scale {
        Scale {
            unit: 1 << self.shift,
            capacity: self.max,
        }
    }

    fn full(&self) -> u64 {
        self.max << self.shift
    }

    /// What was spent counts until its period ends.
    ///
    /// A clock that was put back a little, into the period before, finds it counting still: that
    /// yields nothing. What lies further ahead than the next period was counted by a clock that
    /// was wrong, and would lock its user out until then: it does not count.
    fn view(&self, state: u64, now: Now) -> View {
        let (end_min, used) = (state >> USED_BITS, state & USED_MAX);
        let current_min = self.calendar.end_min(now.unix_s());
        let counts = !Self::is_vacant(state, now)
            && (end_min <= current_min
                || end_min <= self.calendar.end_min(current_min.saturating_mul(60)));
        if counts {
            View { end_min, used }
        } else {
            View {
                end_min: current_min,
                used: 0,
            }
        }
    }

    fn reading(&self, view: View, now: Now, denial: Option<Denial>) -> Reading {
        let reset = match view.used {
            0 => Nanos(0),
            _ => until(view.end_min, now),
        };
        let remaining = self.full().saturating_sub(view.used) >> self.shift;
        Reading {
            denial,
            remaining,
            next: if remaining < self.max {
                reset
            } else {
                Nanos(0)
            },
            full: reset,
            overflowed: false,
        }
    }
}

// === impl View ===

impl View {
    fn state(self) -> u64 {
        self.end_min.min(END_MAX) << USED_BITS | self.used.min(USED_MAX)
    }
}

fn until(end_min: u64, now: Now) -> Nanos {
    Nanos::from_millis(end_min.saturating_mul(60_000).saturating_sub(now.unix_ms))
}

const USED_BITS: u32 = 34;
/// The end takes the other 30 bits: minutes until the year 4011, after which nothing is counted.
const END_MAX: u64 = u64::MAX >> USED_BITS;
const USED_MAX: u64 = (1 << USED_BITS) - 1;
/// Half of what a cell can hold: a surcharge is remembered up to twice the limit.
const MAX: u64 = 1 << (USED_BITS - 1);

#[cfg(test)]
mod tests;
