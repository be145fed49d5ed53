//! From when until when, as the command line has it: the store's words for time, with its errors as ours.

use tollgate_limiter::Period;
use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_store::meter_time::{self, MeterPeriods, MeterTimeError};

use crate::cli::By;
use crate::failure::Failure;

pub(crate) use tollgate_store::meter_time::written;

/// A time zone by its IANA name.
pub(super) fn zone(name: &str) -> Result<TimeZone, Failure> {
    meter_time::zone(name).map_err(misused)
}

/// A day, which is its first moment in the zone, or a moment, in milliseconds since 1970.
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Result<u64, Failure> {
    meter_time::instant(text, zone).map_err(misused)
}

/// As [`instant`], where a quarter of an hour begins.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Result<u64, Failure> {
    meter_time::moment(text, zone).map_err(misused)
}

/// The periods of an export.
pub(super) fn periods(by: By, zone: TimeZone) -> MeterPeriods {
    let period = match by {
        By::Hour => Period::Hour,
        By::Day => Period::Day,
        By::Month => Period::Month,
    };
    MeterPeriods::new(period, zone)
}

fn misused(error: MeterTimeError) -> Failure {
    Failure::Misused(error.to_string())
}
