//! What would become of a request, and why.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tollgate_store::{Holder, TIME_MS_MAX};
use utoipa::ToSchema;

use crate::body::Body;
use crate::live::{Explanation, Question, Who};
use crate::problem::{Answer, Problem};
use crate::state::Admin;
use crate::v1::buckets::{Wrong, who};

/// A request that is not made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuestionAsked {
    /// The method, as sent.
    #[schema(
        min_length = 1,
        max_length = 32,
        pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        example = "GET"
    )]
    method: String,
    /// The path, as sent, without a query.
    #[schema(min_length = 1, max_length = 8192, example = "/orders/7")]
    path: String,
    /// The verified caller; nobody is known without it.
    caller: Option<CallerAsked>,
    /// The address that the request comes from.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    peer: Option<IpAddr>,
    /// When, in milliseconds since 1970: which plans and limits are in force then. What is left is always that
    /// of now.
    #[schema(maximum = 253_402_300_799_999_u64)]
    at_ms: Option<u64>,
}

/// Who calls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CallerAsked {
    #[schema(
        min_length = 1,
        max_length = 512,
        example = "https://login.example.com"
    )]
    issuer: String,
    #[schema(min_length = 1, max_length = 255, example = "alice")]
    subject: String,
    /// The account that its tokens name.
    #[schema(min_length = 1, max_length = 255, example = "acme")]
    account: Option<String>,
    /// The plan that they name.
    #[schema(example = "pro")]
    plan_claim: Option<String>,
}

const METHOD_BYTES_MAX: usize = 32;
const PATH_BYTES_MAX: usize = 8 * 1024;

/// What would become of a request, and why: route, plan, overrides, limits with what is left. Nothing is
/// consumed.
#[utoipa::path(
    post,
    path = "/v1/explain",
    tag = "explain",
    request_body(
        content = QuestionAsked,
        example = json!({
            "method": "GET",
            "path": "/orders/7",
            "caller": { "issuer": "https://login.example.com", "subject": "alice" },
        }),
    ),
    responses((status = 200, description = "What would become of it.", body = Explanation)),
)]
pub(crate) async fn explain(
    State(admin): State<Admin>,
    Body(asked): Body<QuestionAsked>,
) -> Answer<Json<Explanation>> {
    let question = question(asked)?;
    let answer = admin.live(move |live| live.explain(&question)).await?;
    Ok(Json(answer))
}

/// What would become of a request of somebody, now.
pub(crate) async fn explain_to(
    admin: &Admin,
    method: String,
    path: String,
    who: Who,
) -> Answer<Explanation> {
    check(&method, &path)?;
    let question = Question {
        method,
        path,
        who: Some(who),
        peer: None,
        at_ms: None,
    };
    admin.live(move |live| live.explain(&question)).await
}

/// Whether this can be asked at all.
fn check(method: &str, path: &str) -> Answer<()> {
    if method.len() > METHOD_BYTES_MAX || http::Method::from_bytes(method.as_bytes()).is_err() {
        return Err(Problem::invalid("/method", "this is no method"));
    }
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        let detail = format!("a path has 1 to {PATH_BYTES_MAX} bytes");
        return Err(Problem::invalid("/path", detail));
    }
    Ok(())
}

fn question(asked: QuestionAsked) -> Answer<Question> {
    check(&asked.method, &asked.path)?;
    if asked.at_ms.is_some_and(|at_ms| at_ms > TIME_MS_MAX) {
        return Err(Problem::invalid("/at_ms", "this is beyond the year 9999"));
    }
    let who = asked.caller.map(|caller| {
        let holder = Holder::subject(&caller.issuer, &caller.subject);
        let holder = holder.map_err(Problem::of_text("/caller"))?;
        let wrong = |problem: Wrong| Problem::invalid("/caller/account", problem.0);
        who(holder, caller.account, caller.plan_claim).map_err(wrong)
    });
    Ok(Question {
        method: asked.method,
        path: asked.path,
        who: who.transpose()?,
        peer: asked.peer,
        at_ms: asked.at_ms,
    })
}
