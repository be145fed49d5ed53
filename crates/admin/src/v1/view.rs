//! What is said of a holder, as the API shows it.

use serde::Serialize;
use tollgate_store as store;
use utoipa::ToSchema;

use crate::query::Kind;

/// A plan for a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Assignment {
    /// The number of the change that made it, by which it can be withdrawn.
    #[schema(example = 12)]
    made: u64,
    /// The plan.
    #[schema(example = "pro")]
    plan: String,
    /// From when, in milliseconds since 1970.
    #[schema(example = 1_796_083_200_000_u64)]
    from_ms: u64,
    /// Until when; none if it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_798_761_600_000_u64)]
    until_ms: Option<u64>,
    /// Why.
    #[schema(example = "order 7")]
    note: String,
}

/// A limit of the holder's own for a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Override {
    /// The number of the change that made it.
    #[schema(example = 13)]
    made: u64,
    /// The limit in the policy's words.
    #[schema(example = "{name: burst, rate: 1000/s}")]
    limit: String,
    /// The one route it is for; none: every route.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "GET /orders/{order_id}")]
    route: Option<String>,
    /// From when, in milliseconds since 1970.
    #[schema(example = 1_796_083_200_000_u64)]
    from_ms: u64,
    /// Until when; none if it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    /// Why.
    #[schema(example = "load test")]
    note: String,
}

/// All that is said of a holder, in the order in which it was given.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Record {
    assignments: Vec<Assignment>,
    overrides: Vec<Override>,
}

/// A holder with what is said of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Holder {
    /// Which of both.
    kind: Kind,
    /// Who vouches for the name.
    #[schema(example = "https://login.example.com")]
    issuer: String,
    /// The subject or the account.
    #[schema(example = "alice")]
    name: String,
    /// The plan in force now; none leaves it to the account, the verified claim and the default plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pro")]
    plan: Option<String>,
    record: Record,
}

/// One change, as it stands in the audit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Change {
    /// Its number: the version of the holder's record after it.
    #[schema(example = 12)]
    pub(crate) seq: u64,
    kind: Kind,
    #[schema(example = "https://login.example.com")]
    issuer: String,
    #[schema(example = "alice")]
    name: String,
    /// When, in milliseconds since 1970.
    #[schema(example = 1_796_083_200_000_u64)]
    at_ms: u64,
    /// Who: the name of an admin key, or of another writer.
    #[schema(example = "billing")]
    by: String,
    /// What: `assign`, `withdraw`, `override`, `lift` or `undo`.
    #[schema(example = "assign")]
    act: &'static str,
    /// Why.
    #[schema(example = "order 7")]
    note: String,
    /// What was said before.
    before: Record,
    /// What is said since.
    after: Record,
}

impl From<&store::Record> for Record {
    fn from(record: &store::Record) -> Self {
        let assignment = |entry: &store::Assignment| Assignment {
            made: entry.made,
            plan: entry.plan.to_string(),
            from_ms: entry.span.from_ms(),
            until_ms: entry.span.until_ms(),
            note: entry.note.to_string(),
        };
        let overriding = |entry: &store::Override| Override {
            made: entry.made,
            limit: entry.limit.as_str().to_owned(),
            route: entry.route.as_ref().map(|route| route.as_str().to_owned()),
            from_ms: entry.span.from_ms(),
            until_ms: entry.span.until_ms(),
            note: entry.note.to_string(),
        };
        Self {
            assignments: record.assignments().iter().map(assignment).collect(),
            overrides: record.overrides().iter().map(overriding).collect(),
        }
    }
}

impl Holder {
    pub(crate) fn new(holder: &store::Holder, record: &store::Record, now_ms: u64) -> Self {
        Self {
            kind: holder.kind.into(),
            issuer: holder.issuer.to_string(),
            name: holder.name.to_string(),
            plan: record.plan_at(now_ms).map(|entry| entry.plan.to_string()),
            record: record.into(),
        }
    }
}

impl From<&store::Change> for Change {
    fn from(change: &store::Change) -> Self {
        Self {
            seq: change.seq,
            kind: change.holder.kind.into(),
            issuer: change.holder.issuer.to_string(),
            name: change.holder.name.to_string(),
            at_ms: change.at_ms,
            by: change.by.to_string(),
            act: change.act.as_str(),
            note: change.note.to_string(),
            before: (&change.before).into(),
            after: (&change.after).into(),
        }
    }
}
