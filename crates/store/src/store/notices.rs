//! The outbox: notices wait in the store until somebody has delivered them, through every channel.
//!
//! Whoever finds something to tell posts a notice and needs to know no channel. Whoever delivers hands new ones to
//! the channels that there are, and then takes from each channel what is due. What was taken is the taker's for a
//! while. If it is not settled in that time, because its taker was killed, it is taken again: nothing is lost,
//! and what was delivered without having been settled comes twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Store, quota, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Session, Value, stored, within};
use crate::error::StoreError;
use crate::notice::{Attempted, Channel, DueNotice, Notice, NoticeTotals, Taken};
use crate::quota::Counter;

/// The most notices that are handed out, taken or forgotten at a time.
pub const NOTICES_PER_CALL_MAX: u32 = 100;

pub(super) const WAITING: i64 = 1;
pub(super) const DELIVERED: i64 = 2;
pub(super) const GIVEN_UP: i64 = 3;

/// All of them as one statement. Of those that say so, none where the threshold was told before, of whatever quota.
const POST_SQLITE: &str = "\
    INSERT INTO notices (kind, issuer, name, account, limit_name, route, from_ms, until_ms, \
        threshold_percent, quota, body, made_ms, state, attempts, due_ms) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
        value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, $2, 1, 0, $2 \
    FROM json_each($1) WHERE value ->> 11 = 'once a quota' OR NOT EXISTS \
        (SELECT 1 FROM notices AS told WHERE told.kind = value ->> 0 AND told.issuer = value ->> 1 \
         AND told.name = value ->> 2 AND told.account = value ->> 3 AND told.limit_name = value ->> 4 \
         AND told.route = value ->> 5 AND told.from_ms = value ->> 6 \
         AND told.threshold_percent = value ->> 8) \
    ON CONFLICT (kind, issuer, name, account, limit_name, route, from_ms, threshold_percent, quota) \
    DO NOTHING";
const POST_POSTGRES: &str = "\
    INSERT INTO notices (kind, issuer, name, account, limit_name, route, from_ms, until_ms, \
        threshold_percent, quota, body, made_ms, state, attempts, due_ms) \
    SELECT (value ->> 0)::bigint, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
        value ->> 5, (value ->> 6)::bigint, (value ->> 7)::bigint, (value ->> 8)::bigint, \
        (value ->> 9)::bigint, value ->> 10, $2, 1, 0, $2 \
    FROM json_array_elements($1::json) WHERE value ->> 11 = 'once a quota' OR NOT EXISTS \
        (SELECT 1 FROM notices AS told WHERE told.kind = (value ->> 0)::bigint \
         AND told.issuer = value ->> 1 AND told.name = value ->> 2 AND told.account = value ->> 3 \
         AND told.limit_name = value ->> 4 AND told.route = value ->> 5 \
         AND told.from_ms = (value ->> 6)::bigint AND told.threshold_percent = (value ->> 8)::bigint) \
    ON CONFLICT (kind, issuer, name, account, limit_name, route, from_ms, threshold_percent, quota) \
    DO NOTHING";

/// SQLite has one writer at a time: both of its statements see the same notices. PostgreSQL may have got new ones
/// in between, which would be marked as handed out and never were.
const HAND_OUT_SQLITE: [&str; 2] = [
    "INSERT INTO notice_deliveries (notice, channel, state, attempts, due_ms) \
     SELECT new.id, channel.value, 1, 0, new.made_ms \
     FROM (SELECT id, made_ms FROM notices WHERE state = 1 ORDER BY id LIMIT $1) AS new, \
         json_each($2) AS channel",
    "UPDATE notices SET state = 4 WHERE id IN \
     (SELECT id FROM notices WHERE state = 1 ORDER BY id LIMIT $1)",
];
const HAND_OUT_POSTGRES: &str = "\
    WITH new AS (UPDATE notices SET state = 4 WHERE id = ANY (ARRAY \
        (SELECT id FROM notices WHERE state = 1 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)) \
        RETURNING id, made_ms) \
    INSERT INTO notice_deliveries (notice, channel, state, attempts, due_ms) \
    SELECT new.id, channel.value::bigint, 1, 0, new.made_ms \
    FROM new, json_array_elements_text($2::json) AS channel";

/// Several take at a time: on PostgreSQL each leaves what another is about to take, on SQLite they come one
/// after the other. As an array it is selected once, whatever the planner does.
const TAKE_SQLITE: &str = "\
    UPDATE notice_deliveries SET attempts = attempts + 1, due_ms = $2 \
    WHERE channel = $3 AND notice IN \
        (SELECT notice FROM notice_deliveries WHERE channel = $3 AND state = 1 AND due_ms <= $1 \
         ORDER BY due_ms, notice LIMIT $4) \
    RETURNING notice";
const TAKE_POSTGRES: &str = "\
    UPDATE notice_deliveries SET attempts = attempts + 1, due_ms = $2 \
    WHERE channel = $3 AND notice = ANY (ARRAY \
        (SELECT notice FROM notice_deliveries WHERE channel = $3 AND state = 1 AND due_ms <= $1 \
         ORDER BY due_ms, notice LIMIT $4 FOR UPDATE SKIP LOCKED)) \
    RETURNING notice";

const READ_TAKEN_SQLITE: &str = "\
    SELECT kind, issuer, name, account, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, quota, body, made_ms, delivery.attempts \
    FROM notices JOIN notice_deliveries AS delivery ON delivery.notice = id \
    WHERE delivery.channel = $1 AND id IN (SELECT value FROM json_each($2)) ORDER BY made_ms, id";
const READ_TAKEN_POSTGRES: &str = "\
    SELECT kind, issuer, name, account, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, quota, body, made_ms, delivery.attempts \
    FROM notices JOIN notice_deliveries AS delivery ON delivery.notice = id \
    WHERE delivery.channel = $1 \
        AND id IN (SELECT value::bigint FROM json_array_elements_text($2::json) AS value) \
    ORDER BY made_ms, id";

/// Only by who has it still: another attempt may be under way since.
const SETTLE: &str = "\
    UPDATE notice_deliveries SET state = $4, due_ms = $5 \
    WHERE notice = $1 AND channel = $2 AND attempts = $3 AND state = 1";

const GIVE_UP: &str = "\
    UPDATE notice_deliveries SET state = 3 WHERE channel = $1 AND notice IN \
    (SELECT id FROM notices JOIN notice_deliveries AS delivery ON delivery.notice = id \
     WHERE delivery.channel = $1 AND delivery.state = 1 AND delivery.due_ms <= $2 \
         AND made_ms <= $3 LIMIT $4)";

const WAITING_BY_CHANNEL: &str = "\
    SELECT channel, count(*) FROM notice_deliveries WHERE state = 1 GROUP BY channel";
const NEW: &str = "SELECT count(*) FROM notices WHERE state = 1";
const TOTALS: &str =
    "SELECT channel, state, count(*) FROM notice_deliveries GROUP BY channel, state";
const FORGET: &str = "\
    DELETE FROM notices WHERE id IN \
    (SELECT id FROM notices WHERE until_ms <= $1 AND state <> 1 AND NOT EXISTS \
        (SELECT 1 FROM notice_deliveries AS delivery \
         WHERE delivery.notice = id AND delivery.state = 1) \
     LIMIT $2)";

impl Store {
    /// Puts a notice into the outbox; `false` if there is one of this counter, threshold and quota already.
    ///
    /// # Errors
    /// When the store does not answer. Post it again then: it is there once.
    pub async fn post_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(CALL_WAIT_MAX, post(&self.pools, notice, now_ms)).await
    }

    /// Hands new notices, at most [`NOTICES_PER_CALL_MAX`], to these channels and no others, ever. Returns how
    /// many deliveries that makes; ask again until it is none. Without any channel nothing is handed out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hand_out_notices(&self, channels: &[Channel]) -> Result<u64, StoreError> {
        if channels.is_empty() {
            return Ok(0);
        }
        within(CALL_WAIT_MAX, hand_out(&self.pools, channels)).await
    }

    /// Takes notices that are due on a channel, the oldest first, at most `most` and [`NOTICES_PER_CALL_MAX`].
    /// Each is the caller's for `lease`; after that it is due again, unless it was settled.
    ///
    /// # Errors
    /// When the store does not answer. What was taken then is due again after the lease.
    pub async fn take_notices(
        &self,
        channel: Channel,
        most: u32,
        lease: Duration,
    ) -> Result<Taken, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let values = [
            Value::Int(stored(now_ms)),
            Value::Int(stored(now_ms.saturating_add(lease_ms))),
            Value::Int(channel.number()),
            Value::Int(most.min(NOTICES_PER_CALL_MAX).into()),
        ];
        within(CALL_WAIT_MAX, take(&self.pools, channel, &values)).await
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

    /// Gives up what waits on a channel that nobody delivers any more: notices made by `made_ms` that nobody has
    /// taken now, at most [`NOTICES_PER_CALL_MAX`]. Returns how many; ask again until it is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn give_up_notices(&self, channel: Channel, made_ms: u64) -> Result<u64, StoreError> {
        let values = [
            Value::Int(channel.number()),
            Value::Int(stored(self.clock.now().unix_ms)),
            Value::Int(stored(made_ms)),
            Value::Int(NOTICES_PER_CALL_MAX.into()),
        ];
        within(
            CALL_WAIT_MAX,
            rows::change_alone(&self.pools, GIVE_UP, &values),
        )
        .await
    }

    /// How many notices there are, over all channels.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn notice_totals(&self) -> Result<NoticeTotals, StoreError> {
        within(CALL_WAIT_MAX, async {
            let mut totals = NoticeTotals {
                waiting: new(&self.pools).await?,
                ..NoticeTotals::default()
            };
            for of in by_channel(&self.pools).await?.into_values() {
                totals.waiting += of.waiting;
                totals.delivered += of.delivered;
                totals.given_up += of.given_up;
            }
            Ok(totals)
        })
        .await
    }

    /// How many notices wait on each channel; less work than [`Store::channel_totals`], for who asks often.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn notices_waiting(&self) -> Result<BTreeMap<Channel, u64>, StoreError> {
        within(CALL_WAIT_MAX, waiting(&self.pools)).await
    }

    /// How many notices were handed to each channel.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn channel_totals(&self) -> Result<BTreeMap<Channel, NoticeTotals>, StoreError> {
        within(CALL_WAIT_MAX, by_channel(&self.pools)).await
    }

    /// Forgets notices of periods that ended by `ended_ms` and that wait on no channel, at most
    /// [`NOTICES_PER_CALL_MAX`]. Returns how many; ask again until it is none.
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
    let mut session = pools.write().await?;
    let new = post_within(&mut session, &[(notice, Once::AQuota)], now_ms).await?;
    session.commit().await?;
    Ok(new == 1)
}

/// How often a threshold is told in a period.
#[derive(Clone, Copy)]
pub(super) enum Once {
    /// Once of each quota.
    AQuota,
    /// Once, of whatever quota it was: the share has not been below it since.
    APeriod,
}

/// Within a transaction that writes; returns how many there were not yet.
pub(super) async fn post_within(
    session: &mut Session,
    notices: &[(&Notice, Once)],
    now_ms: u64,
) -> Result<u64, StoreError> {
    let rows = notices.iter().map(|(notice, once)| {
        let counter = &notice.counter;
        json!([
            counter.holder.kind.number(),
            counter.holder.issuer.as_str(),
            counter.holder.name.as_str(),
            quota::account(counter),
            counter.limit.as_str(),
            quota::route(counter),
            counter.from_ms(),
            counter.until_ms(),
            notice.threshold_percent,
            stored(notice.quota),
            notice.body(),
            match once {
                Once::AQuota => "once a quota",
                Once::APeriod => "once a period",
            },
        ])
    });
    let rows = serde_json::Value::Array(rows.collect()).to_string();
    let values = [Value::Text(&rows), Value::Int(stored(now_ms))];
    let statement = session.in_words_of(POST_SQLITE, POST_POSTGRES);
    session.execute(statement, &values).await
}

async fn hand_out(pools: &Pools, channels: &[Channel]) -> Result<u64, StoreError> {
    let mut session = pools.write().await?;
    let numbers = json_list(channels.iter().map(|channel| channel.number()));
    let most = Value::Int(NOTICES_PER_CALL_MAX.into());
    let values = [most, Value::Text(&numbers)];
    let [insert, mark] = HAND_OUT_SQLITE;
    let statement = session.in_words_of(insert, HAND_OUT_POSTGRES);
    let made = session.execute(statement, &values).await?;
    if statement == insert {
        session.execute(mark, &[most]).await?;
    }
    session.commit().await?;
    Ok(made)
}

async fn take(pools: &Pools, channel: Channel, values: &[Value<'_>]) -> Result<Taken, StoreError> {
    let mut session = pools.write().await?;
    let statement = session.in_words_of(TAKE_SQLITE, TAKE_POSTGRES);
    let taken = session.rows(statement, values, |row| row.int(0)).await?;
    let read = read_taken(&mut session, channel, taken).await?;
    session.commit().await?;
    Ok(read)
}

async fn read_taken(
    session: &mut Session,
    channel: Channel,
    taken: Vec<i64>,
) -> Result<Taken, StoreError> {
    if taken.is_empty() {
        return Ok(Taken::default());
    }
    let numbers = json_list(taken.into_iter());
    let values = [Value::Int(channel.number()), Value::Text(&numbers)];
    let statement = session.in_words_of(READ_TAKEN_SQLITE, READ_TAKEN_POSTGRES);
    let mut read = Taken::default();
    session
        .each(statement, &values, |row| {
            match due(row, channel).map_err(rows::by_hand) {
                Ok(notice) => read.notices.push(notice),
                Err(StoreError::Damaged { .. }) => read.unreadable += 1,
                Err(error) => return Err(error),
            }
            Ok(())
        })
        .await?;
    Ok(read)
}

fn due(row: &Row<'_>, channel: Channel) -> Result<DueNotice, StoreError> {
    let counter = quota::counter(row)?;
    Ok(DueNotice {
        id: row.count(8)?,
        channel,
        notice: notice(row, counter)?,
        made_ms: row.count(12)?,
        attempt: rows::small(row, 13)?,
    })
}

/// A notice, from the three columns after its number.
pub(super) fn notice(row: &Row<'_>, counter: Counter) -> Result<Notice, StoreError> {
    let (percent, quota) = (rows::small(row, 9)?, row.count(10)?);
    Notice::new(counter, percent, quota, row.text(11)?.to_owned())
}

async fn settle(pools: &Pools, taken: &DueNotice, what: Attempted) -> Result<bool, StoreError> {
    let (state, due_ms) = match what {
        Attempted::Delivered => (DELIVERED, taken.made_ms),
        Attempted::AgainAtMs(at_ms) => (WAITING, at_ms),
        Attempted::GivenUp => (GIVEN_UP, taken.made_ms),
    };
    let values = [
        Value::Int(stored(taken.id)),
        Value::Int(taken.channel.number()),
        Value::Int(taken.attempt.into()),
        Value::Int(state),
        Value::Int(stored(due_ms)),
    ];
    Ok(rows::change_alone(pools, SETTLE, &values).await? == 1)
}

async fn new(pools: &Pools) -> Result<u64, StoreError> {
    let mut session = pools.read().await?;
    let count = session.first(NEW, &[], |row| row.count(0)).await?;
    session.done();
    Ok(count.unwrap_or_default())
}

async fn waiting(pools: &Pools) -> Result<BTreeMap<Channel, u64>, StoreError> {
    let mut session = pools.read().await?;
    let read = |row: &Row<'_>| Ok((Channel::of_number(row.int(0)?), row.count(1)?));
    let rows = session.rows(WAITING_BY_CHANNEL, &[], read).await?;
    session.done();
    let known = rows
        .into_iter()
        .filter_map(|(channel, count)| Some((channel?, count)));
    Ok(known.collect())
}

async fn by_channel(pools: &Pools) -> Result<BTreeMap<Channel, NoticeTotals>, StoreError> {
    let mut session = pools.read().await?;
    let mut all: BTreeMap<Channel, NoticeTotals> = BTreeMap::new();
    session
        .each(TOTALS, &[], |row| {
            let Some(channel) = Channel::of_number(row.int(0)?) else {
                return Ok(());
            };
            let of = all.entry(channel).or_default();
            match row.int(1)? {
                WAITING => of.waiting = row.count(2)?,
                DELIVERED => of.delivered = row.count(2)?,
                GIVEN_UP => of.given_up = row.count(2)?,
                _ => {}
            }
            Ok(())
        })
        .await?;
    session.done();
    Ok(all)
}

fn json_list(numbers: impl Iterator<Item = i64>) -> String {
    serde_json::Value::Array(numbers.map(Into::into).collect()).to_string()
}
