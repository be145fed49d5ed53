//! One change: what is said, its entry in the audit, and the notice to all instances, as one transaction.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::rows;
use crate::backend::{Pools, Row, Session, Value, stored};
use crate::change::{Act, Change};
use crate::error::StoreError;
use crate::holder::Holder;
use crate::record::{Edit, Occasion};
use crate::texts::{Name, Note, WriteKey};

/// How long a write key is remembered: 24 hours.
pub const WRITE_KEY_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// How far the clock of another instance may be ahead of ours to be followed: 1 minute.
const CLOCK_LEAD_MAX_MS: u64 = 60 * 1_000;

/// The next number, and its time. Under this row's lock until the transaction ends, on both databases:
/// writers come one after the other, and numbers become visible in their order.
///
/// The time is the writer's clock, but not before that of the last change: else what is given now by an
/// instance whose clock is a little late would begin before, and give way to, what another gave earlier.
const NEXT: &str = "\
    UPDATE feed SET seq = seq + 1, \
    at_ms = CASE WHEN at_ms BETWEEN $1 AND $2 THEN at_ms ELSE $1 END \
    WHERE one = 1 RETURNING seq, at_ms";

const FIND_KEY: &str = "SELECT request_sha256, seq FROM write_keys \
     WHERE write_key = $1 AND expires_ms > $2";
const FORGET_KEYS: &str = "DELETE FROM write_keys WHERE expires_ms <= $1";
const ADD_KEY: &str = "INSERT INTO write_keys (write_key, request_sha256, seq, expires_ms) \
     VALUES ($1, $2, $3, $4)";
const CHANGE: &str = "\
    SELECT seq, kind, issuer, name, at_ms, by_whom, act, note, before_json, after_json \
    FROM changes WHERE seq = $1";

/// What is to be changed, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Whose record.
    pub holder: Holder,
    /// What.
    pub edit: Edit,
    /// Who changes it, for the audit.
    pub by: Name,
    /// Why, for the audit and beside what is given.
    pub note: Note,
    /// The version that the writer has seen: with another one stored, nothing is changed.
    pub expected: Option<u64>,
    /// With it, the same write happens once, however often it is sent within
    /// [`WRITE_KEY_KEPT_MS`].
    pub key: Option<WriteKey>,
}

/// What became of a [`Write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The change, with the record's new version in `seq`.
    pub change: Change,
    /// Whether it had been made before, under the same key.
    pub repeated: bool,
}

impl Write {
    /// A write without a note, a version or a key.
    #[must_use]
    pub fn new(holder: Holder, edit: Edit, by: Name) -> Self {
        Self {
            holder,
            edit,
            by,
            note: Note::default(),
            expected: None,
            key: None,
        }
    }

    /// Of everything that makes it this write and not another one.
    fn sha256(&self) -> Result<String, StoreError> {
        let parts = (
            &self.holder,
            &self.edit,
            &self.by,
            &self.note,
            self.expected,
        );
        let text = serde_json::to_vec(&parts).map_err(|error| StoreError::Failed {
            reason: error.to_string(),
        })?;
        Ok(HEXLOWER.encode(&Sha256::digest(text)))
    }
}

/// Makes a change at `now_ms`.
pub(super) async fn make(pools: &Pools, write: &Write, now_ms: u64) -> Result<Written, StoreError> {
    let mut session = pools.write().await?;
    match in_transaction(&mut session, write, now_ms).await {
        Ok(written) if written.repeated => {
            session.roll_back().await?;
            Ok(written)
        }
        Ok(written) => {
            session.commit().await?;
            Ok(written)
        }
        Err(error) => {
            // Where this fails too, the connection ends, and the transaction with it.
            let _ended = session.roll_back().await;
            Err(error)
        }
    }
}

async fn in_transaction(
    session: &mut Session,
    write: &Write,
    now_ms: u64,
) -> Result<Written, StoreError> {
    let latest = now_ms.saturating_add(CLOCK_LEAD_MAX_MS);
    let times = [Value::Int(stored(now_ms)), Value::Int(stored(latest))];
    let next = |row: &Row<'_>| Ok((row.count(0)?, row.count(1)?));
    let next = session.first(NEXT, &times, next).await?;
    let (seq, now_ms) = next.ok_or_else(|| StoreError::damaged("feed", "it has no number"))?;
    if let Some(change) = made_before(session, write, now_ms).await? {
        return Ok(Written {
            change,
            repeated: true,
        });
    }
    let last = rows::last_change(session, &write.holder).await?;
    let found = last.as_ref().map_or(0, |last| last.seq);
    if let Some(expected) = write.expected.filter(|expected| *expected != found) {
        return Err(StoreError::Conflict { expected, found });
    }
    let last = last.map(|last| rows::of_json(&last.before_json));
    let last = last.transpose()?;
    let before = rows::record(session, &write.holder).await?;
    let on = Occasion {
        seq,
        now_ms,
        note: &write.note,
        last: last.as_ref(),
    };
    let after = before.edited(&write.edit, on)?;
    rows::replace(session, &write.holder, &after).await?;
    let change = Change {
        seq,
        holder: write.holder.clone(),
        at_ms: now_ms,
        by: write.by.clone(),
        act: Act::of(&write.edit),
        note: write.note.clone(),
        before,
        after,
    };
    rows::add_change(session, &change).await?;
    keep_key(session, write, seq, now_ms).await?;
    session.ring().await?;
    Ok(Written {
        change,
        repeated: false,
    })
}

/// The change that this write made when it was sent before.
async fn made_before(
    session: &mut Session,
    write: &Write,
    now_ms: u64,
) -> Result<Option<Change>, StoreError> {
    let Some(key) = &write.key else {
        return Ok(None);
    };
    let values = [Value::Text(key.as_str()), Value::Int(stored(now_ms))];
    let read = |row: &Row<'_>| Ok((row.text(0)?.to_owned(), row.int(1)?));
    let Some((sha256, seq)) = session.first(FIND_KEY, &values, read).await? else {
        return Ok(None);
    };
    if sha256 != write.sha256()? {
        return Err(StoreError::KeyReused);
    }
    let change = session
        .first(CHANGE, &[Value::Int(seq)], rows::change)
        .await?;
    let missing = || StoreError::damaged("write key", "its change is missing");
    change.map(Some).ok_or_else(missing)
}

async fn keep_key(
    session: &mut Session,
    write: &Write,
    seq: u64,
    now_ms: u64,
) -> Result<(), StoreError> {
    session
        .execute(FORGET_KEYS, &[Value::Int(stored(now_ms))])
        .await?;
    if let Some(key) = &write.key {
        let sha256 = write.sha256()?;
        let expires_ms = now_ms.saturating_add(WRITE_KEY_KEPT_MS);
        let values = [
            Value::Text(key.as_str()),
            Value::Text(&sha256),
            Value::Int(stored(seq)),
            Value::Int(stored(expires_ms)),
        ];
        session.execute(ADD_KEY, &values).await?;
    }
    Ok(())
}
