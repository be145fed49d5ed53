//! The audit of what is no change of a holder: written before it is done, closed when it has ended.

use super::{Store, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Value, stored, within};
use crate::error::StoreError;
use crate::operation::{NewOperation, Operation, OperationId, OperationState};
use crate::page::{Filling, Page};
use crate::texts::{Name, Note, OperationName};

const BEGUN: i64 = 1;
const DONE: i64 = 2;
const FAILED: i64 = 3;

/// As with changes: under the feed's lock numbers become visible in their order, and a reader that goes
/// on after the last one misses none.
const IN_ORDER: &str = "UPDATE feed SET seq = seq WHERE one = 1";
const BEGIN: &str = "\
    INSERT INTO operations (at_ms, by_whom, what, detail, note, state, ended_ms) \
    VALUES ($1, $2, $3, $4, $5, 1, NULL) RETURNING id";
const END: &str = "UPDATE operations SET state = $2, ended_ms = $3 WHERE id = $1 AND state = 1";
const AFTER: &str = "\
    SELECT id, at_ms, by_whom, what, detail, note, state, ended_ms FROM operations \
    WHERE id > $1 ORDER BY id LIMIT $2";
const BEFORE: &str = "\
    SELECT id, at_ms, by_whom, what, detail, note, state, ended_ms FROM operations \
    WHERE id < $1 ORDER BY id DESC LIMIT $2";

impl Store {
    /// Writes down that somebody is about to do something. Do it only then.
    ///
    /// # Errors
    /// When the store does not answer. It may be written down all the same, as begun.
    pub async fn begin_operation(&self, new: &NewOperation) -> Result<OperationId, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(CALL_WAIT_MAX, begin(&self.pools, new, now_ms)).await
    }

    /// Writes down how an operation ended; `false` if that was said before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_operation(
        &self,
        id: OperationId,
        end: OperationState,
    ) -> Result<bool, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        let values = [
            Value::Int(stored(id.0)),
            Value::Int(number(end)),
            Value::Int(stored(now_ms)),
        ];
        let ended = rows::change_alone(&self.pools, END, &values);
        Ok(within(CALL_WAIT_MAX, ended).await? == 1)
    }

    /// Operations after a number, the oldest first, at most `limit`, itself at most
    /// [`crate::PAGE_ENTRIES_MAX`]; 0 begins with the first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn operations_after(
        &self,
        id: OperationId,
        limit: u32,
    ) -> Result<Page<Operation>, StoreError> {
        within(CALL_WAIT_MAX, list(&self.pools, AFTER, id, limit)).await
    }

    /// Operations before a number, the newest first, at most `limit`, itself at most
    /// [`crate::PAGE_ENTRIES_MAX`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn operations_before(
        &self,
        id: OperationId,
        limit: u32,
    ) -> Result<Page<Operation>, StoreError> {
        within(CALL_WAIT_MAX, list(&self.pools, BEFORE, id, limit)).await
    }
}

async fn begin(pools: &Pools, new: &NewOperation, now_ms: u64) -> Result<OperationId, StoreError> {
    let mut session = pools.write().await?;
    session.execute(IN_ORDER, &[]).await?;
    let values = [
        Value::Int(stored(now_ms)),
        Value::Text(new.by.as_str()),
        Value::Text(new.what.as_str()),
        Value::Text(new.detail()),
        Value::Text(new.note.as_str()),
    ];
    let id = session.first(BEGIN, &values, |row| row.count(0)).await?;
    session.commit().await?;
    let missing = || StoreError::damaged("operations", "a new one has no number");
    id.map(OperationId).ok_or_else(missing)
}

async fn list(
    pools: &Pools,
    statement: &'static str,
    id: OperationId,
    limit: u32,
) -> Result<Page<Operation>, StoreError> {
    let mut filling = Filling::new(limit);
    let values = [Value::Int(stored(id.0)), Value::Int(filling.asked())];
    let mut session = pools.read().await?;
    let look = |row: &Row<'_>| {
        if filling.has_room() {
            let found = operation(row)?;
            let bytes = found.operation.detail().len() + found.operation.note.as_str().len();
            filling.add(found, bytes);
        }
        Ok(())
    };
    session.each(statement, &values, look).await?;
    session.done();
    Ok(filling.into_page())
}

fn operation(row: &Row<'_>) -> Result<Operation, StoreError> {
    let read = || {
        let by = Name::parse(row.text(2)?)?;
        let what = OperationName::parse(row.text(3)?)?;
        let note = Note::parse(row.text(5)?)?;
        Ok(Operation {
            id: OperationId(row.count(0)?),
            at_ms: row.count(1)?,
            operation: NewOperation::new(by, what, row.text(4)?.to_owned(), note)?,
            state: state(row.int(6)?)?,
            ended_ms: row
                .maybe_int(7)?
                .map(|ms| u64::try_from(ms).unwrap_or_default()),
        })
    };
    read().map_err(rows::by_hand)
}

fn number(state: OperationState) -> i64 {
    match state {
        OperationState::Begun => BEGUN,
        OperationState::Done => DONE,
        OperationState::Failed => FAILED,
    }
}

fn state(number: i64) -> Result<OperationState, StoreError> {
    match number {
        BEGUN => Ok(OperationState::Begun),
        DONE => Ok(OperationState::Done),
        FAILED => Ok(OperationState::Failed),
        other => Err(StoreError::damaged("state of an operation", other)),
    }
}
