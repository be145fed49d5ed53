//! What a holder used within the last thirty days, as a chart.

use std::collections::BTreeMap;

use maud::Markup;
use tollgate_engine::limiter::Period;
use tollgate_engine::limiter::jiff::tz::TimeZone;
use tollgate_store::meter_time::MeterPeriods;
use tollgate_store::{Holder, TIME_MS_MAX};

use super::super::super::view::chart::{Chart, Column};
use crate::problem::Answer;
use crate::state::Admin;
use crate::v1::usage::{Usage, UsageSpan, used};

const DAYS: u64 = 30;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

pub(super) async fn of_a_month(admin: &Admin, holder: &Holder, now_ms: u64) -> Answer<Usage> {
    let span = UsageSpan {
        from_ms: first_day_ms(now_ms),
        until_ms: TIME_MS_MAX,
        periods: MeterPeriods::new(Period::Day, TimeZone::UTC),
    };
    used(admin, holder, &span).await
}

/// The first millisecond of the chart's first day.
fn first_day_ms(now_ms: u64) -> u64 {
    (now_ms / DAY_MS).saturating_sub(DAYS - 1) * DAY_MS
}

/// The days without anything, too.
pub(super) fn chart(usage: &Usage, now_ms: u64) -> Markup {
    let days = first_day_ms(now_ms) / DAY_MS..=now_ms / DAY_MS;
    let mut counts: BTreeMap<u64, [u64; 3]> = days.map(|day| (day, [0; 3])).collect();
    for period in &usage.periods {
        if let Some(counts) = counts.get_mut(&(period.from_ms / DAY_MS)) {
            *counts = [period.admitted.0, period.limited.0, period.refused.0];
        }
    }
    let column = |(day, counts)| Column {
        from_ms: day * DAY_MS,
        counts,
    };
    let columns: Vec<Column> = counts.into_iter().map(column).collect();
    let chart = Chart {
        id: "usage",
        title: "Requests of the last 30 days, by day",
        form: "%b %d",
        step: "day",
        columns: &columns,
    };
    chart.show()
}
