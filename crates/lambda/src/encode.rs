//! Engine to wire: a verdict becomes an answer that is no wider than what it was asked for.

use serde_json::{Value, json};
use tollgate_aws::authorizer::{ANSWER_BYTES_MAX, AuthorizerApi};
use tollgate_engine::policy::RouteMethod;
use tollgate_engine::{Decision, Forbidden, Principal, Verdict};

use crate::arn::Width;
use crate::context::{self, Context, PASS};
use crate::decode::{Ask, Place};
use crate::settings::{AnswerForm, PrincipalName, Settings, UsageKey};

/// `principalId` of a caller who is not known, or has no name.
const ANONYMOUS: &str = "anonymous";

/// What API Gateway gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// A document or a simple response.
    Document(Value),
    /// The call fails with the one message that API Gateway answers with 401.
    Unauthorized,
}

/// How far an Allow reaches.
enum Reach<'a> {
    /// As wide as this, with or without what belongs to one route.
    Wide { width: Width<'a>, of_route: bool },
    /// No answer can be as narrow as it must be.
    Nowhere(&'static str),
}

/// Answers `ask` with what the engine decided.
pub(crate) fn answer(ask: &Ask, decision: &Decision, settings: &Settings) -> Answer {
    match &decision.verdict {
        // A preflight and the like: free at the gateway, which answers them or passes them on alone.
        // Here the answer may be used again for a request of somebody who is not known.
        Verdict::Allow | Verdict::Own(_) if matches!(decision.principal, Principal::Unknown) => {
            unauthorized(ask, settings)
        }
        // Kept that long, the answer would outlive the credential.
        Verdict::Allow | Verdict::Own(_) if !outlasts(decision, settings.ttl_s) => {
            unauthorized(ask, settings)
        }
        Verdict::Allow | Verdict::Own(_) => allow(ask, decision, settings),
        Verdict::Unauthenticated(_) => unauthorized(ask, settings),
        refused => deny(ask, settings, Some(decision), reason(refused)),
    }
}

/// A Deny for `reason`, of this request alone.
pub(crate) fn deny(
    ask: &Ask,
    settings: &Settings,
    decision: Option<&Decision>,
    reason: &str,
) -> Answer {
    let context = context::of_refused(reason, decision);
    if is_simple(ask, settings) {
        return Answer::Document(simple(false, &context));
    }
    // One that cannot be named is refused with everything else: no Deny is too wide.
    let resource = ask.arn.resource(Width::Exact);
    let resource = resource.as_deref().unwrap_or("*");
    let principal = decision.and_then(|decision| principal_id(decision, settings));
    let principal = principal.as_deref().unwrap_or(ANONYMOUS);
    Answer::Document(document(principal, "Deny", resource, &context))
}

fn unauthorized(ask: &Ask, settings: &Settings) -> Answer {
    if is_simple(ask, settings) {
        // A simple response has no 401.
        let context = context::of_refused("unauthorized", None);
        return Answer::Document(simple(false, &context));
    }
    Answer::Unauthorized
}

fn allow(ask: &Ask, decision: &Decision, settings: &Settings) -> Answer {
    let (width, of_route) = match reach(ask, decision, settings) {
        Reach::Wide { width, of_route } => (width, of_route),
        Reach::Nowhere(why) => return deny(ask, settings, Some(decision), why),
    };
    let Some(resource) = ask.arn.resource(width) else {
        return deny(ask, settings, Some(decision), "resource");
    };
    let Some(principal) = principal_id(decision, settings) else {
        return deny(ask, settings, Some(decision), "name-key");
    };
    let mut context = context::of_allowed(decision, of_route);
    // Twice: the pass is the one part that an integration can do without.
    for _ in 0..2 {
        let mut document = if is_simple(ask, settings) {
            simple(true, &context)
        } else {
            document(&principal, "Allow", &resource, &context)
        };
        if let Some(key) = usage_key(ask, decision, settings) {
            document["usageIdentifierKey"] = key.into();
        }
        if document.to_string().len() <= ANSWER_BYTES_MAX {
            return Answer::Document(document);
        }
        context.remove(PASS);
    }
    deny(ask, settings, Some(decision), "answer-too-long")
}

/// Whether a credential is accepted as long as an answer is kept.
fn outlasts(decision: &Decision, ttl_s: u32) -> bool {
    let kept_until = decision.now.unix_s().saturating_add(ttl_s.into());
    decision
        .accepted_until()
        .is_none_or(|until| kept_until <= until)
}

/// How wide an Allow may be, so that under the identity sources of [`tollgate_aws::authorizer`] it lets
/// nothing through that it was not asked about.
fn reach<'a>(ask: &'a Ask, decision: &Decision, settings: &Settings) -> Reach<'a> {
    let wide = |width, of_route| Reach::Wide { width, of_route };
    if settings.ttl_s == 0 {
        return wide(Width::Exact, true);
    }
    // The start refused a policy that compares ids, so that the verdict is of no one route.
    if ask.api == AuthorizerApi::RestToken {
        return wide(Width::Stage, false);
    }
    let is_of_key = is_of_key(ask, decision);
    let pattern = ask.place.pattern.as_str();
    let width = if ask.place.any_method {
        Width::AnyMethod(pattern)
    } else {
        Width::Template(pattern)
    };
    let edge = decision.snapshot.policy().edge();
    let compares_ids = edge.is_some_and(|edge| edge.before.is_some());
    match (is_of_key, compares_ids) {
        (true, _) => wide(width, true),
        (false, false) => wide(width, false),
        // The verdict is of a route that the cache's key does not name.
        (false, true) if is_simple(ask, settings) => Reach::Nowhere("route-not-in-key"),
        (false, true) => wide(Width::Exact, true),
    }
}

/// Whether the verdict holds for every request of the route that the cache's key names.
fn is_of_key(ask: &Ask, decision: &Decision) -> bool {
    let Place {
        template,
        pattern,
        any_method,
    } = &ask.place;
    if let Verdict::Own(_) = decision.verdict {
        // Paths of the gateway's own need no id. Under a template with a parameter they would lend
        // their answer to all the paths that do.
        return template.is_some() && !pattern.contains('*') && !any_method;
    }
    let snapshot = &decision.snapshot;
    let named = template.as_ref();
    let named = named.and_then(|template| snapshot.named(&ask.method, template));
    let takes_any = snapshot.policy().routes().get(decision.route).method == RouteMethod::Any;
    named == Some(decision.route) && (!any_method || takes_any)
}

fn is_simple(ask: &Ask, settings: &Settings) -> bool {
    ask.api == AuthorizerApi::HttpV2 && settings.answer == AnswerForm::Simple
}

fn principal_id(decision: &Decision, settings: &Settings) -> Option<String> {
    match (&decision.principal, settings.principal) {
        (Principal::User(user), PrincipalName::Subject) => Some(user.subject.to_string()),
        (Principal::User(_), PrincipalName::Alias) => {
            let alias = decision.user_alias(settings.name_key)?;
            Some(alias.as_str().to_owned())
        }
        _ => Some(ANONYMOUS.to_owned()),
    }
}

/// Of REST APIs only: HTTP APIs have no usage plans.
fn usage_key(ask: &Ask, decision: &Decision, settings: &Settings) -> Option<String> {
    let is_rest = matches!(
        ask.api,
        AuthorizerApi::RestToken | AuthorizerApi::RestRequest
    );
    let key = match settings.usage_key {
        _ if !is_rest => None,
        UsageKey::Off => None,
        UsageKey::Plan => decision.plan_usage_key(settings.name_key),
        UsageKey::User => decision.user_usage_key(settings.name_key),
    };
    key.map(|key| key.as_str().to_owned())
}

fn reason(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Limit { .. } => "limit",
        Verdict::Forbidden(Forbidden::BucketIdMissing) => "bucket-id-missing",
        Verdict::Forbidden(Forbidden::BucketIdMismatch) => "bucket-id-mismatch",
        Verdict::BadRequest(_) => "bad-request",
        Verdict::Unavailable => "unavailable",
        _ => "refused",
    }
}

fn document(principal: &str, effect: &str, resource: &str, context: &Context) -> Value {
    json!({
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Action": "execute-api:Invoke",
                "Effect": effect,
                "Resource": resource,
            }],
        },
        "context": context,
    })
}

fn simple(is_authorized: bool, context: &Context) -> Value {
    json!({ "isAuthorized": is_authorized, "context": context })
}
