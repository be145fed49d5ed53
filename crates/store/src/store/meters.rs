//! Meters: added with a batch, read by whoever bills, and forgotten when they are old.

use serde_json::{Value as Json, json};

use super::{Store, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Session, Value, stored, within};
use crate::error::StoreError;
use crate::holder::HolderKind;
use crate::limit_text::RouteName;
use crate::meter::{
    Caller, METER_PERIOD_MS, Meter, MeterCursor, MeterPage, Metered, Meters, Series, Usage, Whose,
};
use crate::texts::{Issuer, Name, PlanName};

/// The most meters that one call gives, or forgets.
pub const METERS_PER_CALL_MAX: u32 = 5_000;

/// Makes the series that are new, and locks all: so two writers that meet wait here, in one direction.
const SERIES_SQLITE: &str = "\
    INSERT INTO meter_series (issuer, subject, account, plan, route, first_ms, last_ms) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
    FROM json_each($1) WHERE true \
    ON CONFLICT (issuer, subject, account, plan, route) DO UPDATE SET \
        first_ms = min(meter_series.first_ms, excluded.first_ms), \
        last_ms = max(meter_series.last_ms, excluded.last_ms) \
    WHERE excluded.first_ms < meter_series.first_ms OR excluded.last_ms > meter_series.last_ms";
const SERIES_POSTGRES: &str = "\
    INSERT INTO meter_series (issuer, subject, account, plan, route, first_ms, last_ms) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
        (value ->> 5)::bigint, (value ->> 6)::bigint \
    FROM json_array_elements($1::json) \
    ON CONFLICT (issuer, subject, account, plan, route) DO UPDATE SET \
        first_ms = least(meter_series.first_ms, excluded.first_ms), \
        last_ms = greatest(meter_series.last_ms, excluded.last_ms) \
    WHERE excluded.first_ms < meter_series.first_ms OR excluded.last_ms > meter_series.last_ms";

/// What is added to one meter; both databases understand it.
macro_rules! sums {
    () => {
        "ON CONFLICT (series, from_ms) DO UPDATE SET \
            admitted = meters.admitted + excluded.admitted, \
            limited = meters.limited + excluded.limited, \
            refused = meters.refused + excluded.refused, \
            bytes_in = meters.bytes_in + excluded.bytes_in, \
            bytes_out = meters.bytes_out + excluded.bytes_out, \
            cost_units = meters.cost_units + excluded.cost_units"
    };
}
const ADD_SQLITE: &str = concat!(
    "INSERT INTO meters \
        (series, from_ms, admitted, limited, refused, bytes_in, bytes_out, cost_units) \
    SELECT known.id, period.value ->> 0, period.value ->> 1, period.value ->> 2, \
        period.value ->> 3, period.value ->> 4, period.value ->> 5, period.value ->> 6 \
    FROM json_each($1) AS one \
    CROSS JOIN meter_series AS known ON known.issuer = one.value ->> 0 \
        AND known.subject = one.value ->> 1 AND known.account = one.value ->> 2 \
        AND known.plan = one.value ->> 3 AND known.route = one.value ->> 4 \
    CROSS JOIN json_each(one.value, '$[7]') AS period WHERE true ",
    sums!()
);
const ADD_POSTGRES: &str = concat!(
    "INSERT INTO meters \
        (series, from_ms, admitted, limited, refused, bytes_in, bytes_out, cost_units) \
    SELECT known.id, (period.value ->> 0)::bigint, (period.value ->> 1)::bigint, \
        (period.value ->> 2)::bigint, (period.value ->> 3)::bigint, (period.value ->> 4)::bigint, \
        (period.value ->> 5)::bigint, (period.value ->> 6)::bigint \
    FROM json_array_elements($1::json) AS one(value) \
    JOIN meter_series AS known ON known.issuer = one.value ->> 0 \
        AND known.subject = one.value ->> 1 AND known.account = one.value ->> 2 \
        AND known.plan = one.value ->> 3 AND known.route = one.value ->> 4 \
    CROSS JOIN LATERAL json_array_elements(one.value -> 7) AS period(value) ",
    sums!()
);

/// Declares the statements that read: for everybody ($1 and $2 are unused) and for some series.
macro_rules! reads {
    ($($name:ident: $of:literal;)*) => {$(
        mod $name {
            /// One series after the other: each is looked up by time, however much else there is.
            pub(super) const PAGE: &str = concat!(
                "SELECT s.id, issuer, subject, account, plan, route, from_ms, \
                    admitted, limited, refused, bytes_in, bytes_out, cost_units \
                FROM meter_series AS s JOIN meters AS m ON m.series = s.id WHERE ", $of,
                " AND s.last_ms >= $3 AND s.first_ms < $4 AND from_ms >= $3 AND from_ms < $4 \
                AND s.id >= $5 AND (s.id > $5 OR from_ms > $6) \
                ORDER BY s.id, from_ms LIMIT $7"
            );
            pub(super) const BY_ROUTE: &str = concat!(
                "SELECT route, CAST(sum(admitted) AS BIGINT), CAST(sum(limited) AS BIGINT), \
                    CAST(sum(refused) AS BIGINT), CAST(sum(bytes_in) AS BIGINT), \
                    CAST(sum(bytes_out) AS BIGINT), CAST(sum(cost_units) AS BIGINT) \
                FROM meter_series AS s JOIN meters AS m ON m.series = s.id WHERE ", $of,
                " AND s.last_ms >= $3 AND s.first_ms < $4 AND from_ms >= $3 AND from_ms < $4 \
                GROUP BY route ORDER BY route LIMIT $5"
            );
        }
    )*};
}
reads! {
    everybody: "$1 = '' AND $2 = ''";
    of_subject: "issuer = $1 AND subject = $2";
    of_account: "issuer = $1 AND account = $2 AND account <> ''";
}

const FORGET: &str = "\
    DELETE FROM meters WHERE (series, from_ms) IN \
    (SELECT series, from_ms FROM meters WHERE from_ms <= $1 ORDER BY from_ms LIMIT $2)";
/// `last_ms` twice: a writer may have counted in the series while this waited for it.
const FORGET_SERIES: &str = "\
    DELETE FROM meter_series WHERE last_ms <= $1 AND id IN \
    (SELECT id FROM meter_series WHERE last_ms <= $1 \
    AND NOT EXISTS (SELECT 1 FROM meters WHERE series = id) LIMIT $2)";

impl Store {
    /// Meters of the periods that begin in a span of time, in pages of [`METERS_PER_CALL_MAX`]: give the
    /// cursor of each page to the next call.
    ///
    /// A meter that is added to meanwhile is in one page, as it was or as it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn meters(
        &self,
        whose: Whose<'_>,
        from_ms: u64,
        until_ms: u64,
        after: Option<MeterCursor>,
    ) -> Result<MeterPage, StoreError> {
        let call = page(&self.pools, whose, [from_ms, until_ms], after);
        within(CALL_WAIT_MAX, call).await
    }

    /// What was used on each route in the periods that begin in a span of time, the unmatched first; at most
    /// [`METERS_PER_CALL_MAX`] routes.
    ///
    /// # Errors
    /// When the store does not answer, or there is too much to add up in time: read
    /// [`Store::meters`] then.
    pub async fn usage_by_route(
        &self,
        whose: Whose<'_>,
        from_ms: u64,
        until_ms: u64,
    ) -> Result<Vec<(Option<RouteName>, Usage)>, StoreError> {
        let call = by_route(&self.pools, whose, [from_ms, until_ms]);
        within(CALL_WAIT_MAX, call).await
    }

    /// Forgets meters of periods that ended by `ended_ms`, at most [`METERS_PER_CALL_MAX`]. Returns how
    /// many; ask again until it is none. Nothing else ever forgets a meter.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_meters(&self, ended_ms: u64) -> Result<u64, StoreError> {
        match ended_ms.checked_sub(METER_PERIOD_MS) {
            Some(last_ms) => within(CALL_WAIT_MAX, forget(&self.pools, last_ms)).await,
            None => Ok(0),
        }
    }
}

/// Within the transaction of a batch.
pub(super) async fn add(session: &mut Session, meters: &Meters) -> Result<(), StoreError> {
    if meters.rows == 0 {
        return Ok(());
    }
    let series = meters.series.iter().map(|(series, periods)| {
        let [issuer, subject, account, plan, route] = texts(series);
        let first_ms = periods.keys().next().copied().unwrap_or_default();
        let last_ms = periods.keys().next_back().copied().unwrap_or_default();
        let rows = periods.iter().map(|(from_ms, usage)| {
            let [admitted, limited, refused, bytes_in, bytes_out, cost_units] = usage.all();
            json!([
                from_ms, admitted, limited, refused, bytes_in, bytes_out, cost_units
            ])
        });
        let rows = rows.collect::<Vec<Json>>();
        json!([
            issuer, subject, account, plan, route, first_ms, last_ms, rows
        ])
    });
    let all = Json::Array(series.collect()).to_string();
    let statement = session.in_words_of(SERIES_SQLITE, SERIES_POSTGRES);
    session.execute(statement, &[Value::Text(&all)]).await?;
    let statement = session.in_words_of(ADD_SQLITE, ADD_POSTGRES);
    let added = session.execute(statement, &[Value::Text(&all)]).await?;
    if added == stored_rows(meters.rows) {
        Ok(())
    } else {
        Err(StoreError::Failed {
            reason: format!("{added} of {} meters were added", meters.rows),
        })
    }
}

fn stored_rows(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// As they are stored: empty is nothing.
fn texts(series: &Series) -> [&str; 5] {
    let [issuer, subject, account] = match &series.caller {
        Caller::Anonymous => ["", "", ""],
        Caller::Subject {
            issuer,
            subject,
            account,
        } => [
            issuer.as_str(),
            subject.as_str(),
            account.as_ref().map_or("", Name::as_str),
        ],
    };
    let plan = series.plan.as_ref().map_or("", PlanName::as_str);
    let route = series.route.as_ref().map_or("", RouteName::as_str);
    [issuer, subject, account, plan, route]
}

async fn page(
    pools: &Pools,
    whose: Whose<'_>,
    [from_ms, until_ms]: [u64; 2],
    after: Option<MeterCursor>,
) -> Result<MeterPage, StoreError> {
    let (issuer, name) = names(whose);
    let values = [
        Value::Text(issuer),
        Value::Text(name),
        Value::Int(stored(from_ms)),
        Value::Int(stored(until_ms)),
        Value::Int(after.map_or(0, |after| after.series)),
        Value::Int(after.map_or(0, |after| stored(after.from_ms))),
        Value::Int(METERS_PER_CALL_MAX.into()),
    ];
    let statement = match whose {
        Whose::Everybody => everybody::PAGE,
        Whose::Anonymous => of_subject::PAGE,
        Whose::Holder(holder) => match holder.kind {
            HolderKind::Subject => of_subject::PAGE,
            HolderKind::Account => of_account::PAGE,
        },
    };
    let mut meters: Vec<Metered> = Vec::new();
    // The same for many rows in a row, and dear to read.
    let mut series: Option<(i64, Series)> = None;
    let mut session = pools.read().await?;
    session
        .each(statement, &values, |row| {
            let id = row.int(0)?;
            let known = series.take().filter(|(known, _)| *known == id);
            let (_, of) = series.insert(match known {
                Some(known) => known,
                None => (id, read_series(row).map_err(rows::by_hand)?),
            });
            let meter = Meter::at(of.clone(), row.count(6)?).map_err(rows::by_hand)?;
            let usage = read_usage(row, 7)?;
            meters.push(Metered { meter, usage });
            Ok(())
        })
        .await?;
    session.done();
    let is_full = meters.len() >= METERS_PER_CALL_MAX as usize;
    let last = meters.last().zip(series).filter(|_| is_full);
    let next = last.map(|(last, (series, _))| MeterCursor {
        series,
        from_ms: last.meter.from_ms(),
    });
    Ok(MeterPage { meters, next })
}

async fn by_route(
    pools: &Pools,
    whose: Whose<'_>,
    [from_ms, until_ms]: [u64; 2],
) -> Result<Vec<(Option<RouteName>, Usage)>, StoreError> {
    let (issuer, name) = names(whose);
    let values = [
        Value::Text(issuer),
        Value::Text(name),
        Value::Int(stored(from_ms)),
        Value::Int(stored(until_ms)),
        Value::Int(METERS_PER_CALL_MAX.into()),
    ];
    let statement = match whose {
        Whose::Everybody => everybody::BY_ROUTE,
        Whose::Anonymous => of_subject::BY_ROUTE,
        Whose::Holder(holder) => match holder.kind {
            HolderKind::Subject => of_subject::BY_ROUTE,
            HolderKind::Account => of_account::BY_ROUTE,
        },
    };
    let mut session = pools.read().await?;
    let read = |row: &Row<'_>| {
        let route = some(row.text(0)?, RouteName::parse).map_err(rows::by_hand)?;
        Ok((route, read_usage(row, 1)?))
    };
    let usage = session.rows(statement, &values, read).await?;
    session.done();
    Ok(usage)
}

fn names(whose: Whose<'_>) -> (&str, &str) {
    match whose {
        Whose::Everybody | Whose::Anonymous => ("", ""),
        Whose::Holder(holder) => (holder.issuer.as_str(), holder.name.as_str()),
    }
}

/// From the second column on.
fn read_series(row: &Row<'_>) -> Result<Series, StoreError> {
    let caller = match some(row.text(1)?, Issuer::parse)? {
        None => Caller::Anonymous,
        Some(issuer) => Caller::Subject {
            issuer,
            subject: Name::parse(row.text(2)?)?,
            account: some(row.text(3)?, Name::parse)?,
        },
    };
    Ok(Series {
        caller,
        plan: some(row.text(4)?, PlanName::parse)?,
        route: some(row.text(5)?, RouteName::parse)?,
    })
}

fn read_usage(row: &Row<'_>, first: usize) -> Result<Usage, StoreError> {
    let mut numbers = [0; 6];
    for (column, number) in numbers.iter_mut().enumerate() {
        *number = row.count(first + column)?;
    }
    Ok(Usage::of(numbers))
}

fn some<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match text {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

async fn forget(pools: &Pools, last_ms: u64) -> Result<u64, StoreError> {
    let mut session = pools.write().await?;
    let values = [
        Value::Int(stored(last_ms)),
        Value::Int(METERS_PER_CALL_MAX.into()),
    ];
    let forgotten = session.execute(FORGET, &values).await?;
    session.execute(FORGET_SERIES, &values).await?;
    session.commit().await?;
    Ok(forgotten)
}
