//! What would become of a request of a holder, and why.

use maud::{Markup, html};

use super::super::super::view::forms::hidden;
use super::super::super::view::layout::wide;
use super::super::super::view::number::grouped;
use super::super::super::view::time::length;
use super::asked::{Asked, Of};
use super::standing::plan_source;
use crate::live::{Explanation, LimitSource, Outcome, WeighedLimit};
use crate::problem::Answer;
use crate::state::Admin;
use crate::v1::explain::explain_to;

/// Nothing without a path.
pub(super) async fn ask(admin: &Admin, of: &Of, asked: &Asked) -> Answer<Option<Explanation>> {
    let path = asked.path.clone().filter(|path| !path.is_empty());
    let Some(path) = path else { return Ok(None) };
    let method = asked.method.clone().filter(|method| !method.is_empty());
    let method = method.unwrap_or_else(|| "GET".to_owned());
    explain_to(admin, method, path, of.who.clone())
        .await
        .map(Some)
}

pub(super) fn section(of: &Of, asked: &Asked, found: Option<&Explanation>) -> Markup {
    html! {
        section aria-labelledby="explain-heading" {
            h2 id="explain-heading" { "Explain a request" }
            form.line method="get" action="/holder#explain-heading" {
                @for (name, value) in of.pairs() { (hidden(name, value)) }
                div.field {
                    label for="explain-method" { "Method" }
                    input.short type="text" id="explain-method" name="method" maxlength="32" autocomplete="off"
                        value=(asked.method.as_deref().unwrap_or("GET"));
                }
                div.field {
                    label for="explain-path" { "Path, as it is sent" }
                    input type="text" id="explain-path" name="path" required maxlength="8192" autocomplete="off" spellcheck="false"
                        value=(asked.path.as_deref().unwrap_or_default());
                }
                button type="submit" { "Explain" }
            }
            p.hint { "Nothing is consumed." }
            @if let Some(found) = found { (answer(found)) }
        }
    }
}

fn answer(found: &Explanation) -> Markup {
    html! {
        dl {
            dt { "Outcome" }
            dd {
                b { (outcome(found.outcome)) }
                @if let Some(free_in_ms) = found.free_in_ms { ", free in " (length(free_in_ms)) }
            }
            dt { "Route" }
            dd { code { (found.route) } @if found.never_block { ", on which nobody is blocked" } }
            dt { "Plan" }
            dd { @match &found.plan {
                Some(plan) => { (plan) ", " (plan_source(found.plan_from)) },
                None => "none",
            } }
        }
        @if !found.limits.is_empty() { (wide("Limits that are asked", &limits(&found.limits))) }
    }
}

fn limits(limits: &[WeighedLimit]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Limit" }
                th scope="col" { "Admits" }
                th scope="col" { "From" }
                th.number scope="col" { "Cost" }
                th.number scope="col" { "Left" }
                th scope="col" { "Says" }
                th.number scope="col" { "Free in" }
            } }
            tbody { @for limit in limits { tr {
                th scope="row" { (limit.limit) }
                td { (limit.amount) ", per " (limit.per) @if limit.mode != "enforce" { ", " (limit.mode) } }
                td { (limit_source(limit.from)) }
                td.number { (grouped(limit.cost)) }
                td.number { (grouped(limit.left)) }
                td { @if limit.admits { "yes" } @else { "no" } }
                td.number { @match limit.free_in_ms {
                    Some(free_in_ms) => (length(free_in_ms)),
                    None => "–",
                } }
            } } }
        }
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Admitted => "Let through",
        Outcome::Limited => "Refused by a limit (429)",
        Outcome::Unauthenticated => "Refused: nobody is known (401)",
        Outcome::Own => "Answered by the gateway, for free",
        Outcome::BadRequest => "Refused: the path could be read in two ways (400)",
    }
}

fn limit_source(from: LimitSource) -> &'static str {
    match from {
        LimitSource::SubjectOnRoute => "its own, on this route",
        LimitSource::Subject => "its own",
        LimitSource::AccountOnRoute => "its account's, on this route",
        LimitSource::Account => "its account's",
        LimitSource::Plan => "the plan",
    }
}
