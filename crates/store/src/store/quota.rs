//! Counts of quotas: added in batches, read, and forgotten when their period is long over.

use serde_json::json;

use super::{Store, counted_logs, meters, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Session, Value, stored, within};
use crate::error::StoreError;
use crate::holder::{Holder, HolderKind};
use crate::limit_text::RouteName;
use crate::quota::{Added, Batch, Count, Counter};
use crate::span::Span;
use crate::texts::LimitName;

/// The most counts that one call gives, or forgets.
pub const COUNTS_PER_CALL_MAX: u32 = 5_000;

/// Changes no row where this batch, or a later one, was counted.
const TAKE_BATCH: &str = "\
    INSERT INTO quota_writers (writer, batch, at_ms) VALUES ($1, $2, $3) \
    ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, at_ms = excluded.at_ms \
    WHERE quota_writers.batch < excluded.batch";

/// All of a batch as one statement: each costs a client as much as a hundred rows.
const ADD_SQLITE: &str = "\
    INSERT INTO quota_counts (kind, issuer, name, limit_name, route, from_ms, until_ms, units) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
        value ->> 6, value ->> 7 \
    FROM json_each($1) WHERE true \
    ON CONFLICT (kind, issuer, name, limit_name, route, from_ms) \
    DO UPDATE SET units = quota_counts.units + excluded.units";
const ADD_POSTGRES: &str = "\
    INSERT INTO quota_counts (kind, issuer, name, limit_name, route, from_ms, until_ms, units) \
    SELECT (value ->> 0)::bigint, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
        (value ->> 5)::bigint, (value ->> 6)::bigint, (value ->> 7)::bigint \
    FROM json_array_elements($1::json) \
    ON CONFLICT (kind, issuer, name, limit_name, route, from_ms) \
    DO UPDATE SET units = quota_counts.units + excluded.units";

const OF_HOLDER: &str = "\
    SELECT kind, issuer, name, limit_name, route, from_ms, until_ms, units FROM quota_counts \
    WHERE kind = $1 AND issuer = $2 AND name = $3 AND from_ms <= $4 AND until_ms > $4 \
    ORDER BY limit_name, route LIMIT $5";
const OF_ALL: &str = "\
    SELECT kind, issuer, name, limit_name, route, from_ms, until_ms, units FROM quota_counts \
    WHERE (kind, issuer, name, limit_name, route, from_ms) > ($1, $2, $3, $4, $5, $6) \
    AND from_ms <= $7 AND until_ms > $7 \
    ORDER BY kind, issuer, name, limit_name, route, from_ms LIMIT $8";

const FORGET: &str = "\
    DELETE FROM quota_counts WHERE (kind, issuer, name, limit_name, route, from_ms) IN \
    (SELECT kind, issuer, name, limit_name, route, from_ms FROM quota_counts \
    WHERE until_ms <= $1 LIMIT $2)";
const FORGET_WRITERS: &str = "DELETE FROM quota_writers WHERE at_ms <= $1";

impl Store {
    /// Adds a batch, counts and meters, all of it or nothing, and at most once. After an error that
    /// [`StoreError::is_passing`] it may have been added: send the same one again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_counts(&self, batch: &Batch) -> Result<Added, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(CALL_WAIT_MAX, add(&self.pools, batch, now_ms)).await
    }

    /// What is counted for one holder in the periods that a moment is in, at most
    /// [`COUNTS_PER_CALL_MAX`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn counts_of(&self, holder: &Holder, at_ms: u64) -> Result<Vec<Count>, StoreError> {
        let [kind, issuer, name] = rows::key(holder);
        let at = Value::Int(stored(at_ms));
        let most = Value::Int(COUNTS_PER_CALL_MAX.into());
        let values = [kind, issuer, name, at, most];
        within(CALL_WAIT_MAX, counts(&self.pools, OF_HOLDER, &values)).await
    }

    /// What is counted for all holders in the periods that a moment is in: the next
    /// [`COUNTS_PER_CALL_MAX`] after a counter, or the first. Empty when there are no more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn counts_after(
        &self,
        last: Option<&Counter>,
        at_ms: u64,
    ) -> Result<Vec<Count>, StoreError> {
        // Before all others: kinds begin with 1.
        let first = [Value::Int(0), Value::Text(""), Value::Text("")];
        let [kind, issuer, name] = last.map_or(first, |last| rows::key(&last.holder));
        let values = [
            kind,
            issuer,
            name,
            Value::Text(last.map_or("", |last| last.limit.as_str())),
            Value::Text(last.map_or("", route)),
            Value::Int(last.map_or(0, |last| stored(last.from_ms()))),
            Value::Int(stored(at_ms)),
            Value::Int(COUNTS_PER_CALL_MAX.into()),
        ];
        within(CALL_WAIT_MAX, counts(&self.pools, OF_ALL, &values)).await
    }

    /// Forgets counts of periods that ended by `ended_ms`, at most [`COUNTS_PER_CALL_MAX`], and writers
    /// that have sent nothing since. Returns how many counts; ask again until it is none. Keep what may still
    /// be asked for, and writers for longer than any of them tries to send a batch.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_counts(&self, ended_ms: u64) -> Result<u64, StoreError> {
        within(CALL_WAIT_MAX, forget(&self.pools, ended_ms)).await
    }
}

async fn add(pools: &Pools, batch: &Batch, now_ms: u64) -> Result<Added, StoreError> {
    let mut session = pools.write().await?;
    match add_in_transaction(&mut session, batch, now_ms).await {
        Ok(Added::Now) => {
            session.commit().await?;
            Ok(Added::Now)
        }
        Ok(Added::Before) => {
            session.roll_back().await?;
            Ok(Added::Before)
        }
        Err(error) => {
            // Where this fails too, the connection ends, and the transaction with it.
            let _ended = session.roll_back().await;
            Err(error)
        }
    }
}

async fn add_in_transaction(
    session: &mut Session,
    batch: &Batch,
    now_ms: u64,
) -> Result<Added, StoreError> {
    let writer = batch.writer.to_string();
    let values = [
        Value::Text(&writer),
        Value::Int(stored(batch.number)),
        Value::Int(stored(now_ms)),
    ];
    if session.execute(TAKE_BATCH, &values).await? == 0 {
        return Ok(Added::Before);
    }
    if let Some(step) = &batch.log {
        counted_logs::advance(session, step, now_ms).await?;
    }
    add_counts(session, batch).await?;
    meters::add(session, &batch.meters).await?;
    Ok(Added::Now)
}

async fn add_counts(session: &mut Session, batch: &Batch) -> Result<(), StoreError> {
    if batch.units.is_empty() {
        return Ok(());
    }
    // In the order of their keys, as every writer does: two that meet wait for each other, in one direction.
    let rows = batch.units.iter().map(|(counter, units)| {
        let holder = &counter.holder;
        json!([
            holder.kind.number(),
            holder.issuer.as_str(),
            holder.name.as_str(),
            counter.limit.as_str(),
            route(counter),
            counter.from_ms(),
            counter.until_ms(),
            units
        ])
    });
    let rows = serde_json::Value::Array(rows.collect()).to_string();
    let statement = session.in_words_of(ADD_SQLITE, ADD_POSTGRES);
    session.execute(statement, &[Value::Text(&rows)]).await?;
    Ok(())
}

async fn counts(
    pools: &Pools,
    statement: &'static str,
    values: &[Value<'_>],
) -> Result<Vec<Count>, StoreError> {
    let mut session = pools.read().await?;
    let counts = session.rows(statement, values, count).await?;
    session.done();
    Ok(counts)
}

fn count(row: &Row<'_>) -> Result<Count, StoreError> {
    Ok(Count {
        counter: counter(row)?,
        units: row.count(7)?,
    })
}

/// A counter, from the first seven columns.
pub(super) fn counter(row: &Row<'_>) -> Result<Counter, StoreError> {
    let read = || {
        let kind = HolderKind::of_number(row.int(0)?)?;
        let holder = Holder::new(kind, row.text(1)?, row.text(2)?)?;
        let limit = LimitName::parse(row.text(3)?)?;
        let route = Some(row.text(4)?).filter(|route| !route.is_empty());
        let route = route.map(RouteName::parse).transpose()?;
        let period = Span::new(row.count(5)?, Some(row.count(6)?))?;
        Counter::new(holder, limit, route, period)
    };
    read().map_err(rows::by_hand)
}

async fn forget(pools: &Pools, ended_ms: u64) -> Result<u64, StoreError> {
    let mut session = pools.write().await?;
    let ended = Value::Int(stored(ended_ms));
    let most = Value::Int(COUNTS_PER_CALL_MAX.into());
    let forgotten = session.execute(FORGET, &[ended, most]).await?;
    session.execute(FORGET_WRITERS, &[ended]).await?;
    session.commit().await?;
    Ok(forgotten)
}

/// As it is stored: nothing for all routes together.
pub(super) fn route(counter: &Counter) -> &str {
    counter.route.as_ref().map_or("", RouteName::as_str)
}
