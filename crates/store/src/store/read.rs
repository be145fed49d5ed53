//! Calls that only look.

use super::{CHANGES_PER_CALL_MAX, Versioned, rows};
use crate::backend::{Pools, Value, stored};
use crate::change::Change;
use crate::error::StoreError;
use crate::holder::Holder;

const LAST_SEQ: &str = "SELECT seq FROM feed WHERE one = 1";

pub(super) const CHANGES_SINCE: &str = "\
    SELECT seq, kind, issuer, name, at_ms, by_whom, act, note, before_json, after_json \
    FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2";

pub(super) const CHANGES_BEFORE: &str = "\
    SELECT seq, kind, issuer, name, at_ms, by_whom, act, note, before_json, after_json \
    FROM changes WHERE seq < $1 ORDER BY seq DESC LIMIT $2";

pub(super) const HISTORY: &str = "\
    SELECT seq, kind, issuer, name, at_ms, by_whom, act, note, before_json, after_json \
    FROM changes WHERE kind = $1 AND issuer = $2 AND name = $3 AND seq < $4 \
    ORDER BY seq DESC LIMIT $5";

pub(super) async fn record(pools: &Pools, holder: &Holder) -> Result<Versioned, StoreError> {
    let mut session = pools.read_at_one_moment().await?;
    let last = rows::last_change(&mut session, holder).await?;
    let record = rows::record(&mut session, holder).await?;
    session.commit().await?;
    Ok(Versioned {
        record,
        version: last.map_or(0, |last| last.seq),
    })
}

pub(super) async fn last_seq(pools: &Pools) -> Result<u64, StoreError> {
    let mut session = pools.read().await?;
    let seq = session.first(LAST_SEQ, &[], |row| row.count(0)).await?;
    session.done();
    seq.ok_or_else(|| StoreError::damaged("feed", "it has no number"))
}

pub(super) async fn changes_since(pools: &Pools, seq: u64) -> Result<Vec<Change>, StoreError> {
    let mut session = pools.read().await?;
    let values = [
        Value::Int(stored(seq)),
        Value::Int(CHANGES_PER_CALL_MAX.into()),
    ];
    let changes = session.rows(CHANGES_SINCE, &values, rows::change).await?;
    session.done();
    Ok(changes)
}

pub(super) async fn history(
    pools: &Pools,
    holder: &Holder,
    seq: u64,
) -> Result<Vec<Change>, StoreError> {
    let mut session = pools.read().await?;
    let [kind, issuer, name] = rows::key(holder);
    let seq = Value::Int(stored(seq));
    let most = Value::Int(CHANGES_PER_CALL_MAX.into());
    let values = [kind, issuer, name, seq, most];
    let changes = session.rows(HISTORY, &values, rows::change).await?;
    session.done();
    Ok(changes)
}
