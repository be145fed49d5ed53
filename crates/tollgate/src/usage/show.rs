//! `tollgate usage show`: what was used on each route, for people.

use std::collections::BTreeMap;

use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_store::{RouteName, Store, TIME_MS_MAX, Usage, Whose};

use super::{holder, span, whose};
use crate::cli::{By, ShowArgs};
use crate::failure::Failure;

const HEAD: [&str; 8] = [
    "route",
    "requests",
    "admitted",
    "limited",
    "refused",
    "bytes in",
    "bytes out",
    "cost units",
];

pub(super) async fn run(store: &Store, args: &ShowArgs, now_ms: u64) -> Result<(), Failure> {
    let zone = span::zone(&args.span.zone)?;
    let (from_ms, until_ms) = bounds(args, &zone, now_ms)?;
    let holder = holder(&args.whose)?;
    let whose = whose(&args.whose, holder.as_ref());
    let routes = by_route(store, whose, from_ms, until_ms).await?;
    let sum = routes
        .iter()
        .fold(Usage::default(), |sum, (_, usage)| sum.plus(usage));
    let mut rows = vec![HEAD.map(str::to_owned)];
    for (route, usage) in &routes {
        rows.push(row(route.as_ref().map_or("*", RouteName::as_str), usage));
    }
    rows.push(row("all", &sum));
    let until = match until_ms {
        TIME_MS_MAX => "now".to_owned(),
        until_ms => span::written(until_ms, &zone),
    };
    anstream::println!("from {} until {until}\n", span::written(from_ms, &zone));
    anstream::print!("{}", table(&rows));
    Ok(())
}

/// Page by page, however much there is; the unmatched first.
async fn by_route(
    store: &Store,
    whose: Whose<'_>,
    from_ms: u64,
    until_ms: u64,
) -> Result<BTreeMap<Option<RouteName>, Usage>, Failure> {
    let mut routes: BTreeMap<Option<RouteName>, Usage> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.meters(whose, from_ms, until_ms, after).await?;
        for metered in page.meters {
            let sum = routes.entry(metered.meter.series.route).or_default();
            *sum = sum.plus(&metered.usage);
        }
        after = page.next;
        if after.is_none() {
            return Ok(routes);
        }
    }
}

/// Without other words: this month so far.
fn bounds(args: &ShowArgs, zone: &TimeZone, now_ms: u64) -> Result<(u64, u64), Failure> {
    let at = |text: &Option<String>| {
        let moment = text.as_deref().map(|text| span::moment(text, zone));
        moment.transpose()
    };
    let month = span::periods(By::Month, zone.clone());
    let from_ms = at(&args.span.from)?.unwrap_or(month.at(now_ms).0);
    Ok((from_ms, at(&args.span.until)?.unwrap_or(TIME_MS_MAX)))
}

fn row(name: &str, usage: &Usage) -> [String; 8] {
    [
        name.to_owned(),
        usage.requests().to_string(),
        usage.admitted.to_string(),
        usage.limited.to_string(),
        usage.refused.to_string(),
        usage.bytes_in.to_string(),
        usage.bytes_out.to_string(),
        usage.cost_units.to_string(),
    ]
}

/// The first column to the left, numbers to the right.
fn table(rows: &[[String; 8]]) -> String {
    let mut text = String::new();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..8).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        text.push_str(&format!("{:<width$}", row[0], width = widths[0]));
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            text.push_str(&format!("  {cell:>width$}"));
        }
        text.push('\n');
    }
    text
}
