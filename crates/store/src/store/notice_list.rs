//! Notices as people look at them: a list, and one to be tried again now.

use super::notices::{DELIVERED, GIVEN_UP, WAITING};
use super::{Store, quota, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Value, stored, within};
use crate::error::StoreError;
use crate::notice::{ListedNotice, Notice, NoticeState, Retried};
use crate::page::{Filling, Page};

const ALL: &str = "\
    SELECT kind, issuer, name, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, body, made_ms, state, attempts, due_ms \
    FROM notices WHERE id > $1 ORDER BY id LIMIT $2";
const OF_STATE: &str = "\
    SELECT kind, issuer, name, limit_name, route, from_ms, until_ms, \
        id, threshold_percent, body, made_ms, state, attempts, due_ms \
    FROM notices WHERE state = $3 AND id > $1 ORDER BY id LIMIT $2";

const RETRY: &str = "UPDATE notices SET state = 1, due_ms = $2 WHERE id = $1 AND state <> 2";
const IS_THERE: &str = "SELECT id FROM notices WHERE id = $1";

impl Store {
    /// Notices after a number, in the order of their numbers: all, or those of one state; at most `limit`,
    /// itself at most [`crate::PAGE_ENTRIES_MAX`].
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

    /// Makes a notice due now that waits or was given up. One that somebody is just delivering may arrive
    /// twice, under the same number.
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
    session.done();
    Ok(filling.into_page())
}

async fn retry(pools: &Pools, id: u64, now_ms: u64) -> Result<Retried, StoreError> {
    let values = [Value::Int(stored(id)), Value::Int(stored(now_ms))];
    if rows::change_alone(pools, RETRY, &values).await? == 1 {
        return Ok(Retried::Due);
    }
    let mut session = pools.read().await?;
    let found = session.first(IS_THERE, &values[..1], |row| row.count(0));
    let found = found.await?;
    session.done();
    Ok(found.map_or(Retried::NotThere, |_| Retried::Delivered))
}

fn listed(row: &Row<'_>) -> Result<ListedNotice, StoreError> {
    let read = || {
        let small = |column| {
            let number = row.int(column)?;
            u32::try_from(number).map_err(|_| StoreError::damaged("a number", number))
        };
        let counter = quota::counter(row)?;
        Ok(ListedNotice {
            id: row.count(7)?,
            notice: Notice::new(counter, small(8)?, row.text(9)?.to_owned())?,
            made_ms: row.count(10)?,
            state: state(row.int(11)?)?,
            attempts: small(12)?,
            due_ms: row.count(13)?,
        })
    };
    read().map_err(rows::by_hand)
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
