//! A verdict of the policy to an answer for Envoy, which knows `OK` and `OVER_LIMIT` only.

use http::HeaderMap;
use tollgate_engine::{AnswerContext, Decision, LimitState, Verdict, VerdictLabel};

use crate::messages::proto::{Duration, Struct};
use crate::messages::rate_limit::{DescriptorStatus, RateLimit, RateLimitResponse, Unit};
use crate::metadata;
use crate::rate_limit::encode;

/// What says, in fields and metadata, which verdict it was.
const VERDICT: &str = "x-tollgate-verdict";

pub(super) fn answer(decision: &Decision) -> RateLimitResponse {
    let passes = matches!(decision.verdict, Verdict::Allow | Verdict::Own(_));
    let mut response = RateLimitResponse {
        overall_code: encode::code(!passes),
        statuses: vec![status(decision, passes)],
        dynamic_metadata: Some(metadata::of(decision)),
        ..RateLimitResponse::default()
    };
    match decision.answer(&AnswerContext::default()) {
        Some(refusal) => {
            let (parts, body) = refusal.into_parts();
            response.response_headers_to_add = encode::headers(&parts.headers);
            response.raw_body = body.into();
        }
        None => {
            let mut fields = HeaderMap::new();
            decision.response_headers(&mut fields);
            response.response_headers_to_add = encode::headers(&fields);
        }
    }
    // Whoever is refused for a limit knows it by the status that Envoy gives.
    if !passes && !matches!(decision.verdict, Verdict::Limit { .. }) {
        let label = metadata::label(decision.label()).to_owned();
        response
            .response_headers_to_add
            .push(encode::header(VERDICT, label));
    }
    response
}

/// A request that cannot be read is one that is refused.
pub(crate) fn unreadable() -> RateLimitResponse {
    let verdict = metadata::label(VerdictLabel::BadRequest);
    let fields = [("verdict".to_owned(), metadata::text(verdict))];
    RateLimitResponse {
        overall_code: encode::code(true),
        statuses: vec![DescriptorStatus {
            code: encode::code(true),
            ..DescriptorStatus::default()
        }],
        response_headers_to_add: vec![encode::header(VERDICT, verdict.to_owned())],
        dynamic_metadata: Some(Struct {
            fields: fields.into(),
        }),
        ..RateLimitResponse::default()
    }
}

/// The limit that refused, or else the one of which the least is left.
fn status(decision: &Decision, passes: bool) -> DescriptorStatus {
    let mut status = DescriptorStatus {
        code: encode::code(!passes),
        ..DescriptorStatus::default()
    };
    let violated = decision.violated().filter(|_| !passes);
    let tightest = || {
        let binding = decision.limits.binding();
        binding.min_by_key(|state| state.reading.remaining)
    };
    let Some(LimitState { limit, reading, .. }) = violated.or_else(tightest) else {
        return status;
    };
    status.current_limit = Some(RateLimit {
        name: limit.name.to_string(),
        requests_per_unit: u32::try_from(limit.quota).unwrap_or(u32::MAX),
        unit: unit(limit.window_s).into(),
    });
    status.limit_remaining = u32::try_from(reading.remaining).unwrap_or(u32::MAX);
    status.duration_until_reset = Some(Duration {
        seconds: i64::try_from(reading.full.as_secs_ceil()).unwrap_or(i64::MAX),
        nanos: 0,
    });
    status
}

/// A window that has a name of its own; for others there is none.
fn unit(window_s: Option<u64>) -> Unit {
    match window_s {
        Some(1) => Unit::Second,
        Some(60) => Unit::Minute,
        Some(3_600) => Unit::Hour,
        Some(86_400) => Unit::Day,
        Some(604_800) => Unit::Week,
        _ => Unit::Unknown,
    }
}
