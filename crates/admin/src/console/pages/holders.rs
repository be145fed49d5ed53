//! Finding a holder, and the list of those of whom something is said.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use tollgate_engine::policy::Policy;
use tollgate_identity::{API_KEY_ISSUER, CERTIFICATE_ISSUER};
use tollgate_store::{Holder, PlanName, Record, StoreError};

use super::super::door::Visitor;
use super::super::links::{self, Beside};
use super::super::view::forms::{choice, text};
use super::super::view::layout::{Section, note, page, wide};
use super::super::view::number::grouped;
use crate::problem::{Answer, Problem};
use crate::query::{Params, cursor, place};
use crate::state::Admin;

/// Holders of one page.
const PAGE: u32 = 50;

/// Which holders.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Asked {
    plan: Option<String>,
    cursor: Option<String>,
}

pub(in super::super) async fn list(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<Asked>,
) -> Answer<Response> {
    let list = match admin.store() {
        Ok(_) => match listed(&admin, &asked).await {
            Ok(list) => list,
            // The form beside it is of use still.
            Err(problem) if problem.status().is_server_error() => note(problem.words().1),
            Err(problem) => return Err(problem),
        },
        Err(problem) => note(problem.words().1),
    };
    let content = html! {
        section aria-labelledby="find-heading" {
            h2 id="find-heading" { "Find" }
            (search(admin.engine().snapshot().policy()))
        }
        section aria-labelledby="list-heading" {
            h2 id="list-heading" {
                @match &asked.plan {
                    Some(plan) => { "With the plan " (plan) ", now or later" },
                    None => "With plans or limits of their own",
                }
            }
            (list)
        }
    };
    Ok(page(&visitor, Some(Section::Holders), "Holders", &content))
}

/// By the words of tokens; there is nothing to be there before.
fn search(policy: &Policy) -> Markup {
    let identity = policy.identity();
    let mut issuers: Vec<(&str, &str)> = Vec::new();
    let of_tokens = identity.issuers.iter().map(|issuer| issuer.issuer.as_str());
    issuers.extend(of_tokens.map(|issuer| (issuer, issuer)));
    if identity.api_keys.is_some() {
        issuers.push((API_KEY_ISSUER, "API keys"));
    }
    if identity.client_certificates.is_some() {
        issuers.push((CERTIFICATE_ISSUER, "client certificates"));
    }
    let kinds = [("subject", "Subject"), ("account", "Account")];
    html! {
        form.line method="get" action="/holder" role="search" {
            (choice("find-kind", "kind", "What", &kinds, None))
            @if issuers.is_empty() {
                (text("find-issuer", "issuer", "Issuer", ""))
            } @else {
                (choice("find-issuer", "issuer", "Issuer", &issuers, None))
            }
            div.field {
                label for="find-name" { "Subject or account" }
                input type="text" id="find-name" name="name" required maxlength="255" autocomplete="off" spellcheck="false";
            }
            button type="submit" { "Show" }
        }
    }
}

async fn listed(admin: &Admin, asked: &Asked) -> Answer<Markup> {
    let wrong = |error: StoreError| Problem::malformed(format!("query: {error}"));
    let plan = asked.plan.as_deref().map(PlanName::parse);
    let plan = plan.transpose().map_err(wrong)?;
    let last: Option<Holder> = asked.cursor.as_deref().map(place).transpose()?;
    let store = admin.store()?;
    let found = store
        .holders_after(last.as_ref(), plan.as_ref(), PAGE)
        .await?;
    let next = found.entries.last().filter(|_| found.has_more);
    let next = next.and_then(|(holder, _)| cursor(holder));
    let next = next.map(|next| {
        let plan = asked.plan.as_deref().map(|plan| ("plan", plan));
        links::with_query(
            "/holders",
            plan.into_iter().chain([("cursor", next.as_str())]),
        )
    });
    if found.entries.is_empty() {
        return Ok(note("Nobody."));
    }
    let now_ms = admin.now().unix_ms;
    Ok(html! {
        (wide("Holders", &table(&found.entries, now_ms)))
        @if let Some(next) = next { p { a href=(next) { "More" } } }
    })
}

fn table(entries: &[(Holder, Record)], now_ms: u64) -> Markup {
    let overrides = |record: &Record| {
        let in_force = record
            .overrides()
            .iter()
            .filter(|one| one.span.covers(now_ms));
        u64::try_from(in_force.count()).unwrap_or(u64::MAX)
    };
    html! {
        table {
            thead { tr {
                th scope="col" { "Name" }
                th scope="col" { "What" }
                th scope="col" { "Issuer" }
                th scope="col" { "Plan now" }
                th.number scope="col" { "Limits of its own" }
            } }
            tbody { @for (holder, record) in entries { tr {
                th scope="row" {
                    a href=(links::holder("/holder", holder, &Beside::default(), &[])) { (holder.name.as_str()) }
                }
                td { (links::kind(holder.kind)) }
                td { (holder.issuer.as_str()) }
                td { @match record.plan_at(now_ms) {
                    Some(entry) => (entry.plan.as_str()),
                    None => "–",
                } }
                td.number { (grouped(overrides(record))) }
            } } }
        }
    }
}
