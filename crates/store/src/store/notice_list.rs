//! Notices as people look at them: a list, and one to be tried again now.

use serde_json::json;

use super::notices::{self, DELIVERED, GIVEN_UP, WAITING};
use super::{Store, quota, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Session, Value, stored, within};
use crate::error::StoreError;
use crate::notice::{Channel, Delivery, ListedNotice, NoticeState, Retried};
use crate::page::{Filling, Page};

const ALL: &str = "\
    SELECT kind, issuer, name, account, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, quota, body, made_ms \
    FROM notices WHERE id > $1 ORDER BY id LIMIT $2";
/// One that was not handed out yet waits; its own state has that of a delivery, or says that it has some.
const OF_STATE: &str = "\
    SELECT kind, issuer, name, account, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, quota, body, made_ms \
    FROM notices WHERE id > $1 AND (state = $3 OR EXISTS \
        (SELECT 1 FROM notice_deliveries AS delivery \
         WHERE delivery.notice = id AND delivery.state = $3)) \
    ORDER BY id LIMIT $2";

const DELIVERIES_SQLITE: &str = "\
    SELECT notice, channel, state, attempts, due_ms FROM notice_deliveries \
    WHERE notice IN (SELECT value FROM json_each($1)) ORDER BY notice, channel";
const DELIVERIES_POSTGRES: &str = "\
    SELECT notice, channel, state, attempts, due_ms FROM notice_deliveries \
    WHERE notice IN (SELECT value::bigint FROM json_array_elements_text($1::json) AS value) \
    ORDER BY notice, channel";

const RETRY: &str = "\
    UPDATE notice_deliveries SET state = 1, due_ms = $2 WHERE notice = $1 AND state <> 2";
const STATE: &str = "SELECT state FROM notices WHERE id = $1";

impl Store {
    /// Notices after a number, in the order of their numbers: all, or those that are in a state on one of their
    /// channels; at most `limit`, itself at most [`crate::PAGE_ENTRIES_MAX`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn notices_after(
        &self,
        id: u64,
        state: Option<NoticeState>,
        limit: u32,
    ) -> Result<Page<ListedNotice>, StoreError> {
        within(CALL_WAIT_MAX, list(&self.pools, id, state, limit)).await
    }

    /// Makes a notice due now on each channel where it waits or was given up. One that somebody is just
    /// delivering may arrive twice, under the same number.
    ///
    /// # Errors
    /// When the store does not answer. Ask again then: it does no harm.
    pub async fn retry_notice(&self, id: u64) -> Result<Retried, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(CALL_WAIT_MAX, retry(&self.pools, id, now_ms)).await
    }
}

async fn list(
    pools: &Pools,
    id: u64,
    state: Option<NoticeState>,
    limit: u32,
) -> Result<Page<ListedNotice>, StoreError> {
    let mut filling = Filling::new(limit);
    let mut values = vec![Value::Int(stored(id)), Value::Int(filling.asked())];
    values.extend(state.map(|state| Value::Int(number(state))));
    let statement = if state.is_some() { OF_STATE } else { ALL };
    let mut session = pools.read().await?;
    let look = |row: &Row<'_>| {
        if filling.has_room() {
            let notice = listed(row)?;
            let bytes = notice.notice.body().len();
            filling.add(notice, bytes);
        }
        Ok(())
    };
    session.each(statement, &values, look).await?;
    let mut page = filling.into_page();
    add_deliveries(&mut session, &mut page.entries).await?;
    session.done();
    Ok(page)
}

/// To notices in the order of their numbers.
async fn add_deliveries(
    session: &mut Session,
    notices: &mut [ListedNotice],
) -> Result<(), StoreError> {
    let ids: Vec<u64> = notices.iter().map(|notice| notice.id).collect();
    let ids = json!(ids).to_string();
    let statement = session.in_words_of(DELIVERIES_SQLITE, DELIVERIES_POSTGRES);
    let look = |row: &Row<'_>| {
        let id = row.count(0)?;
        let at = notices.binary_search_by_key(&id, |notice| notice.id);
        let notice = at.ok().and_then(|at| notices.get_mut(at));
        if let (Some(notice), Some(delivery)) = (notice, delivery(row)?) {
            notice.deliveries.push(delivery);
        }
        Ok(())
    };
    session.each(statement, &[Value::Text(&ids)], look).await
}

async fn retry(pools: &Pools, id: u64, now_ms: u64) -> Result<Retried, StoreError> {
    let values = [Value::Int(stored(id)), Value::Int(stored(now_ms))];
    if rows::change_alone(pools, RETRY, &values).await? > 0 {
        return Ok(Retried::Due);
    }
    let mut session = pools.read().await?;
    let state = session.first(STATE, &values[..1], |row| row.int(0)).await?;
    session.done();
    Ok(match state {
        None => Retried::NotThere,
        // Not handed to its channels yet; due on them as soon as it is.
        Some(WAITING) => Retried::Due,
        Some(_) => Retried::Delivered,
    })
}

fn listed(row: &Row<'_>) -> Result<ListedNotice, StoreError> {
    let read = || {
        let counter = quota::counter(row)?;
        Ok(ListedNotice {
            id: row.count(8)?,
            notice: notices::notice(row, counter)?,
            made_ms: row.count(12)?,
            deliveries: Vec::new(),
        })
    };
    read().map_err(rows::by_hand)
}

/// `None` on a channel that only a newer version knows.
fn delivery(row: &Row<'_>) -> Result<Option<Delivery>, StoreError> {
    let Some(channel) = Channel::of_number(row.int(1)?) else {
        return Ok(None);
    };
    Ok(Some(Delivery {
        channel,
        state: state(row.int(2)?)?,
        attempts: rows::small(row, 3)?,
        due_ms: row.count(4)?,
    }))
}

fn number(state: NoticeState) -> i64 {
    match state {
        NoticeState::Waiting => WAITING,
        NoticeState::Delivered => DELIVERED,
        NoticeState::GivenUp => GIVEN_UP,
    }
}

fn state(number: i64) -> Result<NoticeState, StoreError> {
    match number {
        WAITING => Ok(NoticeState::Waiting),
        DELIVERED => Ok(NoticeState::Delivered),
        GIVEN_UP => Ok(NoticeState::GivenUp),
        other => Err(StoreError::damaged("state of a notice", other)),
    }
}
