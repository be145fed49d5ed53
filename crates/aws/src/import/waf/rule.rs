//! One rule: what a limit can say of it.

use tollgate_policy::{RATE_PER_SECOND_MAX, WINDOW_MAX};

use super::scope;
use crate::waf::model::{
    Action, ActionKind, AggregateKeyType, RateBased, RateKey, Rule, Statement, Word,
};

/// Status of a refused caller, always.
const STATUS: u64 = 429;

/// What a limit says.
#[derive(Debug)]
pub(super) struct Carried {
    /// `window: 600/60s`.
    pub(super) amount: String,
    /// `user`, `network` or `global`.
    pub(super) per: &'static str,
    /// A bucket for each route, not one for all.
    pub(super) each_route: bool,
    /// The one route that it is for.
    pub(super) route: Option<String>,
    /// It only counts.
    pub(super) shadow: bool,
}

/// What of the keys a limit can count by.
#[derive(Debug, Default)]
struct Keys {
    user: bool,
    network: bool,
    each_route: bool,
    /// Of which kind a key cannot be carried.
    lost: Option<&'static str>,
}

/// What a rule becomes, or none; `said` gets what is lost.
pub(super) fn carry(rule: &Rule, said: &mut Vec<String>) -> Option<Carried> {
    let Statement::RateBased(rate) = &rule.statement else {
        said.push(format!(
            "left out: a {} is no rate, and a policy has only limits",
            rule.statement.kind()
        ));
        return None;
    };
    let keys = keys(rate, said);
    if let Some(lost) = keys.lost {
        said.push(format!("left out: nothing in a policy counts by {lost}"));
        return None;
    }
    let amount = amount(rate, said)?;
    let mut shadow = action(rule.action.as_ref(), said)?;
    if !rule.labels.is_empty() {
        said.push("its labels are left out: a policy has none".to_owned());
    }
    let mut route = None;
    if let Some(scope_down) = &rate.scope_down {
        match scope::route(scope_down, said) {
            Some(scope::Scope::Everything) => {}
            Some(scope::Scope::Route(found)) => route = Some(found),
            None => {
                said.push(format!(
                    "`mode: shadow`: its scope-down statement ({}) cannot be a route, and without \
                     it the limit would refuse what the rule never counted",
                    scope_down.kind()
                ));
                shadow = true;
            }
        }
    }
    let per = match (keys.user, keys.network) {
        (true, _) => "user",
        (false, true) => "network",
        (false, false) => "global",
    };
    Some(Carried {
        amount,
        per,
        each_route: keys.each_route,
        route,
        shadow,
    })
}

fn keys(rate: &RateBased, said: &mut Vec<String>) -> Keys {
    let forwarded = "counts by the client's network; put your proxies under \
                     `identity.trusted_proxies`, whose X-Forwarded-For alone is believed";
    let mut keys = Keys::default();
    match rate.aggregate {
        AggregateKeyType::Ip => keys.network = true,
        AggregateKeyType::ForwardedIp => {
            keys.network = true;
            said.push(forwarded.to_owned());
        }
        AggregateKeyType::Constant => {}
        AggregateKeyType::CustomKeys => {
            for key in &rate.keys {
                match key {
                    RateKey::Header { name, .. } | RateKey::Cookie { name, .. } => {
                        keys.user = true;
                        let kind = key.kind().to_lowercase();
                        said.push(format!(
                            "the {kind} `{name}` becomes `per: user`; requests without it were not \
                             counted, and now count by their network"
                        ));
                    }
                    RateKey::Ip => keys.network = true,
                    RateKey::ForwardedIp => {
                        keys.network = true;
                        said.push(forwarded.to_owned());
                    }
                    RateKey::UriPath { .. } | RateKey::HttpMethod => {
                        if !keys.each_route {
                            let kind = key.kind();
                            said.push(format!(
                                "{kind} becomes one bucket a route: list routes, for all paths \
                                 that match none are one"
                            ));
                        }
                        keys.each_route = true;
                    }
                    other => keys.lost = Some(other.kind()),
                }
            }
        }
    }
    if keys.user && keys.network {
        said.push("the address beside the user is left out".to_owned());
    }
    keys
}

fn amount(rate: &RateBased, said: &mut Vec<String>) -> Option<String> {
    let (limit, window_s) = (rate.limit, rate.window_s);
    if limit == 0 || window_s == 0 {
        said.push(format!("left out: a limit of {limit} in {window_s} s"));
        return None;
    }
    let most = WINDOW_MAX.iter().find(|(least_s, _)| window_s >= *least_s);
    if most.is_some_and(|(_, max)| limit <= *max) {
        return Some(format!("window: {limit}/{window_s}s"));
    }
    if limit.div_ceil(window_s) <= RATE_PER_SECOND_MAX {
        said.push(format!(
            "a window cannot count to {limit}: it becomes a rate with that burst, which admits up \
             to twice as many in {window_s} s"
        ));
        return Some(format!("rate: {limit}/{window_s}s"));
    }
    said.push(format!(
        "left out: {limit} in {window_s} s is above what can be counted"
    ));
    None
}

/// Whether the limit only counts; none where it cannot be one.
fn action(action: Option<&Action>, said: &mut Vec<String>) -> Option<bool> {
    let kind = action.map(|action| action.kind);
    match kind {
        Some(ActionKind::Block) => {
            let response = action.and_then(|action| action.response.as_ref());
            if let Some(response) = response {
                let status = response.code;
                let changed = if status == STATUS {
                    String::new()
                } else {
                    format!("; the status is {STATUS} instead of {status}")
                };
                said.push(format!(
                    "its own answer is left out: Tollgate answers with a problem document and \
                     Retry-After{changed}"
                ));
            }
            Some(false)
        }
        Some(ActionKind::Count) => Some(true),
        Some(ActionKind::Allow) | None => {
            said.push("left out: a limit can only refuse".to_owned());
            None
        }
        Some(other) => {
            said.push(format!(
                "`mode: shadow`: {} has no like in a policy",
                other.as_str()
            ));
            Some(true)
        }
    }
}
