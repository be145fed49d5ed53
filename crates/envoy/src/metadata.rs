//! What access logs and filters behind are told of a decision.

use std::collections::HashMap;

use tollgate_engine::{Decision, Principal, VerdictLabel};

use crate::messages::proto::{Kind, Struct, Value};

/// Facts of a decision, without growing the map.
const METADATA_TYPICAL: usize = 7;

/// Whether nobody was known.
pub(crate) fn is_anonymous(decision: &Decision) -> bool {
    matches!(decision.principal, Principal::Anonymous(_))
}

/// For access logs and filters behind: never who calls, but the bucket's public name.
pub(crate) fn of(decision: &Decision) -> Struct {
    let mut fields = HashMap::with_capacity(METADATA_TYPICAL);
    let mut say = |name: &str, value: &str| {
        fields.insert(name.to_owned(), text(value));
    };
    say("verdict", label(decision.label()));
    let route = decision.snapshot.policy().routes().get(decision.route);
    say("route", &route.to_string());
    if let Some(id) = decision.snapshot.bucket_id(decision) {
        let id = id.to_string();
        say("class", id.split('.').next().unwrap_or_default());
        say("bucket_id", &id);
    }
    if let Some(plan) = decision.plan_name() {
        say("plan", plan);
    }
    if is_anonymous(decision) {
        say("caller", "anonymous");
    }
    if let Some(state) = decision.violated() {
        say("violated", &state.limit.name);
    }
    Struct { fields }
}

/// A verdict's name, as in metrics.
pub(crate) fn label(label: VerdictLabel) -> &'static str {
    match label {
        VerdictLabel::Allow => "allow",
        VerdictLabel::Limit => "limit",
        VerdictLabel::LimitShadow => "limit_shadow",
        VerdictLabel::Unauthenticated => "unauthenticated",
        VerdictLabel::Forbidden => "forbidden",
        VerdictLabel::BadRequest => "bad_request",
        VerdictLabel::Unavailable => "unavailable",
        VerdictLabel::Own => "own",
    }
}

pub(crate) fn text(value: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.to_owned())),
    }
}
