//! Questions about requests that the policy decides.

mod answer;

use std::net::IpAddr;

use tollgate_engine::policy::AskedIdentity;
use tollgate_engine::{Decision, Verdict};
use tonic::Status;

use crate::ask;
use crate::messages::rate_limit::{RateLimitRequest, RateLimitResponse};
use crate::metadata::is_anonymous;
use crate::question::{Misread, Question};
use crate::services::Shared;

pub(super) use answer::unreadable;

pub(super) async fn decide(
    shared: &Shared,
    request: &RateLimitRequest,
    identity: AskedIdentity,
    peer: IpAddr,
) -> Result<RateLimitResponse, Status> {
    let [descriptor] = &*request.descriptors else {
        return Err(Status::invalid_argument(
            "this domain takes one descriptor, with all that is known of the request",
        ));
    };
    let engine = &shared.engine;
    let question = match Question::read(descriptor, request.hits_addend, identity, engine) {
        Ok(question) => question,
        Err(Misread::Configuration(status)) => return Err(status),
        Err(Misread::Request) => {
            shared.stats.rate_limit_refused.one_more();
            return Ok(unreadable());
        }
    };
    let decision = ask::decide(shared, &question.head(peer), question.asked()).await;
    count(shared, &decision, question.has_credential());
    Ok(answer::answer(&decision))
}

fn count(shared: &Shared, decision: &Decision, has_credential: bool) {
    let stats = &shared.stats;
    let counter = match &decision.verdict {
        Verdict::Allow | Verdict::Own(_) => &stats.rate_limit_ok,
        Verdict::Limit { .. } => &stats.rate_limit_over_limit,
        Verdict::Unauthenticated(_) => &stats.rate_limit_unauthenticated,
        Verdict::Unavailable => &stats.rate_limit_unavailable,
        _ => &stats.rate_limit_refused,
    };
    counter.one_more();
    if has_credential && is_anonymous(decision) {
        stats.rate_limit_unidentified.one_more();
    }
}
