//! Changes of holders: one is made, those of one holder, those of all.

mod edit;

use axum::extract::State;
use axum::{Extension, Json};
use http::header::ETAG;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tollgate_store::{Holder, Note, StoreError, Write, WriteKey};
use utoipa::{IntoParams, ToSchema};

use crate::audit::{logged, name};
use crate::body::Body;
use crate::etag::{self, IfMatch, field, if_match};
use crate::keys::Caller;
use crate::problem::{Answer, Problem};
use crate::query::{HolderPath, Named, Params, number, page_limit};
use crate::state::Admin;
use crate::v1::view;

pub(crate) use edit::{Assign, Edit, Lift, Overriding, Undo, Withdraw};

/// The key by which a write that is sent again is done once.
pub(crate) static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What is to be changed, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeAsked {
    pub(crate) edit: Edit,
    /// Why: for the audit, and beside what is given.
    #[serde(default)]
    #[schema(max_length = 1024, example = "order 7")]
    pub(crate) note: String,
}

/// What is said with a change beside its body.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// The version that it is to change; `None`: whatever it is.
    pub(crate) expected: Option<u64>,
    /// The key under which it is done once.
    pub(crate) key: Option<WriteKey>,
}

/// What was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeMade {
    pub(crate) change: view::Change,
    /// Whether it had been done before, under the same `Idempotency-Key`.
    repeated: bool,
}

/// Where a list of changes begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Only changes after this number; those from the first on without it.
    after: Option<u64>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Where a list of one holder's changes begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Before {
    /// Only changes before this number; from the last one on without it.
    before: Option<u64>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Changes, the oldest first. A page may be short though more come after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changes {
    changes: Vec<view::Change>,
    /// The `after` with which the list goes on, now or when there are more.
    #[schema(example = 12)]
    after: u64,
    /// Whether there are more already.
    has_more: bool,
}

/// Changes of one holder, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    changes: Vec<view::Change>,
    /// The `before` of the page after; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 7)]
    before: Option<u64>,
}

/// Changes what is said of one holder: the record, the audit and the notice to all instances, all or none.
///
/// Needs `If-Match` with the `ETag` that was read, or `*` for whatever version it is. With an `Idempotency-Key`
/// the same change is made once, however often it is sent within 24 hours.
#[utoipa::path(
    post,
    path = "/v1/holders/{kind}/{issuer}/{name}/changes",
    tag = "holders",
    request_body(
        content = ChangeAsked,
        example = json!({ "edit": { "assign": { "plan": "pro" } }, "note": "order 7" }),
    ),
    responses(
        (
            status = 200,
            description = "It is in force, or will be at its time.",
            body = ChangeMade,
            headers(("ETag" = String, description = "The record's new version.")),
        ),
        (status = 409, description = "Not possible as things stand: nothing to undo, no such entry, too many."),
        (status = 412, description = "The record is of another version, which `ETag` says."),
        (status = 428, description = "Without `If-Match`."),
    ),
)]
pub(crate) async fn make(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Named(path): Named<HolderPath>,
    headers: HeaderMap,
    Body(asked): Body<ChangeAsked>,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<ChangeMade>)> {
    let conditions = Conditions::of(&headers)?;
    let made = change(&admin, &caller, path.holder()?, conditions, asked).await?;
    Ok(([(ETAG, etag::of(&made.change.seq))], Json(made)))
}

/// Makes a change, whoever asked for it and how: checked, written with its audit, logged.
pub(crate) async fn change(
    admin: &Admin,
    caller: &Caller,
    holder: Holder,
    conditions: Conditions,
    asked: ChangeAsked,
) -> Answer<ChangeMade> {
    let write = Write {
        holder,
        edit: asked.edit.checked(admin.engine().snapshot().policy())?,
        by: name(caller)?,
        note: Note::parse(&asked.note).map_err(Problem::of_text("/note"))?,
        expected: conditions.expected,
        key: conditions.key,
    };
    let written = admin.store()?.write(&write).await;
    let written = written.map_err(|error| match error {
        StoreError::Span { .. } => Problem::invalid("/edit", error.to_string()),
        error => error.into(),
    });
    logged(
        admin,
        (&caller.name, "holder.change"),
        written.as_ref().err(),
    );
    let written = written?;
    Ok(ChangeMade {
        change: (&written.change).into(),
        repeated: written.repeated,
    })
}

impl Conditions {
    fn of(headers: &HeaderMap) -> Answer<Self> {
        let expected = match if_match(headers)? {
            IfMatch::Any => None,
            // What is no number is no version that there is.
            IfMatch::Version(version) => Some(version.parse().unwrap_or(u64::MAX)),
        };
        let key = field(headers, &IDEMPOTENCY_KEY)?.map(write_key);
        Ok(Self {
            expected,
            key: key.transpose()?,
        })
    }
}

/// The key as the store has it, with or without the quotes of
/// draft-ietf-httpapi-idempotency-key-header-07.
pub(crate) fn write_key(text: &str) -> Answer<WriteKey> {
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let wrong = |error: StoreError| Problem::malformed(format!("Idempotency-Key: {error}"));
    WriteKey::parse(quoted.unwrap_or(text)).map_err(wrong)
}

/// Changes of all holders, in the order in which they were made: the audit of plans and limits.
#[utoipa::path(
    get,
    path = "/v1/changes",
    tag = "audit",
    params(After),
    responses((status = 200, description = "Changes.", body = Changes)),
)]
pub(crate) async fn all(
    State(admin): State<Admin>,
    Params(asked): Params<After>,
) -> Answer<Json<Changes>> {
    let after = number(asked.after)?.unwrap_or_default();
    let limit = page_limit(asked.limit)?;
    let page = admin.store()?.changes_after(after, limit).await?;
    Ok(Json(Changes {
        after: page.entries.last().map_or(after, |last| last.seq),
        has_more: page.has_more,
        changes: page.entries.iter().map(view::Change::from).collect(),
    }))
}

/// Changes of one holder, the newest first.
#[utoipa::path(
    get,
    path = "/v1/holders/{kind}/{issuer}/{name}/changes",
    tag = "holders",
    params(Before),
    responses((status = 200, description = "Changes.", body = History)),
)]
pub(crate) async fn history(
    State(admin): State<Admin>,
    Named(path): Named<HolderPath>,
    Params(asked): Params<Before>,
) -> Answer<Json<History>> {
    let holder = path.holder()?;
    let before = number(asked.before)?.unwrap_or(u64::MAX);
    let limit = page_limit(asked.limit)?;
    let page = admin.store()?;
    let page = page.history_before(&holder, before, limit).await?;
    let last = page.entries.last().filter(|_| page.has_more);
    Ok(Json(History {
        before: last.map(|last| last.seq),
        changes: page.entries.iter().map(view::Change::from).collect(),
    }))
}
