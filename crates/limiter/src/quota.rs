//! Quota: a number of units in each period, of a calendar (minute, hour, day, week or month of a time
//! zone) or of one length, one after the other since 1970.
//!
//! The state holds when the period ends and what was spent in it. The end is what makes a cell
//! speak for itself: whoever holds one knows, without its limit, whether it still says anything.

use std::num::{NonZeroU32, NonZeroU64};

use crate::calendar::Calendar;
use crate::carry::Scale;
use crate::clock::{Nanos, Now};
use crate::limit::LimitError;
use crate::reading::{Denial, Reading};

/// At most `max` units in each period, reset exactly at its boundary.
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
    periods: Periods,
    /// A unit is 2^shift steps.
    shift: u32,
}

/// When periods begin and end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Periods {
    Calendar(Calendar),
    /// So many seconds each, the first of them at the beginning of 1970 in UTC.
    Every(NonZeroU32),
}

/// When a period ends, since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Minute(u64),
    Second(u64),
}

/// A state taken apart, as seen at one moment.
#[derive(Clone, Copy, Debug)]
struct View {
    /// When the period ends.
    end: End,
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
        Self::of(max, Periods::Calendar(calendar))
    }

    /// At most `max` units in each of the periods of `length_s` seconds that follow each other since the
    /// beginning of 1970 in UTC: what other limiters call a fixed window.
    ///
    /// ```
    /// use tollgate_limiter::{Now, Quota};
    ///
    /// let quota = Quota::every(10, 2).unwrap();
    /// let now = Now { unix_ms: 1_001_500, ..Now::default() };
    /// let (_, spent) = quota.decide(0, now, 10);
    /// let (refused, _) = quota.decide(spent, now, 1);
    /// assert_eq!(refused.retry_after().unwrap().0, 500_000_000);
    /// ```
    ///
    /// # Errors
    /// As [`Quota::new`], and for a length of zero or above 366 days.
    pub fn every(max: u64, length_s: u32) -> Result<Self, LimitError> {
        let length_s = NonZeroU32::new(length_s).ok_or(LimitError::PeriodZero)?;
        if length_s.get() > LENGTH_S_MAX {
            return Err(LimitError::TooSlow);
        }
        Self::of(max, Periods::Every(length_s))
    }

    fn of(max: u64, periods: Periods) -> Result<Self, LimitError> {
        let max = NonZeroU64::new(max).ok_or(LimitError::CountZero)?.get();
        if max > MAX {
            return Err(LimitError::TooMany { max: MAX });
        }
        Ok(Self {
            max,
            periods,
            shift: (MAX / max).ilog2(),
        })
    }

    /// Units of one period.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// When periods begin and end; `None` where all are of one length.
    #[must_use]
    pub const fn calendar(&self) -> Option<&Calendar> {
        match &self.periods {
            Periods::Calendar(calendar) => Some(calendar),
            Periods::Every(_) => None,
        }
    }

    /// Seconds of every period; `None` for a calendar's.
    #[must_use]
    pub const fn length_s(&self) -> Option<u32> {
        match &self.periods {
            Periods::Calendar(_) => None,
            Periods::Every(length_s) => Some(length_s.get()),
        }
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
            let wait = Denial::Wait(view.end.wait(now));
            (self.reading(view, now, Some(wait)), state)
        }
    }

    /// True when a cell in this state says nothing that a never-used cell does not say; the same
    /// for every quota.
    #[must_use]
    pub const fn is_vacant(state: u64, now: Now) -> bool {
        if state & IN_SECONDS == 0 {
            return state & USED_MAX == 0 || state >> USED_BITS <= now.unix_min();
        }
        let ahead_s = seconds_ahead(state, now);
        state & USED_MAX == 0 || ahead_s == 0 || ahead_s > AHEAD_S_MAX
    }

    /// Gives back `units` that were charged at `charged_at`; nothing when that period is over.
    #[must_use]
    pub fn refund(&self, state: u64, now: Now, charged_at: Now, units: u64) -> u64 {
        let view = self.view(state, now);
        if self.end_at(charged_at.unix_s()) != view.end {
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
            end: self.end_at(now.unix_s()),
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
        let current = self.end_at(now.unix_s());
        let end = match current {
            End::Minute(_) => End::Minute(state >> USED_BITS),
            End::Second(_) => End::Second(now.unix_s() + seconds_ahead(state, now)),
        };
        let counts = !Self::is_vacant(state, now)
            && (end <= current || end <= self.end_at(current.unix_s()));
        if counts {
            let used = state & USED_MAX;
            View { end, used }
        } else {
            View {
                end: current,
                used: 0,
            }
        }
    }

    /// When the period ends that a second since 1970 lies in.
    fn end_at(&self, unix_s: u64) -> End {
        match &self.periods {
            Periods::Calendar(calendar) => End::Minute(calendar.end_min(unix_s)),
            Periods::Every(length_s) => {
                let length_s = u64::from(length_s.get());
                End::Second((unix_s / length_s + 1).saturating_mul(length_s))
            }
        }
    }

    fn reading(&self, view: View, now: Now, denial: Option<Denial>) -> Reading {
        let reset = match view.used {
            0 => Nanos(0),
            _ => view.end.wait(now),
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
        let end = match self.end {
            End::Minute(end) => end.min(END_MAX) << USED_BITS,
            End::Second(end) => IN_SECONDS | (end & END_MAX) << USED_BITS,
        };
        end | self.used.min(USED_MAX)
    }
}

// === impl End ===

impl End {
    fn unix_s(self) -> u64 {
        match self {
            Self::Minute(end) => end.saturating_mul(60),
            Self::Second(end) => end,
        }
    }

    fn wait(self, now: Now) -> Nanos {
        Nanos::from_millis(
            self.unix_s()
                .saturating_mul(1_000)
                .saturating_sub(now.unix_ms),
        )
    }
}

/// Seconds from now to the end of a state's period. An end is kept without its highest bits, so that
/// one that is behind looks as if it were far ahead: beyond [`AHEAD_S_MAX`], or at zero.
const fn seconds_ahead(state: u64, now: Now) -> u64 {
    (state >> USED_BITS).wrapping_sub(now.unix_s()) & END_MAX
}

const USED_BITS: u32 = 34;
/// The highest bit says that the end is in seconds, of which the 29 bits that are left tell 17 years
/// apart. Of minutes they hold all until the year 2990, after which nothing is counted.
const IN_SECONDS: u64 = 1 << 63;
const END_MAX: u64 = (1 << 29) - 1;
/// Half of what seconds can tell apart: ends lie less than two periods ahead, or are over.
const AHEAD_S_MAX: u64 = END_MAX / 2;
/// A length of which two fit there: 366 days.
const LENGTH_S_MAX: u32 = 366 * 86_400;
const USED_MAX: u64 = (1 << USED_BITS) - 1;
/// Half of what a cell can hold: a surcharge is remembered up to twice the limit.
const MAX: u64 = 1 << (USED_BITS - 1);

#[cfg(test)]
mod tests;
