//! Time as whoever reads meters says it: zones, days and moments as people write them, periods of a calendar.

use tollgate_limiter::jiff::civil::{Date, Time};
use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_limiter::jiff::{Timestamp, Zoned};
use tollgate_limiter::{Calendar, Period};

use crate::meter::METER_PERIOD_MS;

const MINUTE_MS: u64 = 60_000;
/// The longest name of a time zone, or text of a time, that is looked at.
const TEXT_BYTES_MAX: usize = 64;
/// The length of a day as text.
const DAY_BYTES: usize = 10;

/// Not a time that meters can be read by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeterTimeError {
    /// No zone of the IANA's has this name.
    #[error("`{text}` is no time zone (write one as `Europe/Berlin`)")]
    Zone {
        /// The name, shortened.
        text: String,
    },
    /// Neither a day nor a moment.
    #[error("`{text}` is no time (write `2026-11-01`, or `2026-11-01T00:00:00Z`)")]
    Time {
        /// What was written, shortened.
        text: String,
    },
    /// Between the moments at which meters begin.
    #[error("`{text}` is within a quarter of an hour: usage is counted by those")]
    WithinPeriod {
        /// What was written.
        text: String,
    },
}

/// A time zone by its IANA name.
///
/// # Errors
/// [`MeterTimeError::Zone`].
pub fn zone(name: &str) -> Result<TimeZone, MeterTimeError> {
    let known = short(name).and_then(|name| TimeZone::get(name).ok());
    known.ok_or_else(|| MeterTimeError::Zone { text: shown(name) })
}

/// A day, which is its first moment in the zone, or a moment, in milliseconds since 1970.
///
/// # Errors
/// [`MeterTimeError::Time`].
pub fn instant(text: &str, zone: &TimeZone) -> Result<u64, MeterTimeError> {
    let at_ms = short(text).and_then(|text| {
        let day = text.parse::<Date>().ok();
        let at = match day.filter(|_| text.len() == DAY_BYTES) {
            Some(day) => {
                let local = day.to_datetime(Time::midnight()).to_zoned(zone.clone());
                local.ok().map(|local| local.timestamp())
            }
            None => text.parse::<Timestamp>().ok(),
        };
        u64::try_from(at?.as_millisecond()).ok()
    });
    at_ms.ok_or_else(|| MeterTimeError::Time { text: shown(text) })
}

/// As [`instant`], where a quarter of an hour begins.
///
/// # Errors
/// [`MeterTimeError::Time`] and [`MeterTimeError::WithinPeriod`].
pub fn moment(text: &str, zone: &TimeZone) -> Result<u64, MeterTimeError> {
    let at_ms = instant(text, zone)?;
    match at_ms.is_multiple_of(METER_PERIOD_MS) {
        true => Ok(at_ms),
        false => Err(MeterTimeError::WithinPeriod { text: shown(text) }),
    }
}

/// A moment as RFC 3339, in the zone.
#[must_use]
pub fn written(at_ms: u64, zone: &TimeZone) -> String {
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

fn short(text: &str) -> Option<&str> {
    (text.len() <= TEXT_BYTES_MAX).then_some(text)
}

fn shown(text: &str) -> String {
    text.chars().take(TEXT_BYTES_MAX).collect()
}

/// Periods by which meters are added up: hours, days or months of a zone. Each is a whole number of quarters of
/// an hour.
#[derive(Debug)]
pub struct MeterPeriods(Calendar);

impl MeterPeriods {
    /// Of one length, in one zone.
    #[must_use]
    pub fn new(period: Period, zone: TimeZone) -> Self {
        Self(Calendar::new(period, zone))
    }

    /// The period that a moment is in: its first millisecond and the first after it.
    #[must_use]
    pub fn at(&self, at_ms: u64) -> (u64, u64) {
        let (from, until) = self.0.period_at(at_ms / 1_000);
        (from * MINUTE_MS, until * MINUTE_MS)
    }

    /// Whether a period begins at a moment.
    #[must_use]
    pub fn begins(&self, at_ms: u64) -> bool {
        self.at(at_ms).0 == at_ms
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
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
            &"2".repeat(10_000),
        ] {
            let error = moment(text, &utc).unwrap_err();
            assert!(error.to_string().len() < 200, "{error}");
        }
        assert!(zone("Mars/Olympus").is_err() && zone(&"U".repeat(10_000)).is_err());
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
            let periods = MeterPeriods::new(Period::Day, zone(name).unwrap());
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
