//! From when until when: days and moments as people write them, and the periods of a calendar.

use tollgate_limiter::jiff::civil::{Date, Time};
use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_limiter::jiff::{Timestamp, Zoned};
use tollgate_limiter::{Calendar, Period};
use tollgate_store::METER_PERIOD_MS;

use crate::cli::By;
use crate::failure::Failure;

const MINUTE_MS: u64 = 60_000;

/// A time zone by its IANA name.
pub(super) fn zone(name: &str) -> Result<TimeZone, Failure> {
    TimeZone::get(name).map_err(|_| {
        Failure::Misused(format!(
            "`{name}` is no time zone (write one as `Europe/Berlin`)"
        ))
    })
}

/// A day, which is its first moment in the zone, or a moment, in milliseconds since 1970.
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Result<u64, Failure> {
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    let at = match day {
        Some(day) => {
            let local = day.to_datetime(Time::midnight()).to_zoned(zone.clone());
            local.ok().map(|local| local.timestamp())
        }
        None => text.parse::<Timestamp>().ok(),
    };
    let at_ms = at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
    at_ms.ok_or_else(|| {
        let reason = "is no time (write `2026-11-01`, or `2026-11-01T00:00:00Z`)";
        Failure::Misused(format!("`{text}` {reason}"))
    })
}

/// As [`instant`], where a quarter of an hour begins.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Result<u64, Failure> {
    let at_ms = instant(text, zone)?;
    if at_ms.is_multiple_of(METER_PERIOD_MS) {
        Ok(at_ms)
    } else {
        let reason = "is within a quarter of an hour: usage is counted by those";
        Err(Failure::Misused(format!("`{text}` {reason}")))
    }
}

/// A moment as RFC 3339, in the zone.
pub(crate) fn written(at_ms: u64, zone: &TimeZone) -> String {
    let at = i64::try_from(at_ms).ok();
    let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(String::new, |at| {
        let zoned: Zoned = at.to_zoned(zone.clone());
        let offset = zoned.offset();
        if offset.is_zero() {
            return zoned.timestamp().to_string();
        }
        zoned.timestamp().display_with_offset(offset).to_string()
    })
}

/// The periods of an export.
pub(super) struct Periods(Calendar);

impl Periods {
    pub(super) fn new(by: By, zone: TimeZone) -> Self {
        let period = match by {
            By::Hour => Period::Hour,
            By::Day => Period::Day,
            By::Month => Period::Month,
        };
        Self(Calendar::new(period, zone))
    }

    /// The period that a moment is in: its first millisecond and the first after it.
    pub(super) fn at(&self, at_ms: u64) -> (u64, u64) {
        let (from, until) = self.0.period_at(at_ms / 1_000);
        (from * MINUTE_MS, until * MINUTE_MS)
    }

    /// Whether a period begins at a moment.
    pub(super) fn begins(&self, at_ms: u64) -> bool {
        self.at(at_ms).0 == at_ms
    }

    pub(super) fn zone(&self) -> &TimeZone {
        self.0.zone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_first_moment_in_the_zone() {
        for (text, name, expected) in [
            ("2026-11-01", "UTC", "2026-11-01T00:00:00Z"),
            ("2026-11-01", "Europe/Berlin", "2026-11-01T00:00:00+01:00"),
            ("2026-07-01", "Asia/Kolkata", "2026-07-01T00:00:00+05:30"),
            ("2026-11-01T00:15:00+05:45", "UTC", "2026-10-31T18:30:00Z"),
        ] {
            let zone = zone(name).unwrap();
            let at_ms = moment(text, &zone).unwrap();
            assert_eq!(written(at_ms, &zone), expected);
        }
    }

    #[test]
    fn what_is_no_time_and_what_is_within_a_quarter_is_refused() {
        let utc = zone("UTC").unwrap();
        for text in [
            "",
            "now",
            "2026-02-30",
            "1969-12-31",
            "2026-11-01T00:07:00Z",
        ] {
            assert!(moment(text, &utc).is_err(), "{text}");
        }
        assert!(zone("Mars/Olympus").is_err());
    }

    #[test]
    fn periods_of_every_zone_are_whole_quarters_of_an_hour() {
        let january_ms = moment("2026-01-01", &zone("UTC").unwrap()).unwrap();
        for name in [
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Pacific/Chatham",
            "America/St_Johns",
        ] {
            let periods = Periods::new(By::Day, zone(name).unwrap());
            let mut at_ms = january_ms;
            for _ in 0..400 {
                let (from_ms, until_ms) = periods.at(at_ms);
                assert!(from_ms.is_multiple_of(METER_PERIOD_MS), "{name} {from_ms}");
                assert!(periods.begins(from_ms) && from_ms <= at_ms && at_ms < until_ms);
                at_ms = until_ms;
            }
        }
    }
}
