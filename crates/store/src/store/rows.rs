//! Records and changes as rows, and back.

use crate::backend::{Pools, Row, Session, Value, stored};
use crate::change::{Act, Change};
use crate::error::StoreError;
use crate::holder::{Holder, HolderKind};
use crate::limit_text::{LimitText, RouteName};
use crate::record::{Assignment, Override, Record};
use crate::span::Span;
use crate::texts::{Name, Note, PlanName};

const ASSIGNMENTS: &str = "\
    SELECT from_ms, until_ms, made, plan, note FROM assignments \
    WHERE kind = $1 AND issuer = $2 AND name = $3 ORDER BY made";
const OVERRIDES: &str = "\
    SELECT from_ms, until_ms, made, route, limit_text, note FROM overrides \
    WHERE kind = $1 AND issuer = $2 AND name = $3 ORDER BY made";
const LAST_CHANGE: &str = "\
    SELECT seq, before_json FROM changes \
    WHERE kind = $1 AND issuer = $2 AND name = $3 ORDER BY seq DESC LIMIT 1";

const DROP_ASSIGNMENTS: &str =
    "DELETE FROM assignments WHERE kind = $1 AND issuer = $2 AND name = $3";
const DROP_OVERRIDES: &str = "DELETE FROM overrides WHERE kind = $1 AND issuer = $2 AND name = $3";
const ADD_ASSIGNMENT: &str = "\
    INSERT INTO assignments (kind, issuer, name, from_ms, until_ms, made, plan, note) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const ADD_OVERRIDE: &str = "\
    INSERT INTO overrides \
    (kind, issuer, name, from_ms, until_ms, made, route, limit_name, limit_text, note) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const ADD_CHANGE: &str = "\
    INSERT INTO changes \
    (seq, kind, issuer, name, at_ms, by_whom, act, note, before_json, after_json) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// The last change of a holder, as far as the next one needs it.
pub(super) struct LastChange {
    pub(super) seq: u64,
    pub(super) before_json: String,
}

/// One statement that changes something, as a transaction of its own, and how many rows.
pub(super) async fn change_alone(
    pools: &Pools,
    statement: &'static str,
    values: &[Value<'_>],
) -> Result<u64, StoreError> {
    let mut session = pools.write().await?;
    let changed = session.execute(statement, values).await?;
    session.commit().await?;
    Ok(changed)
}

/// A number that fits 32 bits.
pub(super) fn small(row: &Row<'_>, column: usize) -> Result<u32, StoreError> {
    let number = row.int(column)?;
    u32::try_from(number).map_err(|_| StoreError::damaged("a number", number))
}

/// What every table tells holders apart by.
pub(super) fn key(holder: &Holder) -> [Value<'_>; 3] {
    [
        Value::Int(holder.kind.number()),
        Value::Text(holder.issuer.as_str()),
        Value::Text(holder.name.as_str()),
    ]
}

pub(super) async fn last_change(
    session: &mut Session,
    holder: &Holder,
) -> Result<Option<LastChange>, StoreError> {
    session
        .first(LAST_CHANGE, &key(holder), |row| {
            Ok(LastChange {
                seq: row.count(0)?,
                before_json: row.text(1)?.to_owned(),
            })
        })
        .await
}

pub(super) async fn record(session: &mut Session, holder: &Holder) -> Result<Record, StoreError> {
    let key = key(holder);
    Ok(Record {
        assignments: session.rows(ASSIGNMENTS, &key, assignment).await?,
        overrides: session.rows(OVERRIDES, &key, overriding).await?,
    })
}

fn assignment(row: &Row<'_>) -> Result<Assignment, StoreError> {
    let read = || {
        Ok(Assignment {
            span: span(row, 0)?,
            made: row.count(2)?,
            plan: PlanName::parse(row.text(3)?)?,
            note: Note::parse(row.text(4)?)?,
        })
    };
    read().map_err(by_hand)
}

fn overriding(row: &Row<'_>) -> Result<Override, StoreError> {
    let read = || {
        let route = Some(row.text(3)?).filter(|route| !route.is_empty());
        Ok(Override {
            span: span(row, 0)?,
            made: row.count(2)?,
            route: route.map(RouteName::parse).transpose()?,
            limit: LimitText::parse(row.text(4)?)?,
            note: Note::parse(row.text(5)?)?,
        })
    };
    read().map_err(by_hand)
}

/// What we would not have written: then whoever asks is not at fault.
pub(super) fn by_hand(error: StoreError) -> StoreError {
    match error.is_callers() {
        true => StoreError::damaged("a row that was changed by hand", error),
        false => error,
    }
}

/// A beginning and an end in two neighbouring columns.
pub(crate) fn span(row: &Row<'_>, column: usize) -> Result<Span, StoreError> {
    let until = row.maybe_int(column + 1)?;
    let until = until.map(|until| u64::try_from(until).unwrap_or_default());
    Span::new(row.count(column)?, until)
}

/// Puts a record in the place of whatever is stored for the holder.
pub(super) async fn replace(
    session: &mut Session,
    holder: &Holder,
    record: &Record,
) -> Result<(), StoreError> {
    let [kind, issuer, name] = key(holder);
    session
        .execute(DROP_ASSIGNMENTS, &[kind, issuer, name])
        .await?;
    session
        .execute(DROP_OVERRIDES, &[kind, issuer, name])
        .await?;
    for entry in record.assignments() {
        let [from, until] = ends(entry.span);
        let made = Value::Int(stored(entry.made));
        let plan = Value::Text(entry.plan.as_str());
        let note = Value::Text(entry.note.as_str());
        let values = [kind, issuer, name, from, until, made, plan, note];
        session.execute(ADD_ASSIGNMENT, &values).await?;
    }
    for entry in record.overrides() {
        let [from, until] = ends(entry.span);
        let route = entry.route.as_ref().map_or("", RouteName::as_str);
        let values = [
            kind,
            issuer,
            name,
            from,
            until,
            Value::Int(stored(entry.made)),
            Value::Text(route),
            Value::Text(entry.limit.name()),
            Value::Text(entry.limit.as_str()),
            Value::Text(entry.note.as_str()),
        ];
        session.execute(ADD_OVERRIDE, &values).await?;
    }
    Ok(())
}

fn ends(span: Span) -> [Value<'static>; 2] {
    [
        Value::Int(stored(span.from_ms())),
        Value::MaybeInt(span.until_ms().map(stored)),
    ]
}

pub(super) async fn add_change(session: &mut Session, change: &Change) -> Result<(), StoreError> {
    let [kind, issuer, name] = key(&change.holder);
    let (before, after) = (json(&change.before)?, json(&change.after)?);
    let values = [
        Value::Int(stored(change.seq)),
        kind,
        issuer,
        name,
        Value::Int(stored(change.at_ms)),
        Value::Text(change.by.as_str()),
        Value::Text(change.act.as_str()),
        Value::Text(change.note.as_str()),
        Value::Text(&before),
        Value::Text(&after),
    ];
    session.execute(ADD_CHANGE, &values).await.map(drop)
}

pub(super) fn change(row: &Row<'_>) -> Result<Change, StoreError> {
    let read = || {
        let kind = HolderKind::of_number(row.int(1)?)?;
        Ok(Change {
            seq: row.count(0)?,
            holder: Holder::new(kind, row.text(2)?, row.text(3)?)?,
            at_ms: row.count(4)?,
            by: Name::parse(row.text(5)?)?,
            act: Act::parse(row.text(6)?)?,
            note: Note::parse(row.text(7)?)?,
            before: of_json(row.text(8)?)?,
            after: of_json(row.text(9)?)?,
        })
    };
    read().map_err(by_hand)
}

fn json(record: &Record) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|error| StoreError::Failed {
        reason: error.to_string(),
    })
}

pub(super) fn of_json(text: &str) -> Result<Record, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::damaged("record in a change", error))
}
