//! Counts of quotas: added in batches, read, and forgotten when their period is long over.

use std::collections::HashMap;

use serde_json::json;

use super::notices::{self, Once};
use super::{Store, counted_logs, meters, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Session, Value, stored, within};
use crate::error::StoreError;
use crate::holder::{Holder, HolderKind};
use crate::limit_text::RouteName;
use crate::notice::Notice;
use crate::quota::{Added, Addition, Batch, Carried, Count, Counter, Share, Summed};
use crate::span::Span;
use crate::texts::{LimitName, Name};

/// The most counts that one call gives, or forgets.
pub const COUNTS_PER_CALL_MAX: u32 = 5_000;

/// Changes no row where this batch, or a later one, was counted.
const TAKE_BATCH: &str = "\
    INSERT INTO quota_writers (writer, batch, at_ms) VALUES ($1, $2, $3) \
    ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, at_ms = excluded.at_ms \
    WHERE quota_writers.batch < excluded.batch";

/// Counts of a batch whose quota was another one. As one statement: each costs a client as much as a
/// hundred rows.
const CHANGED_SQLITE: &str = "\
    SELECT c.kind, c.issuer, c.name, c.account, c.limit_name, c.route, c.from_ms, b.value ->> 7, \
        c.units, c.given_back, c.quota \
    FROM json_each($1) AS b JOIN quota_counts AS c \
    ON c.kind = b.value ->> 0 AND c.issuer = b.value ->> 1 AND c.name = b.value ->> 2 \
        AND c.account = b.value ->> 3 AND c.limit_name = b.value ->> 4 \
        AND c.route = b.value ->> 5 AND c.from_ms = b.value ->> 6 \
    WHERE c.quota <> b.value ->> 9";
const CHANGED_POSTGRES: &str = "\
    SELECT c.kind, c.issuer, c.name, c.account, c.limit_name, c.route, c.from_ms, \
        (b.value ->> 7)::bigint, c.units, c.given_back, c.quota \
    FROM json_array_elements($1::json) AS b (value) JOIN quota_counts AS c \
    ON c.kind = (b.value ->> 0)::bigint AND c.issuer = b.value ->> 1 AND c.name = b.value ->> 2 \
        AND c.account = b.value ->> 3 AND c.limit_name = b.value ->> 4 \
        AND c.route = b.value ->> 5 AND c.from_ms = (b.value ->> 6)::bigint \
    WHERE c.quota <> (b.value ->> 9)::bigint";

/// One writer of counts at a time: who carries over must see what all before it have added ("tolm" in
/// ASCII).
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(1953459309)";

/// SQLite has one writer anyway.
const AS_IT_IS: &str = "SELECT 1";

/// Counts in terms of another quota, all as one statement.
const CARRY_SQLITE: &str = "\
    UPDATE quota_counts SET units = b.value ->> 8, quota = b.value ->> 9 \
    FROM json_each($1) AS b \
    WHERE kind = b.value ->> 0 AND issuer = b.value ->> 1 AND name = b.value ->> 2 \
        AND account = b.value ->> 3 AND limit_name = b.value ->> 4 AND route = b.value ->> 5 \
        AND from_ms = b.value ->> 6";
const CARRY_POSTGRES: &str = "\
    UPDATE quota_counts AS c \
    SET units = (b.value ->> 8)::bigint, quota = (b.value ->> 9)::bigint \
    FROM json_array_elements($1::json) AS b (value) \
    WHERE c.kind = (b.value ->> 0)::bigint AND c.issuer = b.value ->> 1 \
        AND c.name = b.value ->> 2 AND c.account = b.value ->> 3 \
        AND c.limit_name = b.value ->> 4 AND c.route = b.value ->> 5 \
        AND c.from_ms = (b.value ->> 6)::bigint";

/// All of a batch, and what there is then.
const ADD_SQLITE: &str = "\
    INSERT INTO quota_counts \
        (kind, issuer, name, account, limit_name, route, from_ms, until_ms, units, quota) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
        value ->> 6, value ->> 7, value ->> 8, value ->> 9 \
    FROM json_each($1) WHERE true \
    ON CONFLICT (kind, issuer, name, account, limit_name, route, from_ms) \
    DO UPDATE SET units = quota_counts.units + excluded.units, quota = excluded.quota, \
        until_ms = excluded.until_ms \
    RETURNING kind, issuer, name, account, limit_name, route, from_ms, until_ms, units, given_back, quota";
const ADD_POSTGRES: &str = "\
    INSERT INTO quota_counts \
        (kind, issuer, name, account, limit_name, route, from_ms, until_ms, units, quota) \
    SELECT (value ->> 0)::bigint, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
        (value ->> 6)::bigint, (value ->> 7)::bigint, (value ->> 8)::bigint, (value ->> 9)::bigint \
    FROM json_array_elements($1::json) \
    ON CONFLICT (kind, issuer, name, account, limit_name, route, from_ms) \
    DO UPDATE SET units = quota_counts.units + excluded.units, quota = excluded.quota, \
        until_ms = excluded.until_ms \
    RETURNING kind, issuer, name, account, limit_name, route, from_ms, until_ms, units, given_back, quota";

const OF_HOLDER: &str = "\
    SELECT kind, issuer, name, account, limit_name, route, from_ms, until_ms, units, given_back, quota \
    FROM quota_counts \
    WHERE kind = $1 AND issuer = $2 AND name = $3 AND from_ms <= $4 AND until_ms > $4 \
    ORDER BY account, limit_name, route LIMIT $5";
const OF_ALL: &str = "\
    SELECT kind, issuer, name, account, limit_name, route, from_ms, until_ms, units, given_back, quota \
    FROM quota_counts \
    WHERE (kind, issuer, name, account, limit_name, route, from_ms) > ($1, $2, $3, $4, $5, $6, $7) \
    AND from_ms <= $8 AND until_ms > $8 \
    ORDER BY kind, issuer, name, account, limit_name, route, from_ms LIMIT $9";

/// Takes units off, all as one statement, and says what there is then.
const GIVE_BACK_SQLITE: &str = "\
    UPDATE quota_counts \
    SET units = max(units - (b.value ->> 8), 0), given_back = given_back + 1 \
    FROM json_each($1) AS b \
    WHERE kind = b.value ->> 0 AND issuer = b.value ->> 1 AND name = b.value ->> 2 \
        AND account = b.value ->> 3 AND limit_name = b.value ->> 4 AND route = b.value ->> 5 \
        AND from_ms = b.value ->> 6 \
    RETURNING kind, issuer, name, account, limit_name, route, from_ms, until_ms, units, given_back, quota";
const GIVE_BACK_POSTGRES: &str = "\
    UPDATE quota_counts AS c \
    SET units = greatest(c.units - (b.value ->> 8)::bigint, 0), given_back = c.given_back + 1 \
    FROM json_array_elements($1::json) AS b (value) \
    WHERE c.kind = (b.value ->> 0)::bigint AND c.issuer = b.value ->> 1 \
        AND c.name = b.value ->> 2 AND c.account = b.value ->> 3 \
        AND c.limit_name = b.value ->> 4 AND c.route = b.value ->> 5 \
        AND c.from_ms = (b.value ->> 6)::bigint \
    RETURNING c.kind, c.issuer, c.name, c.account, c.limit_name, c.route, c.from_ms, c.until_ms, \
        c.units, c.given_back, c.quota";

const FORGET: &str = "\
    DELETE FROM quota_counts WHERE (kind, issuer, name, account, limit_name, route, from_ms) IN \
    (SELECT kind, issuer, name, account, limit_name, route, from_ms FROM quota_counts \
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
        let added = within(
            CALL_WAIT_MAX,
            add(&self.pools, batch, now_ms, |_| Vec::new()),
        )
        .await?;
        Ok(added.map_or(Added::Before, |_| Added::Now))
    }

    /// As [`Store::add_counts`], and says what is counted then by each counter of the batch; `None`
    /// where the batch was counted before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_and_sum(&self, batch: &Batch) -> Result<Option<Vec<Count>>, StoreError> {
        self.add_and_tell(batch, |_| Vec::new()).await
    }

    /// As [`Store::add_and_sum`], and puts the notices that `told` makes of what was added into the outbox,
    /// all in one step: whatever happens, there is no count without its notice. `told` is not asked about a
    /// batch that was counted before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_and_tell(
        &self,
        batch: &Batch,
        told: impl FnOnce(&[Summed]) -> Vec<Notice>,
    ) -> Result<Option<Vec<Count>>, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(CALL_WAIT_MAX, add(&self.pools, batch, now_ms, told)).await
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
            Value::Text(last.map_or("", account)),
            Value::Text(last.map_or("", |last| last.limit.as_str())),
            Value::Text(last.map_or("", route)),
            Value::Int(last.map_or(0, |last| stored(last.from_ms()))),
            Value::Int(stored(at_ms)),
            Value::Int(COUNTS_PER_CALL_MAX.into()),
        ];
        within(CALL_WAIT_MAX, counts(&self.pools, OF_ALL, &values)).await
    }

    /// Takes the units of a batch off its counters, at most all that there are, all of it or nothing, and at
    /// most once. Says what is counted then, of those counters for which anything was: every instance that asks
    /// for them sees that it is less. `None` where the batch was taken before.
    ///
    /// # Errors
    /// When the store does not answer. Send the same batch again then.
    pub async fn give_back(&self, batch: &Batch) -> Result<Option<Vec<Count>>, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        let given = within_transaction(&self.pools, async |session| {
            if !take_batch(session, batch, now_ms).await? {
                return Ok(None);
            }
            let rows = rows_of(batch);
            carry_over(session, batch, &rows).await?;
            let statement = session.in_words_of(GIVE_BACK_SQLITE, GIVE_BACK_POSTGRES);
            let values = [Value::Text(&rows)];
            let counts = session.rows(statement, &values, count).await?;
            Ok(Some(counts))
        });
        within(CALL_WAIT_MAX, given).await
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

/// What is counted then; `None` where the batch was counted before.
async fn add(
    pools: &Pools,
    batch: &Batch,
    now_ms: u64,
    told: impl FnOnce(&[Summed]) -> Vec<Notice>,
) -> Result<Option<Vec<Count>>, StoreError> {
    within_transaction(pools, async |session| {
        add_in_transaction(session, batch, now_ms, told).await
    })
    .await
}

/// One transaction that writes; rolled back where there was nothing to do.
async fn within_transaction<T>(
    pools: &Pools,
    work: impl AsyncFnOnce(&mut Session) -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut session = pools.write().await?;
    match work(&mut session).await {
        Ok(Some(done)) => {
            session.commit().await?;
            Ok(Some(done))
        }
        Ok(None) => {
            session.roll_back().await?;
            Ok(None)
        }
        Err(error) => {
            // Where this fails too, the connection ends, and the transaction with it.
            let _ended = session.roll_back().await;
            Err(error)
        }
    }
}

/// `false` where this batch, or a later one of its writer, was taken before.
async fn take_batch(session: &mut Session, batch: &Batch, now_ms: u64) -> Result<bool, StoreError> {
    let writer = batch.writer.to_string();
    let values = [
        Value::Text(&writer),
        Value::Int(stored(batch.number)),
        Value::Int(stored(now_ms)),
    ];
    if !batch.units.is_empty() {
        let one_at_a_time = session.in_words_of(AS_IT_IS, ONE_AT_A_TIME);
        session.execute(one_at_a_time, &[]).await?;
    }
    Ok(session.execute(TAKE_BATCH, &values).await? > 0)
}

async fn add_in_transaction(
    session: &mut Session,
    batch: &Batch,
    now_ms: u64,
    told: impl FnOnce(&[Summed]) -> Vec<Notice>,
) -> Result<Option<Vec<Count>>, StoreError> {
    if !take_batch(session, batch, now_ms).await? {
        return Ok(None);
    }
    if let Some(step) = &batch.log {
        counted_logs::advance(session, step, now_ms).await?;
    }
    let sums = add_counts(session, batch).await?;
    meters::add(session, &batch.meters).await?;
    let made = told(&sums);
    if !made.is_empty() {
        let made: Vec<_> = made.iter().map(|one| (one, once(one, &sums))).collect();
        notices::post_within(session, &made, now_ms).await?;
    }
    Ok(Some(sums.into_iter().map(|sum| sum.count).collect()))
}

/// Of a quota that took another one's place, and of which as much of the share was carried over as the threshold
/// needs: what was told of the one before is not told again.
fn once(notice: &Notice, sums: &[Summed]) -> Once {
    let sum = sums.iter().find(|sum| sum.count.counter == notice.counter);
    let carried = sum.and_then(|sum| sum.carried.as_ref());
    let percent = notice.threshold_percent;
    match carried {
        Some(carried) if carried.before.has(percent) && carried.after.has(percent) => Once::APeriod,
        _ => Once::AQuota,
    }
}

async fn add_counts(session: &mut Session, batch: &Batch) -> Result<Vec<Summed>, StoreError> {
    if batch.units.is_empty() {
        return Ok(Vec::new());
    }
    let rows = rows_of(batch);
    let carried = carry_over(session, batch, &rows).await?;
    let statement = session.in_words_of(ADD_SQLITE, ADD_POSTGRES);
    let sums = session
        .rows(statement, &[Value::Text(&rows)], count)
        .await?;
    let summed = sums.into_iter().map(|count| {
        let added = batch.units.get(&count.counter);
        let added = added.map_or(0, |addition| addition.units);
        let carried = carried.get(&count.counter).copied();
        Summed {
            before: match carried {
                Some(_) => 0,
                None => count.units.saturating_sub(added),
            },
            carried,
            count,
        }
    });
    Ok(summed.collect())
}

fn rows_of(batch: &Batch) -> String {
    let units = batch.units.iter();
    let rows = units.map(|(counter, addition)| row(counter, addition));
    serde_json::Value::Array(rows.collect()).to_string()
}

/// A row as it is sent: the nine columns before the quota in their order, and the quota.
fn row(counter: &Counter, addition: &Addition) -> serde_json::Value {
    let holder = &counter.holder;
    json!([
        holder.kind.number(),
        holder.issuer.as_str(),
        holder.name.as_str(),
        account(counter),
        counter.limit.as_str(),
        route(counter),
        counter.from_ms(),
        counter.until_ms(),
        addition.units,
        addition.quota,
    ])
}

/// Puts what was counted under quotas that were others in terms of those of the batch; says which, and how.
async fn carry_over(
    session: &mut Session,
    batch: &Batch,
    rows: &str,
) -> Result<HashMap<Counter, Carried>, StoreError> {
    let statement = session.in_words_of(CHANGED_SQLITE, CHANGED_POSTGRES);
    let changed = session.rows(statement, &[Value::Text(rows)], count).await?;
    let mut carried = HashMap::new();
    let mut rows = Vec::new();
    for before in changed {
        let Some(addition) = batch.units.get(&before.counter) else {
            continue;
        };
        let units = before.units_of(addition.quota, addition.carry);
        rows.push(row(&before.counter, &Addition { units, ..*addition }));
        let share = |units, quota| Share { units, quota };
        let change = Carried {
            before: share(before.units, before.quota),
            after: share(units, addition.quota),
        };
        carried.insert(before.counter, change);
    }
    if !rows.is_empty() {
        let rows = serde_json::Value::Array(rows).to_string();
        let statement = session.in_words_of(CARRY_SQLITE, CARRY_POSTGRES);
        session.execute(statement, &[Value::Text(&rows)]).await?;
    }
    Ok(carried)
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
        units: row.count(8)?,
        given_back: row.count(9)?,
        quota: row.count(10)?,
    })
}

/// A counter, from the first eight columns.
pub(super) fn counter(row: &Row<'_>) -> Result<Counter, StoreError> {
    let read = || {
        let kind = HolderKind::of_number(row.int(0)?)?;
        let holder = Holder::new(kind, row.text(1)?, row.text(2)?)?;
        let account = Some(row.text(3)?).filter(|account| !account.is_empty());
        let account = account.map(Name::parse).transpose()?;
        let limit = LimitName::parse(row.text(4)?)?;
        let route = Some(row.text(5)?).filter(|route| !route.is_empty());
        let route = route.map(RouteName::parse).transpose()?;
        let period = Span::new(row.count(6)?, Some(row.count(7)?))?;
        Ok(Counter::new(holder, limit, route, period)?.in_account(account))
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

/// As it is stored: nothing for none.
pub(super) fn account(counter: &Counter) -> &str {
    counter.account.as_ref().map_or("", Name::as_str)
}

/// As it is stored: nothing for all routes together.
pub(super) fn route(counter: &Counter) -> &str {
    counter.route.as_ref().map_or("", RouteName::as_str)
}
