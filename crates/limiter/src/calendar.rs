//! When the periods of a quota begin and end: minutes to months in a time zone.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// How long a quota's period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// A minute of the clock.
    Minute,
    /// An hour of the clock. Where clocks go back an hour, the hour that is shown twice is two.
    Hour,
    /// From midnight to midnight: 23, 24 or 25 hours.
    Day,
    /// From Monday (ISO 8601) to Monday.
    Week,
    /// From the first of a month to the first of the next, or from another day
    /// ([`Calendar::with_first_day`]).
    Month,
}

/// Periods of a time zone.
///
/// The zone is the caller's to look up (`jiff::tz::TimeZone::get`), so that nothing is read from
/// disk here. Boundaries lie on whole minutes of UTC, as those of every zone have since 1972.
#[derive(Debug)]
pub struct Calendar {
    period: Period,
    zone: TimeZone,
    /// The day on which months begin.
    first_day: u8,
    /// The period looked up last: its start and its end in minutes since 1970, 32 bits each.
    last: AtomicU64,
}

// === impl Period ===

impl Period {
    /// The word for one such period: `month`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month];
}

// === impl Calendar ===

impl Calendar {
    /// Periods of `zone`.
    #[must_use]
    pub const fn new(period: Period, zone: TimeZone) -> Self {
        Self {
            period,
            zone,
            first_day: 1,
            last: AtomicU64::new(0),
        }
    }

    /// The same with months that begin on this day, 1 to 31: in a month that is shorter, on its
    /// last. Anything else is the first; other periods than months have no such day.
    #[must_use]
    pub const fn with_first_day(mut self, day: u8) -> Self {
        let is_a_day = matches!(self.period, Period::Month) && day >= 1 && day <= 31;
        self.first_day = if is_a_day { day } else { 1 };
        self
    }

    /// The day on which months begin.
    #[must_use]
    pub const fn first_day(&self) -> u8 {
        self.first_day
    }

    /// How long its periods are.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Whose midnight counts.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The period that the second `unix_s` lies in: its first minute and the first after it, in
    /// minutes since 1970.
    #[must_use]
    pub fn period_at(&self, unix_s: u64) -> (u64, u64) {
        let minute = unix_s / 60;
        // One word, so that start and end are of one period.
        let last = self.last.load(Ordering::Relaxed);
        let (start, end) = (last >> 32, last & END_MASK);
        if (start..end).contains(&minute) {
            return (start, end);
        }
        let (start, end) = self.look_up(unix_s);
        if start <= END_MASK && end <= END_MASK {
            self.last.store(start << 32 | end, Ordering::Relaxed);
        }
        (start, end)
    }

    pub(crate) fn end_min(&self, unix_s: u64) -> u64 {
        self.period_at(unix_s).1
    }

    fn look_up(&self, unix_s: u64) -> (u64, u64) {
        let minute = unix_s / 60;
        let zoned = i64::try_from(unix_s)
            .ok()
            .and_then(|unix_s| Timestamp::from_second(unix_s).ok())
            .map(|instant| instant.to_zoned(self.zone.clone()));
        // Beyond the calendar's range (year 9999) a period is a minute.
        let bounds = zoned.and_then(|zoned| self.bounds(&zoned));
        match bounds {
            Some((start, end)) if start <= minute && minute < end => (start, end),
            _ => (minute, minute + 1),
        }
    }

    fn bounds(&self, at: &Zoned) -> Option<(u64, u64)> {
        let (start, end) = match self.period {
            Period::Minute => return self.clock_bounds(at, 60),
            Period::Hour => return self.clock_bounds(at, 3_600),
            Period::Day => (at.date(), at.date().tomorrow().ok()?),
            Period::Week => {
                let days = at.weekday().since(Weekday::Monday);
                let monday = at.date().checked_sub(days.days()).ok()?;
                (monday, monday.checked_add(1.week()).ok()?)
            }
            Period::Month => {
                let month = at.date().first_of_month();
                let begun = at.date() >= self.start_in(month)?;
                let month = if begun {
                    month
                } else {
                    month.checked_sub(1.month()).ok()?
                };
                let next = month.checked_add(1.month()).ok()?;
                (self.start_in(month)?, self.start_in(next)?)
            }
        };
        let midnight = |date: Date| self.minute_of(date.to_datetime(jiff::civil::Time::midnight()));
        Some((midnight(start)?, midnight(end)?))
    }

    /// The day on which the period that belongs to a month begins; `month` is its first day.
    fn start_in(&self, month: Date) -> Option<Date> {
        let day = i8::try_from(self.first_day).ok()?;
        let day = day.min(month.days_in_month());
        Date::new(month.year(), month.month(), day).ok()
    }

    /// The first minute of a local time; after the gap where clocks skip it, the earlier of two
    /// where they show it twice.
    fn minute_of(&self, local: DateTime) -> Option<u64> {
        let zoned = local.to_zoned(self.zone.clone()).ok()?;
        Some(minutes(zoned.timestamp(), u64::div_ceil))
    }

    /// Bounds of a minute or an hour: within one offset from UTC, since a change of the offset
    /// ends what the clock showed before it.
    fn clock_bounds(&self, at: &Zoned, length_s: i64) -> Option<(u64, u64)> {
        let unix_s = at.timestamp().as_second();
        let offset_s = i64::from(at.offset().seconds());
        let start = unix_s - (unix_s + offset_s).rem_euclid(length_s);
        let whole = (
            Timestamp::from_second(start).ok()?,
            Timestamp::from_second(start + length_s).ok()?,
        );
        let next = at.timestamp().checked_add(1.nanosecond()).ok()?;
        let before = self.zone.preceding(next).next();
        let after = self.zone.following(at.timestamp()).next();
        let start = before.map_or(whole.0, |change| change.timestamp().max(whole.0));
        let end = after.map_or(whole.1, |change| change.timestamp().min(whole.1));
        Some((minutes(start, |a, b| a / b), minutes(end, u64::div_ceil)))
    }
}

/// Minutes since 1970 of an instant; of an earlier one, none.
fn minutes(at: Timestamp, divide: impl Fn(u64, u64) -> u64) -> u64 {
    divide(u64::try_from(at.as_second()).unwrap_or(0), 60)
}

impl Clone for Calendar {
    fn clone(&self) -> Self {
        Self::new(self.period, self.zone.clone()).with_first_day(self.first_day)
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.period == other.period && self.zone == other.zone && self.first_day == other.first_day
    }
}

impl Eq for Calendar {}

impl Hash for Calendar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Zones are equal under several names: what is equal has to hash the same.
        self.period.hash(state);
        self.first_day.hash(state);
    }
}

const END_MASK: u64 = u32::MAX as u64;

#[cfg(test)]
mod tests;
