//! What is wrong with a policy, or what it would change: looked at before it is put in force.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::super::super::door::Visitor;
use super::super::super::form::Fields;
use super::super::super::view::forms::{hidden, token, version, why};
use super::super::super::view::layout::{Section, note, page, wide};
use super::seen;
use super::show::text_field;
use crate::problem::Answer;
use crate::state::Admin;
use crate::v1::policy::{Difference, Differences, Trial, What, compared, tried};

pub(in super::super::super) async fn check(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Answer<Response> {
    let (text, seen) = (fields.lines("text"), seen(&fields)?);
    let trial = tried(&admin, text.clone()).await?;
    let differences = match trial.ok {
        true => Some(compared(&admin, text.clone()).await?),
        false => None,
    };
    let content = html! {
        (found(&trial))
        @if let Some(differences) = &differences {
            section aria-labelledby="differences-heading" {
                h2 id="differences-heading" { "What would change" }
                (changes(differences))
            }
            section aria-labelledby="apply-heading" {
                h2 id="apply-heading" { "Put it in force" }
                form method="post" action="/policy/apply" {
                    (token(&visitor)) (version(&seen)) (hidden("text", &text))
                    (why("apply-note"))
                    button type="submit" { "Put this policy in force" }
                    p.hint { "At once, for all. If another version has been put in force since the text was opened, nothing is changed." }
                }
            }
        }
        section aria-labelledby="text-heading" {
            h2 id="text-heading" { "Change it further" }
            form method="post" action="/policy/check" {
                (token(&visitor)) (version(&seen))
                (text_field(&text))
                button type="submit" { "Check again" }
            }
        }
    };
    Ok(page(
        &visitor,
        Some(Section::Policy),
        "Another policy",
        &content,
    ))
}

fn found(trial: &Trial) -> Markup {
    html! {
        section aria-labelledby="found-heading" {
            h2 id="found-heading" { "What was found" }
            @match trial.ok {
                true => p.done { "It could be put in force." },
                false => p.problem role="alert" { "It cannot be put in force." },
            }
            @if let Some(tests) = &trial.tests {
                p { "Its own tests: " (tests.passed) " passed, " (tests.failed.len()) " failed." }
                ul.findings { @for failed in &tests.failed {
                    li { "line " (failed.line) ": " b { (failed.test) } ": " (failed.message) }
                } }
            }
            @if !trial.findings.is_empty() {
                ul.findings { @for one in &trial.findings { li {
                    b { (one.severity) } " " code { (one.code) }
                    " " (one.file) ", line " (one.line) ", column " (one.column) ": " (one.message)
                    @if let Some(label) = &one.label { " (" (label) ")" }
                    @if let Some(help) = &one.help { " – " (help) }
                } } }
            }
        }
    }
}

fn changes(found: &Differences) -> Markup {
    html! {
        @if found.differences.is_empty() {
            (note("Nothing of plans, limits and routes."))
        } @else {
            (wide("What would change", &html! {
                table {
                    thead { tr {
                        th scope="col" { "What" }
                        th scope="col" { "Which" }
                        th scope="col" { "Now" }
                        th scope="col" { "Then" }
                    } }
                    tbody { @for one in &found.differences { (row(one)) } }
                }
            }))
        }
        @if found.has_more { (note("There are more differences than are shown.")) }
        @if !found.each_route { (note("The policy is so large that limits were compared on the route * only.")) }
        @if !found.at_next_start.is_empty() {
            p { "At the next start of the gateway only: " (found.at_next_start.join(", ")) "." }
        }
    }
}

fn row(one: &Difference) -> Markup {
    let what = match one.what {
        What::Plan => "plan",
        What::DefaultPlan => "default plan",
        What::Route => "route",
        What::Limit => "limit",
        What::Section => "section",
    };
    // Of a section it is known that it is other, and not how.
    let (before, after) = match one.what {
        What::Section => (None, Some("another")),
        _ => (one.before.as_deref(), one.after.as_deref()),
    };
    let which = [&one.plan, &one.name, &one.route];
    let which = which.into_iter().flatten().map(String::as_str);
    let which: Vec<&str> = which.collect();
    html! {
        tr {
            th scope="row" { (what) }
            td { (which.join(" · ")) }
            td { (before.unwrap_or("–")) }
            td { (after.unwrap_or("–")) }
        }
    }
}
