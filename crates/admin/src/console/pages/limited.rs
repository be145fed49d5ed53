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
use super::overview::stale;
use crate::live::{BucketsAsked, CallerTraffic, Live, Question, Traffic, WeighedLimit, Who};
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
    /// `None` where nobody asked.
    by: Option<Found>,
}

/// What refuses a caller's next request.
#[derive(Default)]
struct Found {
    limits: Vec<Refusing>,
    /// A limit of its network may, which is not known here.
    of_network: bool,
}

/// The first of them, who are limited the most, are asked for; each takes a look into the store.
const ASKED_MAX: usize = 20;
/// Callers that the gateway tells at most.
const SHOWN_MAX: usize = 100;

pub(in super::super) async fn show(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
) -> Answer<Response> {
    let now_ms = admin.now().unix_ms;
    let (window_s, rows, stale) = admin
        .live(move |live| {
            let traffic = live.traffic();
            let stale = stale(&traffic, now_ms);
            let Traffic {
                window_s, callers, ..
            } = traffic;
            let limited = callers.into_iter().filter(|caller| caller.limited > 0);
            let rows = limited.enumerate();
            let rows = rows.map(|(place, of)| row(live, of, place < ASKED_MAX));
            Ok((window_s, rows.collect::<Vec<_>>(), stale))
        })
        .await?;
    let content = html! {
        p id="live-count" data-live aria-live="polite" {
            @match rows.len() {
                0 if stale.is_some() => "Nobody is known to have been limited",
                0 => "Nobody was limited",
                1 => "One caller was limited, on one route,",
                SHOWN_MAX.. => "100 callers or more, each on one route, were limited",
                count => { (count) " callers, each on one route, were limited" },
            }
            " in the last " (window_s) " s."
        }
        (live("live-limited", &html! {
            @if let Some(words) = &stale { (note(words)) }
            (table(&rows))
        }))
    };
    Ok(page(
        &visitor,
        Some(Section::Limited),
        "Limited now",
        &content,
    ))
}

/// Asks the buckets, which are what they are now: who was limited may be free again.
fn row(live: &dyn Live, of: CallerTraffic, asks: bool) -> Row {
    let who = who(&of);
    let by = who.as_ref().filter(|_| asks).map(|who| {
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
        plan_claim: of.plan_claim.clone(),
    })
}

/// What refuses a request on this very route, if a path can be made that is matched by it.
fn explained(live: &dyn Live, route: &str, who: &Who) -> Option<Found> {
    let (method, template) = route.split_once(' ')?;
    let question = Question {
        method: if method == "ANY" { "GET" } else { method }.to_owned(),
        path: example(template),
        who: Some(who.clone()),
        peer: None,
        at_ms: None,
    };
    let found = live.explain(&question).ok()?;
    let of_network = found.limits.iter().any(|limit| limit.per == "network");
    // One in shadow refuses nobody.
    let refuses = |limit: &WeighedLimit| !limit.admits && limit.mode == "enforce";
    let refusing = found.limits.into_iter().filter(refuses);
    (found.route == route).then(|| Found {
        limits: refusing
            .map(|limit| Refusing {
                limit: limit.limit,
                amount: limit.amount,
                left: limit.left,
                free_in_ms: limit.free_in_ms,
            })
            .collect(),
        of_network,
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
fn empty_buckets(live: &dyn Live, route: &str, who: &Who) -> Found {
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
    Found {
        limits: refusing.collect(),
        of_network: false,
    }
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
    let nothing = Found::default();
    let by = row.by.as_ref().unwrap_or(&nothing);
    let longest = by.limits.iter().filter_map(|by| by.free_in_ms).max();
    html! {
        td {
            @if row.who.is_none() {
                "a limit of each network by itself"
            } @else if row.by.is_none() {
                "see its page"
            } @else if by.limits.is_empty() && by.of_network {
                "a limit of its network, or nothing any more"
            } @else if by.limits.is_empty() {
                "nothing any more"
            }
            @for (number, by) in by.limits.iter().enumerate() {
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
