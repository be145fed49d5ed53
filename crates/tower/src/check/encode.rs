//! Verdict to wire: answers as the asking proxies understand them.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use tollgate_engine::{AnswerContext, Decision, Engine, RequestHead, Verdict, problem};

use super::stats::Dialect;

/// What the client is to get, where the answer's own status is not that.
const X_TOLLGATE_STATUS: HeaderName = HeaderName::from_static("x-tollgate-status");
/// The problem document for the client, on one line.
const X_TOLLGATE_PROBLEM: HeaderName = HeaderName::from_static("x-tollgate-problem");

/// The answer to a check.
///
/// Never one for gRPC callers: their refusals have the status 200, and 200 lets a request pass.
pub(super) fn checked(decision: &Decision, dialect: Dialect, head_only: bool) -> Response<Bytes> {
    let context = AnswerContext {
        is_grpc: false,
        head_only: false,
        request_id: None,
    };
    let refusal = match decision.answer(&context) {
        Some(refusal) => refusal,
        None if matches!(decision.verdict, Verdict::Allow) => return allowed(decision),
        // Its answer would be a 200.
        None => problem(
            StatusCode::NOT_FOUND,
            "this path is answered by Tollgate itself: have it asked at /own, not checked",
        ),
    };
    let refusal = match dialect {
        Dialect::Nginx => told_to_nginx(refusal),
        _ => refusal,
    };
    without_body(refusal, head_only)
}

/// A refusal that is not a decision's.
pub(super) fn refused(
    status: StatusCode,
    detail: &str,
    dialect: Option<Dialect>,
    head_only: bool,
) -> Response<Bytes> {
    let refusal = problem(status, detail);
    let refusal = match dialect {
        Some(Dialect::Nginx) => told_to_nginx(refusal),
        _ => refusal,
    };
    without_body(refusal, head_only)
}

/// What Tollgate answers itself, or the refusal to; `None` for what it does not.
pub(super) fn own(
    engine: &Engine,
    decision: &Decision,
    head: &RequestHead<'_>,
    head_only: bool,
) -> Option<Response<Bytes>> {
    let context = AnswerContext {
        is_grpc: false,
        head_only,
        request_id: None,
    };
    let refusal = decision.answer(&context);
    refusal.or_else(|| engine.own_answer(decision, head, &context))
}

/// The identity to put over the client's fields, and what the client's answer is to carry.
fn allowed(decision: &Decision) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    decision.identity_fields(headers);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    decision.response_headers(headers);
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// nginx knows 2xx, 401 and 403, and takes everything else for an error of its own: any refusal but 401
/// comes as 403, and says in fields what it is.
fn told_to_nginx(mut refusal: Response<Bytes>) -> Response<Bytes> {
    let status = refusal.status();
    let document = HeaderValue::from_bytes(refusal.body());
    let headers = refusal.headers_mut();
    headers.insert(X_TOLLGATE_STATUS, HeaderValue::from(status.as_u16()));
    if let Ok(document) = document {
        headers.insert(X_TOLLGATE_PROBLEM, document);
    }
    if status != StatusCode::UNAUTHORIZED {
        *refusal.status_mut() = StatusCode::FORBIDDEN;
    }
    refusal
}

fn without_body(mut response: Response<Bytes>, head_only: bool) -> Response<Bytes> {
    if head_only {
        *response.body_mut() = Bytes::new();
    }
    response
}
