//! `tollgate usage export`: meters added up over the periods of a calendar, printed one row each.
//!
//! Meters come one series after the other, each by time: so one row is open at a time, however much there is.

mod row;

use std::io;

use tollgate_store::meter_time::MeterPeriods;
use tollgate_store::{METER_PERIOD_MS, MeterCursor, Metered, Store, TIME_MS_MAX};

use super::{holder, span, whose};
use crate::cli::{ExportArgs, ExportFormat};
use crate::failure::Failure;
use row::{Row, Rows};

pub(super) async fn run(store: &Store, args: &ExportArgs, now_ms: u64) -> Result<(), Failure> {
    let zone = span::zone(&args.span.zone)?;
    let periods = span::periods(args.by, zone);
    let (from_ms, until_ms) = bounds(args, &periods, now_ms)?;
    let holder = holder(&args.whose)?;
    let whose = whose(&args.whose, holder.as_ref());
    let out = io::BufWriter::new(io::stdout().lock());
    let mut rows = Rows::new(out, args.format, &args.event_source, periods.zone().clone());
    let mut open: Option<Row> = None;
    let mut after: Option<MeterCursor> = None;
    let written = rows.begin();
    if ended(written)? {
        return Ok(());
    }
    loop {
        let page = store.meters(whose, from_ms, until_ms, after).await?;
        for metered in &page.meters {
            let row = row_of(metered, &periods, from_ms, until_ms);
            match &mut open {
                Some(open) if open.is_of(&row) => open.usage = open.usage.plus(&row.usage),
                _ => {
                    let full = open.replace(row);
                    if ended(full.map_or(Ok(()), |row| rows.write(&row)))? {
                        return Ok(());
                    }
                }
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let written = open.map_or(Ok(()), |row| rows.write(&row));
    ended(written.and_then(|()| rows.finish())).map(drop)
}

/// Whether whoever reads has seen enough (`| head`), which is no error.
fn ended(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(Failure::system("write the export")(error)),
    }
}

/// The part of a period that is exported.
fn row_of(metered: &Metered, periods: &MeterPeriods, from_ms: u64, until_ms: u64) -> Row {
    let (first_ms, end_ms) = periods.at(metered.meter.from_ms());
    Row {
        series: metered.meter.series.clone(),
        from_ms: first_ms.max(from_ms),
        until_ms: end_ms.min(until_ms),
        usage: metered.usage,
    }
}

/// From when until when. Events are of whole periods that are over: one of a part would have another id than
/// that of the whole, and be counted beside it.
fn bounds(args: &ExportArgs, periods: &MeterPeriods, now_ms: u64) -> Result<(u64, u64), Failure> {
    let at = |text: &Option<String>| {
        let moment = text
            .as_deref()
            .map(|text| span::moment(text, periods.zone()));
        moment.transpose()
    };
    let from_ms = at(&args.span.from)?.unwrap_or(0);
    let until_ms = at(&args.span.until)?.unwrap_or(periods.at(now_ms).0);
    let is_events = args.format == ExportFormat::Cloudevents;
    if is_events && args.span.from.is_some() && !periods.begins(from_ms) {
        let what = "`--from` is within a period: events are of whole ones";
        return Err(Failure::Misused(what.to_owned()));
    }
    if is_events && !periods.begins(until_ms) {
        let what = "`--until` is within a period: events are of whole ones";
        return Err(Failure::Misused(what.to_owned()));
    }
    if is_events && until_ms > now_ms {
        let what = "`--until` is to come: events are of periods that are over";
        return Err(Failure::Misused(what.to_owned()));
    }
    Ok((from_ms, until_ms.min(TIME_MS_MAX - METER_PERIOD_MS)))
}
