//! What a holder has used, over the periods of a calendar: from the store's meters.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate_engine::limiter::Period;
use tollgate_store::meter_time::{MeterPeriods, MeterTimeError, moment, zone};
use tollgate_store::{Holder, METERS_PER_CALL_MAX, TIME_MS_MAX, Usage as Used, Whose};
use utoipa::{IntoParams, ToSchema};

use crate::exact::Exact;
use crate::problem::{Answer, Problem};
use crate::query::{HolderPath, Named, Params};
use crate::state::Admin;

/// The most periods of one answer.
pub(crate) const PERIODS_MAX: usize = 2_000;
/// The most pages of meters that are added up for one answer.
const PAGES_MAX: usize = 40;

/// Which usage.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// From when: a day (`2026-11-01`), which is its first moment in the zone, or a moment
    /// (`2026-11-01T00:00:00Z`) at which a quarter of an hour begins. Without it: this month.
    #[param(min_length = 10, max_length = 64, example = "2026-11-01")]
    from: Option<String>,
    /// Until when, likewise; without it: now.
    #[param(min_length = 10, max_length = 64)]
    until: Option<String>,
    /// How long a period is; without it: a day.
    #[param(inline)]
    by: Option<By>,
    /// Whose hours, days and months these are, as an IANA name; without it: `UTC`.
    #[param(min_length = 1, max_length = 64, example = "Europe/Berlin")]
    zone: Option<String>,
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    /// An hour of the clock.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first to the first.
    Month,
}

/// Usage of one holder.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// Periods in which something was used, the earliest first; at most 2,000.
    pub(crate) periods: Vec<UsagePeriod>,
}

/// What was used in one period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsagePeriod {
    /// Its first millisecond since 1970, or the one from which it was asked for.
    #[schema(example = 1_796_083_200_000_u64)]
    pub(crate) from_ms: u64,
    /// The first millisecond after it.
    #[schema(example = 1_796_169_600_000_u64)]
    pub(crate) until_ms: u64,
    /// Requests that were let through.
    pub(crate) admitted: Exact,
    /// Requests that a limit refused (429).
    pub(crate) limited: Exact,
    /// Requests that came to nothing for another reason.
    pub(crate) refused: Exact,
    /// Bytes that came from the client.
    pub(crate) bytes_in: Exact,
    /// Bytes that went to the client.
    pub(crate) bytes_out: Exact,
    /// What the admitted requests cost, in the units of the policy's limits.
    pub(crate) cost_units: Exact,
}

/// What one holder used, by hours, days or months of a time zone. Of an account: what all its subjects used
/// together.
///
/// Usage is written some seconds after it happened. Too much to be added up for one answer is refused (400): ask
/// for a shorter time then.
#[utoipa::path(
    get,
    path = "/v1/holders/{kind}/{issuer}/{name}/usage",
    tag = "holders",
    params(Asked),
    responses((status = 200, description = "Usage.", body = Usage)),
)]
pub(crate) async fn look(
    State(admin): State<Admin>,
    Named(path): Named<HolderPath>,
    Params(asked): Params<Asked>,
) -> Answer<Json<Usage>> {
    let holder = path.holder()?;
    let span = asked.span(admin.now().unix_ms)?;
    used(&admin, &holder, &span).await.map(Json)
}

/// Of what time, in which periods.
pub(crate) struct UsageSpan {
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) periods: MeterPeriods,
}

impl Asked {
    fn span(&self, now_ms: u64) -> Answer<UsageSpan> {
        let wrong = |error: MeterTimeError| Problem::malformed(format!("query: {error}"));
        let zone = zone(self.zone.as_deref().unwrap_or("UTC")).map_err(wrong)?;
        let at = |text: &Option<String>| {
            let at = text.as_deref().map(|text| moment(text, &zone));
            at.transpose().map_err(wrong)
        };
        let from_ms = match at(&self.from)? {
            Some(from_ms) => from_ms,
            None => MeterPeriods::new(Period::Month, zone.clone()).at(now_ms).0,
        };
        let until_ms = at(&self.until)?.unwrap_or(TIME_MS_MAX);
        let period = match self.by.unwrap_or(By::Day) {
            By::Hour => Period::Hour,
            By::Day => Period::Day,
            By::Month => Period::Month,
        };
        Ok(UsageSpan {
            from_ms,
            until_ms,
            periods: MeterPeriods::new(period, zone),
        })
    }
}

/// What one holder used, added up by periods.
pub(crate) async fn used(admin: &Admin, holder: &Holder, span: &UsageSpan) -> Answer<Usage> {
    let store = admin.store()?;
    let whose = Whose::Holder(holder);
    let mut sums: BTreeMap<(u64, u64), Used> = BTreeMap::new();
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let page = store.meters(whose, span.from_ms, span.until_ms, after);
        let page = page.await?;
        for metered in page.meters {
            let period = span.periods.at(metered.meter.from_ms());
            let sum = sums.entry(period).or_default();
            *sum = sum.plus(&metered.usage);
        }
        if sums.len() > PERIODS_MAX {
            let what = format!("{PERIODS_MAX} periods: ask for longer ones, or for a shorter time");
            return Err(too_much(&what));
        }
        after = page.next;
        if after.is_none() {
            let periods = sums
                .into_iter()
                .map(|(period, sum)| span.shown(period, &sum));
            return Ok(Usage {
                periods: periods.collect(),
            });
        }
    }
    let meters = PAGES_MAX * METERS_PER_CALL_MAX as usize;
    Err(too_much(&format!(
        "{meters} meters: ask for a shorter time"
    )))
}

fn too_much(what: &str) -> Problem {
    Problem::malformed(format!("query: these are more than {what}"))
}

impl UsageSpan {
    fn shown(&self, (from_ms, until_ms): (u64, u64), used: &Used) -> UsagePeriod {
        UsagePeriod {
            from_ms: from_ms.max(self.from_ms),
            until_ms: until_ms.min(self.until_ms),
            admitted: Exact(used.admitted),
            limited: Exact(used.limited),
            refused: Exact(used.refused),
            bytes_in: Exact(used.bytes_in),
            bytes_out: Exact(used.bytes_out),
            cost_units: Exact(used.cost_units),
        }
    }
}
