//! What is to be told of every plan, and of all of them together.

use tollgate_policy::{QuotaPeriod, RouteMethod};

use super::found::{Fidelity, Note};
use super::model::{Quota, Throttle};
use super::policy_text::Written;

/// What holds of every import.
const ALWAYS: [(Fidelity, &str, &str); 12] = [
    (
        Fidelity::Exact,
        "rate and burst",
        "a token bucket on both sides: the same requests at the same times are admitted, as long as \
         AWS counts exactly",
    ),
    (
        Fidelity::Exact,
        "whose bucket",
        "a key is counted by itself, over all stages and methods of its plan together",
    ),
    (
        Fidelity::Changed,
        "best effort",
        "AWS calls its throttles and quotas targets that clients can exceed, and serves requests \
         unthrottled when its own check fails; here they are exact, in each gateway process",
    ),
    (
        Fidelity::Changed,
        "answers",
        "over a limit it is 429 on both sides, here with `Retry-After` and a problem document; a \
         missing or unknown key is 401 where API Gateway answers 403",
    ),
    (
        Fidelity::Changed,
        "methods without `apiKeyRequired`",
        "API Gateway asks no key there; here every route does, until the policy has \
         `identity.anonymous`",
    ),
    (
        Fidelity::Changed,
        "paths",
        "routes are the paths of resources: if callers' paths have the stage or a base path before \
         them, take it off before the gateway, or write it into the routes",
    ),
    (
        Fidelity::Changed,
        "`HEAD` and preflights",
        "`HEAD` is counted as `GET` unless the policy has a `HEAD` route; an `OPTIONS` preflight of a \
         browser passes free of charge",
    ),
    (
        Fidelity::Assumed,
        "method throttles replace the plan's throttle",
        "a request to such a method takes from the method's bucket and the quota, and not from the \
         plan's bucket",
    ),
    (
        Fidelity::Assumed,
        "refused requests",
        "they take nothing from a bucket or quota here",
    ),
    (
        Fidelity::Lost,
        "throttles of stages, of the account and of the Region",
        "they are no part of a usage plan, and hold for all callers together: `per: global` is such a \
         limit",
    ),
    (
        Fidelity::Lost,
        "keys from an authorizer",
        "with `apiKeySource: AUTHORIZER` callers send no key: give the policy the authorizer's issuer, \
         and a claim that names the plan",
    ),
    (
        Fidelity::Lost,
        "descriptions, tags, product codes and customer ids",
        "a policy has no place for them",
    ),
];

/// Notes on every plan, and those that always hold.
pub(super) fn notes(plans: &[Written<'_>]) -> Vec<Note> {
    let mut notes = Vec::new();
    let always = ALWAYS.map(|(fidelity, what, why)| Note::new(fidelity, what, why));
    notes.extend(always);
    if plans.iter().any(|written| written.plan.quota.is_some()) {
        notes.push(Note::new(
            Fidelity::Assumed,
            "quotas are of the calendar, in UTC",
            "the documentation says day, week and month, and neither where one begins nor in which \
             time zone; here a day ends at midnight, a week on Sunday, a month on its last day. \
             `time_zone` moves them",
        ));
    }
    for written in plans {
        let plan = written.plan;
        if let Some(throttle) = plan.throttle {
            of_throttle(&format!("plan {:?}", plan.name), throttle, &mut notes);
        }
        for route in &written.routes {
            let whose = format!("plan {:?}, {} {}", plan.name, route.method, route.path);
            of_throttle(&whose, route.throttle, &mut notes);
            if route.method == RouteMethod::Any.as_str() {
                notes.push(Note::new(
                    Fidelity::Assumed,
                    whose,
                    "one bucket for all methods of the path",
                ));
            }
        }
        if let Some(quota) = plan.quota.filter(|quota| quota.offset > 0) {
            notes.push(offset(&plan.name, quota));
        }
        if plan.throttle.is_none() && plan.quota.is_none() {
            notes.push(Note::new(
                Fidelity::Exact,
                format!("plan {:?} limits nothing", plan.name),
                "it has neither throttle nor quota",
            ));
        }
    }
    notes
}

fn of_throttle(whose: &str, throttle: Throttle, notes: &mut Vec<Note>) {
    let rate = throttle.rate;
    if let Some(written) = rate.to_policy().ok().filter(|written| !written.exact) {
        notes.push(Note::new(
            Fidelity::Changed,
            format!("{whose}: {rate} a second"),
            format!(
                "a policy's periods have at most 366 days; the nearest rate is {}",
                written.rate
            ),
        ));
    }
    if let Some(millionths) = rate.rounding_millionths() {
        notes.push(Note::new(
            Fidelity::Changed,
            format!("{whose}: {rate} a second"),
            format!(
                "the time between two requests is counted in whole nanoseconds, rounded up: slower by \
                 at most {millionths} in a million"
            ),
        ));
    }
    if throttle.burst.is_none() {
        notes.push(Note::new(
            Fidelity::Assumed,
            format!("{whose}: a burst of {}", throttle.burst_or_second()),
            "it has none, and what AWS takes then is not documented: a second's worth",
        ));
    }
}

fn offset(plan: &str, quota: Quota) -> Note {
    let days = match quota.period {
        QuotaPeriod::Week => "0 to 6 in a week",
        QuotaPeriod::Month => "0 to 27 in a month",
        _ => "0 in a day",
    };
    Note::new(
        Fidelity::Lost,
        format!("plan {plan:?}: the offset {} of its quota", quota.offset),
        format!(
            "it is documented as requests subtracted from the limit in the initial period, which is \
             not imported: here the first period has the whole quota. Terraform takes {days}, as if it \
             were days by which the period begins later; which of both AWS does was not verified"
        ),
    )
}
