//! From when until when, as the command line has it: the store's words for time, with its errors as ours.

use tollgate_limiter::Period;
use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_store::meter_time::{self, MeterPeriods, MeterTimeError};

use crate::cli::By;
use crate::failure::Failure;

pub(crate) use tollgate_store::meter_time::written;

/// A time zone by its IANA name.
pub(super) fn zone(name: &str) -> Result<TimeZone, Failure> {
    Ok(meter_time::zone(name)?)
}

/// A day, which is its first moment in the zone, or a moment, in milliseconds since 1970.
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Result<u64, Failure> {
    Ok(meter_time::instant(text, zone)?)
}

/// As [`instant`], where a quarter of an hour begins.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Result<u64, Failure> {
    Ok(meter_time::moment(text, zone)?)
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

impl From<MeterTimeError> for Failure {
    fn from(error: MeterTimeError) -> Self {
        Failure::Misused(error.to_string())
    }
}
