//! The policy in force, its text for those who may see it, and what was in force before.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::super::door::Visitor;
use super::super::super::view::forms::{hidden, token, version, why};
use super::super::super::view::layout::{Section, note, page, wide};
use super::super::super::view::number::short_version;
use super::super::super::view::time::moment;
use crate::live::{PolicyInForce, PolicyVersion};
use crate::problem::Answer;
use crate::query::Params;
use crate::role::Role;
use crate::state::Admin;

/// What a form did before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super::super) struct Asked {
    done: Option<String>,
}

pub(in super::super::super) async fn show(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<Asked>,
) -> Answer<Response> {
    let look = admin.at_hand(|live| Ok((live.policy()?, live.policy_versions()?)));
    let (policy, versions) = look.await?;
    let done = match asked.done.as_deref() {
        Some("applied") => Some("The policy is in force."),
        Some("rolled-back") => Some("The earlier policy is in force again."),
        _ => None,
    };
    let is_admin = visitor.caller.role >= Role::Admin;
    let content = html! {
        @if let Some(words) = done { p.done role="status" { (words) } }
        p {
            "Version " code { (short_version(&policy.version)) } " is in force since " (moment(policy.since_ms))
            @if let Some(by) = &policy.by { ", put there by " (by) } "."
        }
        @if policy.stale {
            p role="alert" {
                "Its file has another text: somebody has changed it by hand, and the gateway's log says why it is \
                 not in force. Nothing can be applied here until the file is good, or as it was."
            }
        }
        @if is_admin { (editor(&visitor, &policy)) } @else {
            (note("Its text is for the role admin: it may have a password of a store in it."))
        }
        section aria-labelledby="versions-heading" {
            h2 id="versions-heading" { "Versions" }
            (wide("Versions", &table(&visitor, &policy, &versions)))
        }
    };
    Ok(page(&visitor, Some(Section::Policy), "Policy", &content))
}

fn editor(visitor: &Visitor, policy: &PolicyInForce) -> Markup {
    html! {
        section aria-labelledby="text-heading" {
            h2 id="text-heading" { "Text" }
            form method="post" action="/policy/check" {
                (token(visitor)) (version(&policy.version))
                (text_field(&policy.text))
                button type="submit" { "Check, and show what would change" }
            }
        }
    }
}

/// Where the text is changed.
pub(super) fn text_field(text: &str) -> Markup {
    html! {
        div.field {
            label for="text" { "Policy, in YAML" }
            // The first line break after the tag is none of the text's.
            textarea.code id="text" name="text" rows="24" spellcheck="false" autocomplete="off" { "\n" (text) }
        }
    }
}

fn table(visitor: &Visitor, in_force: &PolicyInForce, versions: &[PolicyVersion]) -> Markup {
    let is_admin = visitor.caller.role >= Role::Admin;
    html! {
        table {
            thead { tr {
                th scope="col" { "Version" }
                th scope="col" { "In force from" }
                th scope="col" { "Put there by" }
                @if is_admin { th scope="col" { "Roll back" } }
            } }
            tbody { @for (number, one) in versions.iter().enumerate() { tr {
                th scope="row" { code { (short_version(&one.version)) } }
                td { (moment(one.since_ms)) }
                td { (one.by.as_deref().unwrap_or("the file")) }
                @if is_admin { td {
                    @if one.version == in_force.version { "in force" } @else {
                        (roll_back(visitor, in_force, one, number))
                    }
                } }
            } } }
        }
    }
}

/// Opened first: it takes two steps, and a reason.
fn roll_back(
    visitor: &Visitor,
    in_force: &PolicyInForce,
    to: &PolicyVersion,
    number: usize,
) -> Markup {
    let short = short_version(&to.version);
    html! {
        details id={ "roll-back-" (number) } {
            summary { "Roll back to " code { (short) } }
            form method="post" action="/policy/roll-back" {
                (token(visitor)) (version(&in_force.version)) (hidden("to", &to.version))
                (why(&format!("roll-back-note-{number}")))
                button type="submit" { "Put " (short) " in force" }
            }
        }
    }
}
