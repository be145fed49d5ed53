//! A verdict to what Envoy does with the request, or answers to its client.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use tollgate_engine::{AnswerContext, Decision, Engine, RequestHead, problem};
use tonic::Code;

use super::decode::Unclear;
use crate::messages::authz::{
    BoolValue, CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValue,
    HeaderValueOption, HttpResponse, HttpStatus, OkHttpResponse, Status,
};
use crate::metadata;

/// Fields that stand beside the origin's own instead of replacing them.
const BESIDE: [HeaderName; 2] = [SET_COOKIE, CACHE_CONTROL];

pub(super) fn answer(
    engine: &Engine,
    decision: &Decision,
    head: &RequestHead<'_>,
) -> CheckResponse {
    let plain = AnswerContext::default();
    let refusal = decision.answer(&plain);
    let own = refusal.or_else(|| engine.own_answer(decision, head, &plain));
    let mut response = match own {
        None => allowed(decision, head),
        Some(answer) => {
            let status = answer.status();
            // The status of HTTP stays: Envoy makes a gRPC caller's answer of it, in which these fields
            // stand instead of Envoy's guesses.
            let for_grpc = AnswerContext {
                is_grpc: true,
                ..plain
            };
            let in_grpc = head.is_grpc().then(|| decision.answer(&for_grpc)).flatten();
            denied(status, in_grpc.unwrap_or(answer))
        }
    };
    response.dynamic_metadata = Some(metadata::of(decision));
    response
}

/// A question that is about no request.
pub(super) fn unclear(unclear: &Unclear) -> CheckResponse {
    let status = match unclear {
        Unclear::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    denied(status, problem(status, &unclear.to_string()))
}

/// The request goes on as the gateway would forward it: its head before and after, compared.
fn allowed(decision: &Decision, head: &RequestHead<'_>) -> CheckResponse {
    let mut forwarded = head.headers.clone();
    decision.forward_headers(&mut forwarded);
    let mut answered = HeaderMap::new();
    decision.response_headers(&mut answered);
    let gone = head.headers.keys();
    let gone = gone.filter(|name| !forwarded.contains_key(*name));
    let changed = forwarded.keys().filter(|name| {
        let before = head.headers.get_all(*name);
        before != forwarded.get_all(*name)
    });
    let ok = OkHttpResponse {
        headers: changed.map(|name| replaced(name, &forwarded)).collect(),
        headers_to_remove: gone.map(|name| name.to_string()).collect(),
        response_headers_to_add: fields(&answered),
        ..OkHttpResponse::default()
    };
    said(Code::Ok, HttpResponse::OkResponse(ok))
}

fn denied(status: StatusCode, answer: Response<Bytes>) -> CheckResponse {
    let code = match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::BAD_REQUEST => Code::InvalidArgument,
        _ => Code::PermissionDenied,
    };
    let (parts, body) = answer.into_parts();
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus {
            code: i32::from(status.as_u16()),
        }),
        headers: fields(&parts.headers),
        // Every body of ours is JSON.
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    said(code, HttpResponse::DeniedResponse(denied))
}

fn said(code: Code, response: HttpResponse) -> CheckResponse {
    CheckResponse {
        status: Some(Status {
            code: code.into(),
            ..Status::default()
        }),
        http_response: Some(response),
        ..CheckResponse::default()
    }
}

/// One field instead of all that there were of its name. Of those with several lines only cookies are
/// ever changed, and those are joined as RFC 9113, section 8.2.3, has it.
fn replaced(name: &HeaderName, headers: &HeaderMap) -> HeaderValueOption {
    let separator: &[u8] = if *name == COOKIE { b"; " } else { b", " };
    let lines = headers.get_all(name).iter().map(|value| value.as_bytes());
    let lines: Vec<&[u8]> = lines.collect();
    option(name, &lines.join(separator), false)
}

/// The lines of an answer's fields. What frames a body is not among them.
fn fields(headers: &HeaderMap) -> Vec<HeaderValueOption> {
    let fields = headers.iter().filter(|(name, _)| **name != CONTENT_LENGTH);
    let line = |(name, value): (&HeaderName, &http::HeaderValue)| {
        option(name, value.as_bytes(), BESIDE.contains(name))
    };
    fields.map(line).collect()
}

/// Envoy has two ways to say whether a field replaces another, and looks at the older one first. In its
/// words "append" leaves out what has nothing to be appended to: so it is not said at all of fields that
/// stand beside others.
#[expect(
    deprecated,
    reason = "the field that all versions of external authorization look at first"
)]
fn option(name: &HeaderName, value: &[u8], beside: bool) -> HeaderValueOption {
    let action = match beside {
        true => HeaderAppendAction::AppendIfExistsOrAdd,
        false => HeaderAppendAction::OverwriteIfExistsOrAdd,
    };
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_string(),
            value: String::from_utf8_lossy(value).into_owned(),
            raw_value: Vec::new(),
        }),
        append: (!beside).then_some(BoolValue { value: false }),
        append_action: action.into(),
        keep_empty_value: false,
    }
}
