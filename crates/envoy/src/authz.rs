//! External authorization (`envoy.service.auth.v3`): Envoy asks about each request, and forwards it itself.
//!
//! Identification and limits in one question. Envoy puts the verified identity over the client's fields
//! and removes what claims one; a refusal reaches the client with the gateway's status, fields and body.
//!
//! The path cannot be rewritten: one that is not canonical is refused. Nobody says when a request has ended,
//! so limits on requests under way count nothing. A certificate that Envoy tells of is not looked at: the
//! question does not say whether Envoy has verified it.

mod decode;
mod encode;

use tollgate_engine::{Asked, Counting, Decision, Forwarding, Verdict};

use self::decode::{Question, Unclear};
use crate::ask;
use crate::messages::authz::{CheckRequest, CheckResponse};
use crate::services::Shared;

/// The largest question: four times what Envoy takes of a head unless it is told otherwise (60 KiB).
pub(crate) const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// What Envoy does to a request, and how often it is counted.
const BY_ENVOY: Asked<'static> = Asked {
    template: None,
    counting: Counting::Hits(1),
    cost: None,
    forwarding: Forwarding::PathAsSent,
    caller: None,
};

/// Answers one question. What is no request is refused to the client and not to Envoy, which may have been
/// told to let pass what it gets no answer for.
pub(crate) async fn check(shared: &Shared, request: &CheckRequest) -> CheckResponse {
    let question = match Question::read(request) {
        Ok(question) => question,
        Err(unclear) => {
            shared.stats.authz_errors.one_more();
            return encode::unclear(&unclear);
        }
    };
    let head = question.head();
    let decision = ask::decide(shared, &head, BY_ENVOY).await;
    count(shared, &decision);
    encode::answer(&shared.engine, &decision, &head)
}

/// Answers a question that does not decode, as one that is about no request: it may be the client's doing, by
/// bytes that are no UTF-8.
pub(crate) fn unreadable(shared: &Shared) -> CheckResponse {
    shared.stats.authz_refused.one_more();
    encode::unclear(&Unclear::Message)
}

fn count(shared: &Shared, decision: &Decision) {
    let stats = &shared.stats;
    let counter = match &decision.verdict {
        Verdict::Allow => &stats.authz_ok,
        Verdict::Limit { .. } => &stats.authz_limited,
        Verdict::Unauthenticated(_) => &stats.authz_unauthenticated,
        Verdict::Unavailable => &stats.authz_unavailable,
        _ => &stats.authz_refused,
    };
    counter.one_more();
}

#[cfg(test)]
mod tests;
