//! Verdict to wire: what a program is told of one request.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tollgate_engine::limiter::Enforcement;
use tollgate_engine::{
    AnswerContext, Decision, Engine, PathRewrite, Principal, RequestHead, Verdict,
};

use super::decode::Question;
use super::holds::{HOLD_MAX, Token};

/// The answer to one request.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a> {
    verdict: &'static str,
    /// Of the answer that the caller is to get; 200 where the request is to be forwarded.
    status: u16,
    /// Fields of the answer that the caller gets, whether it is the origin's or this.
    headers: Lines,
    /// What the caller is to get instead of the origin's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// Fields to put over those of the request that is forwarded; those with an empty value to remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    forward_headers: Option<Lines>,
    /// The path to forward.
    #[serde(skip_serializing_if = "Option::is_none")]
    forward_path: Option<Cow<'a, str>>,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    anonymous: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_id: Option<String>,
    limits: Vec<ToldLimit<'a>>,
    /// Whole seconds, up.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
    /// With which to settle.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settle_within_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ToldLimit<'a> {
    name: &'a str,
    amount: &'a str,
    /// Whether it could refuse the request.
    binding: bool,
    admits: bool,
    capacity: u64,
    remaining: u64,
    /// Whole seconds, up, until it is full.
    reset_s: u64,
}

/// Field lines by name, each a list of values.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Lines(BTreeMap<String, Vec<String>>);

// === impl Told ===

impl<'a> Told<'a> {
    pub(super) fn of(
        engine: &Engine,
        decision: &'a Decision,
        question: &'a Question,
        token: Option<Token>,
    ) -> Self {
        let head = question.head();
        let is_allowed = matches!(decision.verdict, Verdict::Allow);
        let answer = answer_of(engine, decision, &head);
        let (status, headers, body) = match &answer {
            // Every answer of Tollgate's own is JSON.
            Some(answer) => {
                let body = serde_json::from_slice(answer.body()).ok();
                (answer.status(), Lines::of(answer.headers()), body)
            }
            None => {
                let mut headers = HeaderMap::new();
                decision.response_headers(&mut headers);
                (StatusCode::OK, Lines::of(&headers), None)
            }
        };
        let path = match &decision.path {
            PathRewrite::AsSent => Cow::Borrowed(question.path()),
            PathRewrite::Canonical(path) => Cow::Borrowed(&**path),
        };
        let wait = match decision.verdict {
            Verdict::Limit { retry_after } => retry_after.map(|wait| wait.as_secs_ceil().max(1)),
            _ => None,
        };
        let id = decision.snapshot.bucket_id(decision);
        Self {
            verdict: if is_allowed {
                "allow"
            } else {
                decision.label().verdict()
            },
            status: status.as_u16(),
            headers,
            body,
            forward_headers: is_allowed.then(|| forwarded(decision, head.headers)),
            forward_path: is_allowed.then_some(path),
            route: decision.snapshot.route_name(decision.route),
            plan: decision.plan_name(),
            anonymous: matches!(decision.principal, Principal::Anonymous(_)),
            bucket_id: id.map(|id| id.to_string()),
            limits: decision.limits.iter().map(ToldLimit::of).collect(),
            retry_after_s: wait,
            settle_within_s: token.map(|_| HOLD_MAX.as_secs()),
            token: token.map(Token::text),
        }
    }
}

/// What the gateway would have changed in the request's fields, each with its whole value: the verified
/// identity, always all of it, and whatever else ends here. What is removed has an empty value: a program that
/// writes it all the same lets nothing forged through.
fn forwarded(decision: &Decision, sent: &HeaderMap) -> Lines {
    let mut after = sent.clone();
    decision.forward_headers(&mut after);
    let mut fields = HeaderMap::new();
    decision.identity_fields(&mut fields);
    for name in sent.keys().filter(|name| !after.contains_key(*name)) {
        fields.insert(name.clone(), HeaderValue::from_static(""));
    }
    for name in after.keys() {
        if sent.get_all(name) == after.get_all(name) {
            continue;
        }
        fields.remove(name);
        for value in after.get_all(name) {
            fields.append(name.clone(), value.clone());
        }
    }
    Lines::of(&fields)
}

fn answer_of(
    engine: &Engine,
    decision: &Decision,
    head: &RequestHead<'_>,
) -> Option<Response<Bytes>> {
    let context = AnswerContext::default();
    let refusal = decision.answer(&context);
    refusal.or_else(|| engine.own_answer(decision, head, &context))
}

// === impl ToldLimit ===

impl<'a> ToldLimit<'a> {
    fn of(state: tollgate_engine::LimitState<'a>) -> Self {
        Self {
            name: &state.limit.name,
            amount: &state.limit.amount,
            binding: state.enforcement == Enforcement::Binding,
            admits: state.reading.admitted(),
            capacity: state.limit.capacity(),
            remaining: state.reading.remaining,
            reset_s: state.reading.full.as_secs_ceil(),
        }
    }
}

// === impl Lines ===

impl Lines {
    fn of(headers: &HeaderMap) -> Self {
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            // The body goes within another document: its length is that one's affair.
            if *name == CONTENT_LENGTH {
                continue;
            }
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            lines.entry(name.to_string()).or_default().push(value);
        }
        Self(lines)
    }
}

/// A document as an answer.
pub(super) fn json(document: &impl Serialize) -> Response<Bytes> {
    // Texts and numbers into memory: there is nothing that could fail.
    let body = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
