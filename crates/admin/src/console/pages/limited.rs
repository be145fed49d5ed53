//! Who is limited now, and by which limit.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use tollgate_store::Holder;

use super::super::door::Visitor;
use super::super::links::{self, Beside};
use super::super::view::layout::{Section, live, note, page, wide};
use super::super::view::number::grouped;
use super::super::view::time::length;
use crate::live::{BucketsAsked, CallerTraffic, Live, Question, Traffic, Who};
use crate::problem::Answer;
use crate::state::Admin;

/// A limit that refuses, or did.
struct Refusing {
    limit: String,
    amount: String,
    left: u64,
    free_in_ms: Option<u64>,
}

/// Somebody on a route, with the limits that refuse them now.
struct Row {
    of: CallerTraffic,
    who: Option<Who>,
    by: Vec<Refusing>,
}

pub(in super::super) async fn show(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
) -> Answer<Response> {
    let (window_s, rows) = admin
        .live(|live| {
            let Traffic {
                window_s, callers, ..
            } = live.traffic();
            let limited = callers.into_iter().filter(|caller| caller.limited > 0);
            Ok((
                window_s,
                limited.map(|of| row(live, of)).collect::<Vec<_>>(),
            ))
        })
        .await?;
    let content = html! {
        p id="live-count" data-live aria-live="polite" {
            @match rows.len() {
                0 => "Nobody was limited",
                1 => "One caller was limited, on one route,",
                count => { (count) " callers, each on one route, were limited" },
            }
            " in the last " (window_s) " s."
        }
        (live("live-limited", &table(&rows)))
    };
    Ok(page(
        &visitor,
        Some(Section::Limited),
        "Limited now",
        &content,
    ))
}

/// Asks the buckets, which are what they are now: who was limited may be free again.
fn row(live: &dyn Live, of: CallerTraffic) -> Row {
    let who = who(&of);
    let by = who.as_ref().map_or_else(Vec::new, |who| {
        let explained = explained(live, &of.route, who);
        explained.unwrap_or_else(|| empty_buckets(live, &of.route, who))
    });
    Row { of, who, by }
}

fn who(of: &CallerTraffic) -> Option<Who> {
    let holder = Holder::subject(of.issuer.as_deref()?, of.subject.as_deref()?);
    Some(Who {
        holder: holder.ok()?,
        account: of.account.clone(),
        // Whatever named it: an assignment is stronger, and the default plan would be this one.
        plan_claim: Some(of.plan.clone()),
    })
}

/// What refuses a request on this very route, if a path can be made that is matched by it.
fn explained(live: &dyn Live, route: &str, who: &Who) -> Option<Vec<Refusing>> {
    let (method, template) = route.split_once(' ')?;
    let question = Question {
        method: if method == "ANY" { "GET" } else { method }.to_owned(),
        path: example(template),
        who: Some(who.clone()),
        peer: None,
        at_ms: None,
    };
    let found = live.explain(&question).ok()?;
    let refuses = found.limits.into_iter().filter(|limit| !limit.admits);
    (found.route == route).then(|| {
        let refusing = refuses.map(|limit| Refusing {
            limit: limit.limit,
            amount: limit.amount,
            left: limit.left,
            free_in_ms: limit.free_in_ms,
        });
        refusing.collect()
    })
}

/// A path that a template matches: each parameter is a zero.
fn example(template: &str) -> String {
    let mut path = String::new();
    let mut in_parameter = false;
    for character in template.chars() {
        match character {
            '{' => {
                in_parameter = true;
                path.push('0');
            }
            '}' => in_parameter = false,
            '*' if !in_parameter => path.push('0'),
            _ if in_parameter => {}
            other => path.push(other),
        }
    }
    path
}

/// Where no request can be made up: what has nothing left.
fn empty_buckets(live: &dyn Live, route: &str, who: &Who) -> Vec<Refusing> {
    let asked = BucketsAsked {
        who: who.clone(),
        route: Some(route.to_owned()),
        after_route: None,
        routes_max: 1,
    };
    let page = live.buckets(&asked);
    let buckets = page.map(|page| page.buckets).unwrap_or_default();
    let empty = buckets.into_iter().filter(|bucket| bucket.left == 0);
    let refusing = empty.map(|bucket| Refusing {
        limit: bucket.limit,
        amount: bucket.amount,
        left: 0,
        free_in_ms: bucket.next_in_ms,
    });
    refusing.collect()
}

fn table(rows: &[Row]) -> Markup {
    if rows.is_empty() {
        return note("When somebody is refused by a limit, they stand here with the limit.");
    }
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Caller" }
                th scope="col" { "Plan" }
                th scope="col" { "Route" }
                th.number scope="col" { "Limited" }
                th.number scope="col" { "Admitted" }
                th scope="col" { "Refused by" }
                th.number scope="col" { "Free in" }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (caller(row)) }
                td { (row.of.plan) }
                td { code { (row.of.route) } }
                td.number { (grouped(row.of.limited)) }
                td.number { (grouped(row.of.admitted)) }
                (why(row))
            } } }
        }
    };
    wide("Limited callers", &table)
}

fn caller(row: &Row) -> Markup {
    let Some(who) = &row.who else {
        return html! { "anonymous callers" };
    };
    let beside = Beside {
        account: who.account.clone(),
        plan_claim: who.plan_claim.clone(),
    };
    html! {
        a href=(links::holder("/holder", &who.holder, &beside, &[])) { (who.holder.name.as_str()) }
        @if let Some(account) = &who.account { " of " (account) }
    }
}

fn why(row: &Row) -> Markup {
    let longest = row.by.iter().filter_map(|by| by.free_in_ms).max();
    html! {
        td {
            @if row.who.is_none() {
                "a limit of each network by itself"
            } @else if row.by.is_empty() {
                "nothing any more"
            }
            @for (number, by) in row.by.iter().enumerate() {
                @if number > 0 { ", " }
                b { (by.limit) } " (" (by.amount) "), " (grouped(by.left)) " left"
            }
        }
        td.number { @match longest {
            Some(free_in_ms) => (length(free_in_ms)),
            None => "–",
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_up_for_each_shape_of_template() {
        for (template, path) in [
            ("/orders", "/orders"),
            ("/orders/{order_id}/items/{a}.{b}", "/orders/0/items/0.0"),
            ("/files/{path+}", "/files/0"),
            ("/files/**", "/files/00"),
            ("/a/*/b", "/a/0/b"),
        ] {
            assert_eq!(example(template), path);
        }
    }
}
