//! Questions about requests that the policy decides.

mod answer;

use std::net::IpAddr;

use tollgate_engine::policy::AskedIdentity;
use tollgate_engine::{
    Asked, Decision, Engine, KEY_WAIT_MAX, KeyWait, Outcome, RequestHead, Verdict,
};
use tonic::Status;

use crate::messages::rate_limit::{RateLimitRequest, RateLimitResponse};
use crate::question::{Misread, Question};
use crate::services::Shared;

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
            return Ok(answer::unreadable());
        }
    };
    let head = question.head(peer);
    let asked = question.asked();
    let began = shared.clock.now();
    let decision = match engine.decide_as(&head, asked, began) {
        Outcome::Decided(decision) => decision,
        // Boxed: rare, and its future would make every question's larger.
        Outcome::AwaitKeys(keys) => Box::pin(decide_late(shared, &head, asked, keys)).await,
    };
    let elapsed = shared.clock.now().mono.0.saturating_sub(began.mono.0);
    engine.observe(&decision, std::time::Duration::from_nanos(elapsed));
    count(shared, &decision, question.has_credential());
    Ok(answer::answer(&decision))
}

async fn decide_late(
    shared: &Shared,
    head: &RequestHead<'_>,
    asked: Asked<'_>,
    keys: KeyWait,
) -> Decision {
    // Whether the keys came or the time ran out, what is known now decides.
    let _ = tokio::time::timeout(KEY_WAIT_MAX, keys.wait()).await;
    let engine: &Engine = &shared.engine;
    engine.decide_final_as(head, asked, shared.clock.now())
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
    if has_credential && answer::is_anonymous(decision) {
        stats.rate_limit_unidentified.one_more();
    }
}
