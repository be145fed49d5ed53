//! Limits in a snapshot: their numbers, from which the same limit is made again.

use std::io::{self, Write};

use jiff::tz::{Offset, TimeZone};

use super::SnapshotError;
use super::wire::{Reader, Writer};
use crate::calendar::{Calendar, Period};
use crate::clock::Nanos;
use crate::concurrency::Concurrency;
use crate::gcra::Gcra;
use crate::limit::Limit;
use crate::quota::Quota;
use crate::window::Window;

const RATE: u8 = 0;
const WINDOW: u8 = 1;
const QUOTA: u8 = 2;
const CONCURRENCY: u8 = 3;
const FIXED_WINDOW: u8 = 4;

/// Writes `limit`.
pub(super) fn write<W: Write>(out: &mut Writer<W>, limit: &Limit) -> io::Result<()> {
    match limit {
        Limit::Rate(limit) => {
            out.u8(RATE)?;
            out.u64(limit.interval().0)?;
            out.u64(limit.burst())
        }
        Limit::Window(limit) => {
            out.u8(WINDOW)?;
            out.u64(limit.max())?;
            out.u64(limit.length().0)
        }
        Limit::Quota(limit) => match limit.calendar() {
            Some(calendar) => {
                out.u8(QUOTA)?;
                out.u64(limit.max())?;
                out.u8(period_number(calendar))?;
                let zone = zone_name(calendar.zone());
                out.u64(zone.len() as u64)?;
                out.bytes(zone.as_bytes())
            }
            None => {
                out.u8(FIXED_WINDOW)?;
                out.u64(limit.max())?;
                out.u64(limit.length_s().map_or(0, u64::from))
            }
        },
        Limit::Concurrency(limit) => {
            out.u8(CONCURRENCY)?;
            out.u64(limit.max())
        }
    }
}

/// Reads a limit; `None` when it cannot be made here, as with a time zone that is not known.
pub(super) fn read(input: &mut Reader<'_>) -> Result<Option<Limit>, SnapshotError> {
    Ok(match input.u8()? {
        RATE => {
            let (interval, burst) = (Nanos(input.u64()?), input.u64()?);
            Gcra::from_interval(interval, burst).map(Limit::Rate)
        }
        WINDOW => {
            let (max, length) = (input.u64()?, Nanos(input.u64()?));
            Window::new(max, length.into()).ok().map(Limit::Window)
        }
        QUOTA => {
            let (max, period) = (input.u64()?, input.u8()?);
            let length = usize::try_from(input.u64()?).unwrap_or(usize::MAX);
            let zone = std::str::from_utf8(input.bytes(length)?);
            let zone = zone.ok().and_then(zone_named);
            zone.and_then(|zone| calendar_numbered(period, zone))
                .and_then(|calendar| Quota::new(max, calendar).ok())
                .map(Limit::Quota)
        }
        FIXED_WINDOW => {
            let (max, length_s) = (input.u64()?, u32::try_from(input.u64()?));
            length_s
                .ok()
                .and_then(|length_s| Limit::fixed_window(max, length_s).ok())
        }
        CONCURRENCY => Concurrency::new(input.u64()?).ok().map(Limit::Concurrency),
        _ => return Err(SnapshotError::Damaged),
    })
}

/// A period is its place among all; a month that begins on another day than the first is that day
/// and this.
const OTHER_DAY: u8 = 32;

fn period_number(calendar: &Calendar) -> u8 {
    if calendar.first_day() > 1 {
        return OTHER_DAY + calendar.first_day();
    }
    let mut all = Period::ALL.iter();
    let at = all.position(|known| *known == calendar.period());
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn calendar_numbered(number: u8, zone: TimeZone) -> Option<Calendar> {
    match number.checked_sub(OTHER_DAY) {
        Some(day @ 2..=31) => Some(Calendar::new(Period::Month, zone).with_first_day(day)),
        Some(_) => None,
        None => {
            let period = Period::ALL.get(usize::from(number))?;
            Some(Calendar::new(*period, zone))
        }
    }
}

/// A zone's name, or its distance from UTC in seconds; empty for one that has neither.
fn zone_name(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => offset.seconds().to_string(),
        _ => String::new(),
    }
}

fn zone_named(name: &str) -> Option<TimeZone> {
    match name.parse() {
        Ok(seconds) => Offset::from_seconds(seconds).ok().map(TimeZone::fixed),
        Err(_) => TimeZone::get(name).ok(),
    }
}
