//! The flat strings of an answer that API Gateway passes on: to integrations, mappings and logs.

use std::collections::BTreeMap;

use tollgate_engine::{Decision, Principal, Verdict};

/// `context` of an answer. API Gateway takes no nested values.
pub(crate) type Context = BTreeMap<&'static str, String>;

/// The key of the pass, the first to go from an answer that is too long.
pub(crate) const PASS: &str = "pass";

/// Whom an Allow names, and what an integration may pass on.
///
/// Without `of_route` there is no bucket id: the answer will be used for other routes.
pub(crate) fn of_allowed(decision: &Decision, of_route: bool) -> Context {
    let mut context = Context::new();
    if let Principal::User(user) = &decision.principal {
        context.insert("issuer", user.issuer.to_string());
        context.insert("subject", user.subject.to_string());
        if let Some(account) = &user.account {
            context.insert("account", account.to_string());
        }
    }
    if let Some(plan) = decision.plan_name() {
        context.insert("plan", plan.to_owned());
    }
    let id = decision.snapshot.bucket_id(decision);
    if let Some(id) = id.filter(|_| of_route) {
        context.insert("class", id.class().to_owned());
        context.insert("bucketId", id.to_string());
    }
    if let Some(pass) = decision.mint_pass() {
        context.insert(PASS, pass.token);
    }
    context
}

/// Why a Deny, for a gateway response that says it to the client. Also the wait of a limit: an
/// authorizer has no 429, a mapping of its 403 has.
pub(crate) fn of_refused(reason: &str, decision: Option<&Decision>) -> Context {
    let mut context = Context::from([("reason", reason.to_owned())]);
    if let Some(Verdict::Limit {
        retry_after: Some(wait),
    }) = decision.map(|decision| &decision.verdict)
    {
        context.insert("retryAfter", wait.as_secs_ceil().to_string());
    }
    context
}
