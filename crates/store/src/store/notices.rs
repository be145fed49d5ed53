//! The outbox: notices wait in the store until somebody has delivered them.
//!
//! Whoever takes a notice has it for a while. One that is not settled in that time, because its taker was
//! killed, is taken again: nothing is lost, and what was delivered without having been settled comes
//! twice, under the same number.

use std::time::Duration;

use super::{Store, quota, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Value, stored, within};
use crate::error::StoreError;
use crate::notice::{Attempted, DueNotice, Notice, NoticeTotals};

/// The most notices that are taken, or forgotten, at a time.
pub const NOTICES_PER_CALL_MAX: u32 = 100;

pub(super) const WAITING: i64 = 1;
pub(super) const DELIVERED: i64 = 2;
pub(super) const GIVEN_UP: i64 = 3;

const POST: &str = "\
    INSERT INTO notices (kind, issuer, name, limit_name, route, from_ms, until_ms, \
        threshold_percent, body, made_ms, state, attempts, due_ms) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, 0, $10) \
    ON CONFLICT (kind, issuer, name, limit_name, route, from_ms, threshold_percent) DO NOTHING";

/// Several take at a time: on PostgreSQL each leaves what another is about to take, on SQLite they come one
/// after the other. As an array it is selected once, whatever the planner does.
const TAKE_SQLITE: &str = "\
    UPDATE notices SET attempts = attempts + 1, due_ms = $2 WHERE id IN \
        (SELECT id FROM notices WHERE state = 1 AND due_ms <= $1 ORDER BY due_ms, id LIMIT $3) \
    RETURNING kind, issuer, name, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, body, made_ms, attempts";
const TAKE_POSTGRES: &str = "\
    UPDATE notices SET attempts = attempts + 1, due_ms = $2 WHERE id = ANY (ARRAY \
        (SELECT id FROM notices WHERE state = 1 AND due_ms <= $1 ORDER BY due_ms, id LIMIT $3 \
         FOR UPDATE SKIP LOCKED)) \
    RETURNING kind, issuer, name, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, body, made_ms, attempts";

/// Only by who has it still: another attempt may be under way since.
const SETTLE: &str = "\
    UPDATE notices SET state = $3, due_ms = $4 \
    WHERE id = $1 AND attempts = $2 AND state = 1";

const TOTALS: &str = "SELECT state, count(*) FROM notices GROUP BY state";
const FORGET: &str = "\
    DELETE FROM notices WHERE id IN \
    (SELECT id FROM notices WHERE until_ms <= $1 AND state <> 1 LIMIT $2)";

impl Store {
    /// Puts a notice into the outbox; `false` if there is one of this counter and threshold already.
    ///
    /// # Errors
    /// When the store does not answer. Post it again then: it is there once.
    pub async fn post_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(CALL_WAIT_MAX, post(&self.pools, notice, now_ms)).await
    }

    /// Takes notices that are due, the oldest first, at most [`NOTICES_PER_CALL_MAX`]. Each is the caller's for
    /// `lease`; after that it is due again, unless it was settled.
    ///
    /// # Errors
    /// When the store does not answer. What was taken then is due again after the lease.
    pub async fn take_notices(&self, lease: Duration) -> Result<Vec<DueNotice>, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let until_ms = now_ms.saturating_add(lease_ms);
        within(CALL_WAIT_MAX, take(&self.pools, now_ms, until_ms)).await
    }

    /// Says what became of a notice that was taken; `false` if it was taken again since, or is settled.
    ///
    /// # Errors
    /// When the store does not answer. The notice may come again then.
    pub async fn settle_notice(
        &self,
        taken: &DueNotice,
        what: Attempted,
    ) -> Result<bool, StoreError> {
        within(CALL_WAIT_MAX, settle(&self.pools, taken, what)).await
    }

    /// How many notices there are.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn notice_totals(&self) -> Result<NoticeTotals, StoreError> {
        within(CALL_WAIT_MAX, totals(&self.pools)).await
    }

    /// Forgets settled notices of periods that ended by `ended_ms`, at most [`NOTICES_PER_CALL_MAX`].
    /// Returns how many; ask again until it is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_notices(&self, ended_ms: u64) -> Result<u64, StoreError> {
        let values = [
            Value::Int(stored(ended_ms)),
            Value::Int(NOTICES_PER_CALL_MAX.into()),
        ];
        within(
            CALL_WAIT_MAX,
            rows::change_alone(&self.pools, FORGET, &values),
        )
        .await
    }
}

async fn post(pools: &Pools, notice: &Notice, now_ms: u64) -> Result<bool, StoreError> {
    let counter = &notice.counter;
    let [kind, issuer, name] = rows::key(&counter.holder);
    let values = [
        kind,
        issuer,
        name,
        Value::Text(counter.limit.as_str()),
        Value::Text(quota::route(counter)),
        Value::Int(stored(counter.from_ms())),
        Value::Int(stored(counter.until_ms())),
        Value::Int(notice.threshold_percent.into()),
        Value::Text(notice.body()),
        Value::Int(stored(now_ms)),
    ];
    Ok(rows::change_alone(pools, POST, &values).await? == 1)
}

async fn take(pools: &Pools, now_ms: u64, until_ms: u64) -> Result<Vec<DueNotice>, StoreError> {
    let mut session = pools.write().await?;
    let values = [
        Value::Int(stored(now_ms)),
        Value::Int(stored(until_ms)),
        Value::Int(NOTICES_PER_CALL_MAX.into()),
    ];
    let statement = session.in_words_of(TAKE_SQLITE, TAKE_POSTGRES);
    let mut taken = session.rows(statement, &values, due).await?;
    session.commit().await?;
    // An UPDATE gives its rows in no order.
    taken.sort_by_key(|due| (due.made_ms, due.id));
    Ok(taken)
}

fn due(row: &Row<'_>) -> Result<DueNotice, StoreError> {
    let read = || {
        let counter = quota::counter(row)?;
        let small = |column| {
            let number = row.int(column)?;
            u32::try_from(number).map_err(|_| StoreError::damaged("a number", number))
        };
        Ok(DueNotice {
            id: row.count(7)?,
            notice: Notice::new(counter, small(8)?, row.text(9)?.to_owned())?,
            made_ms: row.count(10)?,
            attempt: small(11)?,
        })
    };
    read().map_err(rows::by_hand)
}

async fn settle(pools: &Pools, taken: &DueNotice, what: Attempted) -> Result<bool, StoreError> {
    let (state, due_ms) = match what {
        Attempted::Delivered => (DELIVERED, taken.made_ms),
        Attempted::AgainAtMs(at_ms) => (WAITING, at_ms),
        Attempted::GivenUp => (GIVEN_UP, taken.made_ms),
    };
    let values = [
        Value::Int(stored(taken.id)),
        Value::Int(taken.attempt.into()),
        Value::Int(state),
        Value::Int(stored(due_ms)),
    ];
    Ok(rows::change_alone(pools, SETTLE, &values).await? == 1)
}

async fn totals(pools: &Pools) -> Result<NoticeTotals, StoreError> {
    let mut session = pools.read().await?;
    let read = |row: &Row<'_>| Ok((row.int(0)?, row.count(1)?));
    let counts = session.rows(TOTALS, &[], read).await?;
    session.done();
    let of = |state| counts.iter().filter(move |(of, _)| *of == state);
    let count = |state| of(state).map(|(_, count)| *count).sum();
    Ok(NoticeTotals {
        waiting: count(WAITING),
        delivered: count(DELIVERED),
        given_up: count(GIVEN_UP),
    })
}
