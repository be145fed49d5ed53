//! The policy: what is in force, what another one would be, and putting it in force.

mod diff;
mod trial;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use data_encoding::HEXLOWER;
use http::header::ETAG;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tollgate_store::Note;
use utoipa::ToSchema;

use crate::audit::{Deed, audited};
use crate::body::{Body, POLICY_BODY_BYTES_MAX};
use crate::etag::{self, IfMatch, if_match};
use crate::keys::Caller;
use crate::live::{PolicyChange, PolicyInForce, PolicyVersion, RollBack};
use crate::problem::{Answer, Problem};
use crate::state::Admin;

pub(crate) use diff::{Difference, Differences, What};
pub(crate) use trial::Trial;

/// A policy that is looked at only.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyText {
    /// Its text; the files that it names are read on the gateway's machine.
    #[schema(example = "tollgate: 1\norigin: http://127.0.0.1:9000\n")]
    text: String,
}

/// A policy to be put in force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyAsked {
    /// Its text.
    #[schema(example = "tollgate: 1\norigin: http://127.0.0.1:9000\n")]
    pub(crate) text: String,
    /// Why, for the audit.
    #[serde(default)]
    #[schema(max_length = 1024, example = "more for pro")]
    pub(crate) note: String,
}

/// An earlier policy to be put in force again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBackAsked {
    /// Which.
    #[schema(
        min_length = 1,
        max_length = 64,
        example = "b22edff472d991b475a48064fad696cdca571c9dd4d79c6ee11d4b75364311d9"
    )]
    pub(crate) version: String,
    /// Why, for the audit.
    #[serde(default)]
    #[schema(max_length = 1024, example = "too little for pro")]
    pub(crate) note: String,
}

/// Policies that were in force and can be again, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Versions {
    versions: Vec<PolicyVersion>,
}

/// The longest name of a version.
const VERSION_BYTES_MAX: usize = 64;

/// The policy in force.
#[utoipa::path(
    get,
    path = "/v1/policy",
    tag = "policy",
    responses(
        (
            status = 200,
            description = "Its text; its version in `ETag` too.",
            body = PolicyInForce,
            headers(("ETag" = String, description = "The version, for `If-Match`.")),
        ),
        (status = 304, description = "It is of the version in `If-None-Match`."),
    ),
)]
pub(crate) async fn read(State(admin): State<Admin>, headers: HeaderMap) -> Answer<Response> {
    let policy = admin.at_hand(|live| live.policy()).await?;
    let tag = [(ETAG, etag::of(&policy.version))];
    if etag::is_known(&headers, &policy.version) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, Json(policy)).into_response())
}

/// Policies that were in force and can be again.
#[utoipa::path(
    get,
    path = "/v1/policy/versions",
    tag = "policy",
    responses((status = 200, description = "Versions, the newest first.", body = Versions)),
)]
pub(crate) async fn versions(State(admin): State<Admin>) -> Answer<Json<Versions>> {
    let versions = admin.at_hand(|live| live.policy_versions()).await?;
    Ok(Json(Versions { versions }))
}

/// Everything that is wrong with a policy, or what its own tests say. Nothing is changed.
///
/// It reads the files that the policy names, and shows parts of what is wrong with them: hence the role.
#[utoipa::path(
    post,
    path = "/v1/policy/validate",
    tag = "policy",
    request_body = PolicyText,
    responses((status = 200, description = "What was found; also if the policy is no good.", body = Trial)),
)]
pub(crate) async fn validate(
    State(admin): State<Admin>,
    Body(asked): Body<PolicyText, POLICY_BODY_BYTES_MAX>,
) -> Answer<Json<Trial>> {
    tried(&admin, asked.text).await.map(Json)
}

/// What another policy would change, by plans, limits and routes. Nothing is changed.
#[utoipa::path(
    post,
    path = "/v1/policy/diff",
    tag = "policy",
    request_body = PolicyText,
    responses((status = 200, description = "Differences to the policy in force.", body = Differences)),
)]
pub(crate) async fn diff(
    State(admin): State<Admin>,
    Body(asked): Body<PolicyText, POLICY_BODY_BYTES_MAX>,
) -> Answer<Json<Differences>> {
    compared(&admin, asked.text).await.map(Json)
}

/// What is wrong with a policy.
pub(crate) async fn tried(admin: &Admin, text: String) -> Answer<Trial> {
    let trial = admin.policy_work(move |admin| Ok(trial::of(admin, &text)));
    Ok(trial.await?.0)
}

/// What a policy would change; a problem if it is no good.
pub(crate) async fn compared(admin: &Admin, text: String) -> Answer<Differences> {
    let differences = admin.policy_work(move |admin| {
        let (trial, policy) = trial::of(admin, &text);
        let policy = policy.ok_or_else(|| trial.problem())?;
        Ok(diff::between(admin.engine().snapshot().policy(), &policy))
    });
    differences.await
}

/// Puts another policy in force at once, and keeps it. All or nothing; what is in force stays if it is no good.
///
/// Needs `If-Match` with the `ETag` that was read, or `*` for whatever version it is. A text that is in force
/// already is left alone, so that it may be sent again.
#[utoipa::path(
    put,
    path = "/v1/policy",
    tag = "policy",
    request_body = PolicyAsked,
    responses(
        (
            status = 200,
            description = "It is in force.",
            body = PolicyInForce,
            headers(("ETag" = String, description = "Its version.")),
        ),
        (status = 409, description = "Not possible as things stand: the policy file is not the gateway's to write, say."),
        (status = 412, description = "Another version is in force, which `ETag` says."),
        (status = 428, description = "Without `If-Match`."),
    ),
)]
pub(crate) async fn apply(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(asked): Body<PolicyAsked, POLICY_BODY_BYTES_MAX>,
) -> Answer<Response> {
    let expected = expected(&headers)?;
    let done = put_in_force(&admin, &caller, expected, asked);
    done.await.map(answer)
}

/// Puts a policy in force, whoever asked for it and how. `expected`: the version that the writer has seen.
pub(crate) async fn put_in_force(
    admin: &Admin,
    caller: &Caller,
    expected: Option<String>,
    asked: PolicyAsked,
) -> Answer<PolicyInForce> {
    let note = Note::parse(&asked.note).map_err(Problem::of_text("/note"))?;
    let in_force = admin.at_hand(|live| live.policy()).await?;
    if in_force.text == asked.text && !in_force.stale {
        return Ok(in_force);
    }
    let after = HEXLOWER.encode(&Sha256::digest(&asked.text));
    let change = PolicyChange {
        text: asked.text,
        expected,
        by: caller.name.clone(),
    };
    let deed = Deed {
        what: "policy.apply",
        detail: json!({ "before": in_force.version, "after": after }),
        note,
    };
    let worker = admin.clone();
    let work = async move {
        let done = worker.policy_work(move |admin| {
            let (trial, policy) = trial::of(admin, &change.text);
            policy.ok_or_else(|| trial.problem())?;
            Ok(admin.live_now().apply(&change)?)
        });
        done.await
    };
    audited(admin, caller, deed, work).await
}

/// Puts a policy in force again that was. It is a change like any other: what is in force now can be rolled back
/// to as well.
///
/// Needs `If-Match`, as putting a policy in force does.
#[utoipa::path(
    post,
    path = "/v1/policy/rollback",
    tag = "policy",
    request_body = RollBackAsked,
    responses(
        (
            status = 200,
            description = "It is in force.",
            body = PolicyInForce,
            headers(("ETag" = String, description = "Its version.")),
        ),
        (status = 409, description = "Not possible as things stand."),
        (status = 412, description = "Another version is in force, which `ETag` says."),
        (status = 428, description = "Without `If-Match`."),
    ),
)]
pub(crate) async fn roll_back(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(asked): Body<RollBackAsked>,
) -> Answer<Response> {
    let expected = expected(&headers)?;
    let done = put_back(&admin, &caller, expected, asked);
    done.await.map(answer)
}

/// Puts an earlier policy back in force, whoever asked for it and how.
pub(crate) async fn put_back(
    admin: &Admin,
    caller: &Caller,
    expected: Option<String>,
    asked: RollBackAsked,
) -> Answer<PolicyInForce> {
    let note = Note::parse(&asked.note).map_err(Problem::of_text("/note"))?;
    let to = asked.version;
    if to.is_empty() || to.len() > VERSION_BYTES_MAX {
        let detail = format!("a version has 1 to {VERSION_BYTES_MAX} bytes");
        return Err(Problem::invalid("/version", detail));
    }
    let in_force = admin.at_hand(|live| live.policy()).await?;
    if in_force.version == to && !in_force.stale {
        return Ok(in_force);
    }
    let deed = Deed {
        what: "policy.roll_back",
        detail: json!({ "before": in_force.version, "to": to }),
        note,
    };
    let change = RollBack {
        to,
        expected,
        by: caller.name.clone(),
    };
    let worker = admin.clone();
    let work = async move {
        let done = worker.policy_work(move |admin| Ok(admin.live_now().roll_back(&change)?));
        done.await
    };
    audited(admin, caller, deed, work).await
}

fn answer(policy: PolicyInForce) -> Response {
    let tag = [(ETAG, etag::of(&policy.version))];
    (tag, Json(policy)).into_response()
}

fn expected(headers: &HeaderMap) -> Answer<Option<String>> {
    Ok(match if_match(headers)? {
        IfMatch::Any => None,
        IfMatch::Version(version) => Some(version),
    })
}
