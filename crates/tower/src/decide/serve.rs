//! Reads a body, decides what it asks in order, and keeps what will be settled.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use tollgate_engine::problem;

use super::decode::{Malformed, Question, Questions, Settlement};
use super::encode::{Told, json};
use super::holds::{Holds, Token};
use crate::check::{CheckStats, Dialect};
use crate::gate::{Gate, Patience};

/// Of one body: a hundred requests with a large token each.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Until a body is there.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// What decisions of programs leave behind.
#[derive(Debug, Default)]
pub(crate) struct DecisionApi {
    holds: Holds,
}

#[derive(Serialize)]
struct Many {
    decisions: Vec<serde_json::Value>,
}

#[derive(Serialize)]
struct Settled {
    settled: bool,
}

// === impl DecisionApi ===

impl DecisionApi {
    pub(crate) fn held(&self) -> usize {
        self.holds.len()
    }

    pub(crate) fn expire(&self, now: tollgate_engine::limiter::Now) -> u64 {
        self.holds.expire(now)
    }

    /// `POST /v1/decide`.
    pub(crate) async fn decide<B>(
        &self,
        gate: &Gate,
        stats: &CheckStats,
        parts: &Parts,
        body: B,
    ) -> Response<Bytes>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let questions = match read(stats, parts, body, Questions::decode).await {
            Ok(questions) => questions,
            Err(refusal) => return refusal,
        };
        stats.count_expired(self.holds.expire(gate.now()));
        let patience = Patience::begin();
        let asking = (gate, stats, patience);
        match questions {
            Questions::One(question) => match self.decide_one(asking, &question).await {
                Ok(told) => json(&told),
                Err(refusal) => refusal,
            },
            Questions::Many(questions) => {
                let mut decisions = Vec::with_capacity(questions.len());
                for question in &questions {
                    let told = self.decide_one(asking, question).await;
                    decisions.push(told.unwrap_or_else(|refusal| document_of(&refusal)));
                }
                json(&Many { decisions })
            }
        }
    }

    /// Decides one request, and holds it where its end will be told.
    async fn decide_one(
        &self,
        (gate, stats, patience): (&Gate, &CheckStats, Patience),
        question: &Question,
    ) -> Result<serde_json::Value, Response<Bytes>> {
        let place = match question.hold.then(|| self.holds.reserve(gate.now())) {
            Some(Ok(token)) => Some(token),
            Some(Err(no_room)) => {
                let detail = no_room.to_string();
                return Err(problem(StatusCode::SERVICE_UNAVAILABLE, &detail));
            }
            None => None,
        };
        // From here to the place's filling nothing is awaited but keys; a call that is dropped meanwhile
        // leaves an empty place, which ends in its time.
        let head = question.head();
        let decision = gate.decide(&head, question.asked(), patience).await;
        stats.count(Dialect::Decide, decision.label());
        let held = place.filter(|token| self.hold(gate, *token, &decision, question));
        let told = Told::of(&gate.engine, &decision, question, held);
        Ok(serde_json::to_value(&told).unwrap_or_default())
    }

    fn hold(
        &self,
        gate: &Gate,
        token: Token,
        decision: &tollgate_engine::Decision,
        question: &Question,
    ) -> bool {
        let charge = gate.engine.charge_of(decision.clone(), &question.head());
        let is_held = charge.is_some();
        self.holds.fill(token, charge);
        is_held
    }

    /// `POST /v1/settle`.
    pub(crate) async fn settle<B>(
        &self,
        gate: &Gate,
        stats: &CheckStats,
        parts: &Parts,
        body: B,
    ) -> Response<Bytes>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let settlement = match read(stats, parts, body, Settlement::decode).await {
            Ok(settlement) => settlement,
            Err(refusal) => return refusal,
        };
        let now = gate.now();
        stats.count_expired(self.holds.expire(now));
        let token = Token::parse(&settlement.token);
        let Some(charge) = token.and_then(|token| self.holds.take(token, now)) else {
            let detail = "no request is held by this token: it was settled, or its time is over";
            return problem(StatusCode::NOT_FOUND, detail);
        };
        match settlement.cost {
            Some(actual) => gate.engine.settle(charge, actual, now),
            None => drop(charge),
        }
        json(&Settled { settled: true })
    }
}

/// What a body says.
async fn read<B, T>(
    stats: &CheckStats,
    parts: &Parts,
    body: B,
    decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
) -> Result<T, Response<Bytes>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = whole(parts, body).await?;
    decode(&body).map_err(|malformed| {
        stats.count_unclear();
        problem(StatusCode::BAD_REQUEST, &malformed.to_string())
    })
}

/// A whole body of JSON, within bounds of size and time.
async fn whole<B>(parts: &Parts, body: B) -> Result<Bytes, Response<Bytes>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Also what keeps a page in a browser on this machine from asking: it may send other types only.
    let kind = parts.headers.get(CONTENT_TYPE);
    let essence = kind.map(|kind| kind.as_bytes().split(|byte| *byte == b';').next());
    let essence = essence.flatten().unwrap_or_default().trim_ascii();
    if !essence.eq_ignore_ascii_case(b"application/json") {
        let detail = "the body is to be `application/json`";
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let whole = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(BODY_WAIT_MAX, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body is longer than {BODY_BYTES_MAX} bytes");
            Err(problem(StatusCode::PAYLOAD_TOO_LARGE, &detail))
        }
        Ok(Err(_)) => Err(problem(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => {
            let detail = "the body stopped arriving";
            Err(problem(StatusCode::REQUEST_TIMEOUT, detail))
        }
    }
}

/// A problem in the place of a decision.
fn document_of(refusal: &Response<Bytes>) -> serde_json::Value {
    serde_json::from_slice(refusal.body()).unwrap_or_default()
}
