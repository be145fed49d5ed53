//! Files of logs: how far each is counted, taken further with a batch.

use super::{Store, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Session, Value, stored, within};
use crate::counted_log::{CountedLog, LogId, LogStep};
use crate::error::StoreError;
use crate::texts::LogText;

/// The most files with one first line.
pub const LOG_FORKS_MAX: u32 = 1_000;
/// The most files that one call forgets.
const LOGS_PER_CALL_MAX: i64 = 5_000;

const OF_HEAD: &str = "\
    SELECT fork, lines, marks FROM counted_logs WHERE source = $1 AND head = $2 \
    ORDER BY fork LIMIT $3";
const BEGIN: &str = "\
    INSERT INTO counted_logs (source, head, fork, lines, marks, at_ms) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source, head, fork) DO NOTHING";
const GO_ON: &str = "\
    UPDATE counted_logs SET lines = $4, marks = $5, at_ms = $6 \
    WHERE source = $1 AND head = $2 AND fork = $3 AND lines = $7";
const FORGET: &str = "\
    DELETE FROM counted_logs WHERE (source, head, fork) IN \
    (SELECT source, head, fork FROM counted_logs WHERE at_ms <= $1 LIMIT $2)";

impl Store {
    /// The files of a source with one first line, in the order of their numbers; at most
    /// [`LOG_FORKS_MAX`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn counted_logs(
        &self,
        source: &LogText,
        head: &LogText,
    ) -> Result<Vec<CountedLog>, StoreError> {
        within(CALL_WAIT_MAX, of_head(&self.pools, source, head)).await
    }

    /// Forgets files that were last counted by `at_ms`, at most some thousand. Returns how many; ask
    /// again until it is none. One that comes again then is counted again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_logs(&self, at_ms: u64) -> Result<u64, StoreError> {
        within(CALL_WAIT_MAX, forget(&self.pools, at_ms)).await
    }
}

async fn of_head(
    pools: &Pools,
    source: &LogText,
    head: &LogText,
) -> Result<Vec<CountedLog>, StoreError> {
    let values = [
        Value::Text(source.as_str()),
        Value::Text(head.as_str()),
        Value::Int(LOG_FORKS_MAX.into()),
    ];
    let read = |row: &Row<'_>| {
        let fork = row.int(0)?;
        Ok(CountedLog {
            id: LogId {
                source: source.clone(),
                head: head.clone(),
                fork: u32::try_from(fork)
                    .map_err(|_| StoreError::damaged("number of a log", fork))?,
            },
            lines: row.count(1)?,
            marks: row.text(2)?.to_owned(),
        })
    };
    let mut session = pools.read().await?;
    let logs = session.rows(OF_HEAD, &values, read).await?;
    session.done();
    Ok(logs)
}

/// Within the transaction of a batch: refuses it where the file is not as far as its reader thinks.
pub(super) async fn advance(
    session: &mut Session,
    step: &LogStep,
    now_ms: u64,
) -> Result<(), StoreError> {
    let LogId { source, head, fork } = &step.after.id;
    let values = [
        Value::Text(source.as_str()),
        Value::Text(head.as_str()),
        Value::Int((*fork).into()),
        Value::Int(stored(step.after.lines)),
        Value::Text(&step.after.marks),
        Value::Int(stored(now_ms)),
        Value::Int(stored(step.before_lines)),
    ];
    let (statement, values) = match step.before_lines {
        0 => (BEGIN, &values[..6]),
        _ => (GO_ON, &values[..]),
    };
    match session.execute(statement, values).await? {
        1 => Ok(()),
        _ => Err(StoreError::CountedMeanwhile),
    }
}

async fn forget(pools: &Pools, at_ms: u64) -> Result<u64, StoreError> {
    let values = [Value::Int(stored(at_ms)), Value::Int(LOGS_PER_CALL_MAX)];
    rows::change_alone(pools, FORGET, &values).await
}
