//! The global rate limit service (`envoy.service.ratelimit.v3`): one question, one answer.
//!
//! A question names a domain. The policy says whether its descriptors are requests, which the engine
//! decides like any other frontend's, or something that rules of their own count.

mod decode;
mod encode;
mod requests;
mod rules;

use std::net::IpAddr;

use tollgate_engine::DomainMeaning;
use tonic::Status;

pub(crate) use self::decode::hits;
use crate::messages::rate_limit::{RateLimitRequest, RateLimitResponse};
use crate::services::Shared;

/// Descriptors of a question, whether any limit is for them or not.
const DESCRIPTORS_MAX: usize = 256;

/// Answers one question.
///
/// # Errors
/// A status for a question that cannot be understood. A refusal is an answer.
pub(crate) async fn should_rate_limit(
    shared: &Shared,
    request: &RateLimitRequest,
    peer: IpAddr,
) -> Result<RateLimitResponse, Status> {
    // In the words of envoyproxy/ratelimit, which has no better code for them than UNKNOWN.
    if request.domain.is_empty() {
        return Err(Status::invalid_argument(
            "rate limit domain must not be empty",
        ));
    }
    if request.descriptors.is_empty() {
        return Err(Status::invalid_argument(
            "rate limit descriptor list must not be empty",
        ));
    }
    if request.descriptors.len() > DESCRIPTORS_MAX {
        return Err(Status::resource_exhausted(format!(
            "at most {DESCRIPTORS_MAX} descriptors can be asked about at once"
        )));
    }
    match shared.engine.snapshot().meaning_of(&request.domain) {
        DomainMeaning::Unknown => {
            shared.stats.rate_limit_ok.one_more();
            shared.stats.rate_limit_unknown_domain.one_more();
            Ok(encode::unlimited(request.descriptors.len()))
        }
        DomainMeaning::Rules => rules::decide(shared, request),
        // Boxed: its future would make every question's larger.
        DomainMeaning::Policy(identity) => {
            Box::pin(requests::decide(shared, request, identity, peer)).await
        }
    }
}

/// Answers a question that does not decode. A client of Envoy's can write bytes into it that are no UTF-8,
/// and Envoy lets through what it gets an error for.
pub(crate) fn unreadable(shared: &Shared) -> RateLimitResponse {
    shared.stats.rate_limit_refused.one_more();
    requests::unreadable()
}

#[cfg(test)]
mod tests;
