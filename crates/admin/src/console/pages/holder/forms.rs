//! Forms that change what is said of a holder, or what its buckets hold.

use std::collections::BTreeSet;

use maud::{Markup, html};
use tollgate_store::Change;

use super::super::super::door::Visitor;
use super::super::super::view::forms::{choice, key, text, time, token, version, why};
use super::asked::Of;
use super::standing::Standing;
use crate::state::Admin;

/// Plans that are offered to choose from; of more than these one is typed.
const PLANS_OFFERED: usize = 500;
/// Names of routes that a field offers.
const ROUTES_OFFERED: usize = 200;

/// A plan, and a limit of its own.
pub(super) fn of_record(admin: &Admin, of: &Of, visitor: &Visitor, at: u64) -> Markup {
    let at = at.to_string();
    let snapshot = admin.engine().snapshot();
    let policy = snapshot.policy();
    let plans: Vec<(&str, &str)> = policy
        .plans()
        .iter()
        .map(|plan| (&*plan.name, &*plan.name))
        .collect();
    let routes = policy.routes().iter().take(ROUTES_OFFERED);
    let routes: Vec<String> = routes.map(|(_, route)| route.to_string()).collect();
    html! {
        form method="post" action=(of.link("/holder/assign", &[])) {
            fieldset {
                legend { "Give a plan" }
                (token(visitor)) (key()) (version(&at))
                @match plans.len() {
                    0..=PLANS_OFFERED => (choice("assign-plan", "plan", "Plan", &plans, None)),
                    _ => (text("assign-plan", "plan", "Plan", "A plan of the policy in force.")),
                }
                (time("assign-from", "from", "From", "Left empty: at once."))
                (time("assign-until", "until", "Until", "Left empty: for good. When it ends, the plan before is in force again."))
                (why("assign-note"))
                button type="submit" { "Give the plan" }
            }
        }
        form method="post" action=(of.link("/holder/override", &[])) {
            fieldset {
                legend { "Give a limit in place of the plan's" }
                (token(visitor)) (key()) (version(&at))
                (text("override-limit", "limit", "Limit, in the policy's words", "As {name: burst, rate: 1000/s}; it takes the place of the plan's limit of that name."))
                div.field {
                    label for="override-route" { "Route" }
                    input type="text" id="override-route" name="route" list="routes" autocomplete="off" spellcheck="false" aria-describedby="override-route-hint";
                    p.hint id="override-route-hint" { "Left empty: every route." }
                    datalist id="routes" { @for route in &routes { option value=(route) {} } }
                }
                (time("override-from", "from", "From", "Left empty: at once."))
                (time("override-until", "until", "Until", "Left empty: for good."))
                (why("override-note"))
                button type="submit" { "Give the limit" }
            }
        }
    }
}

/// Back to before the last change. Undone twice, it is done again.
pub(super) fn undo(of: &Of, visitor: &Visitor, last: Option<&Change>) -> Markup {
    let Some(last) = last else { return html! {} };
    html! {
        form method="post" action=(of.link("/holder/undo", &[])) {
            fieldset {
                legend { "Undo the last change" }
                (token(visitor)) (key()) (version(&last.seq.to_string()))
                p { "Change " (last.seq) ": " (last.act.as_str()) " by " (last.by.as_str()) "." }
                (why("undo-note"))
                button type="submit" { "Undo change " (last.seq) }
            }
        }
    }
}

/// Units given, and buckets full again.
pub(super) fn of_buckets(of: &Of, visitor: &Visitor, standing: &Standing) -> Markup {
    let (limits, routes) = standing.names(of.who.holder.kind);
    let limits = offered("every limit", &limits);
    let routes = offered("every route", &routes);
    html! {
        form method="post" action=(of.link("/holder/grant", &[])) {
            fieldset {
                legend { "Give units on top" }
                (token(visitor)) (key())
                (choice("grant-limit", "limit", "Limit", &limits, None))
                (choice("grant-route", "route", "Route", &routes, None))
                div.field {
                    label for="grant-units" { "Units" }
                    input type="number" id="grant-units" name="units" min="1" max="4294967296" required aria-describedby="grant-hint";
                    p.hint id="grant-hint" { "A bucket holds at most its capacity. Quotas of an hour and longer: for all instances; all else: in this process." }
                }
                (why("grant-note"))
                button type="submit" { "Give the units" }
            }
        }
        form method="post" action=(of.link("/holder/reset", &[])) {
            fieldset {
                legend { "Fill buckets up" }
                (token(visitor)) (key())
                p.hint { "Quotas of an hour and longer are filled up for all instances, all else in this process." }
                (choice("reset-limit", "limit", "Limit", &limits, None))
                (choice("reset-route", "route", "Route", &routes, None))
                (why("reset-note"))
                button type="submit" { "Fill up" }
            }
        }
    }
}

/// All of them, or one.
fn offered<'a>(all: &'a str, names: &BTreeSet<&'a str>) -> Vec<(&'a str, &'a str)> {
    let each = names.iter().map(|name| (*name, *name));
    [("", all)].into_iter().chain(each).collect()
}
