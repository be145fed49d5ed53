//! Plans of the policy in force: their limits, everywhere and on each route, and who has them.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use tollgate_engine::policy::{Limit, PlanId, Policy, RouteId};
use tollgate_store::{PAGE_ENTRIES_MAX, PlanName};

use super::super::door::Visitor;
use super::super::links;
use super::super::view::layout::{Section, note, page, wide};
use crate::problem::{Answer, Problem};
use crate::query::Params;
use crate::state::Admin;

/// Plans of one page.
const PLANS: usize = 100;
/// Routes of one page.
const ROUTES: usize = 100;

/// Where a list begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Asked {
    #[serde(default)]
    skip: usize,
}

/// Which plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct OneAsked {
    name: String,
    #[serde(default)]
    skip: usize,
}

pub(in super::super) async fn list(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<Asked>,
) -> Answer<Response> {
    let snapshot = admin.engine().snapshot();
    let policy = snapshot.policy();
    let plans = (0_u16..).map(PlanId).zip(policy.plans()).skip(asked.skip);
    let shown: Vec<_> = plans.take(PLANS).collect();
    let more = asked.skip.saturating_add(shown.len());
    let content = html! {
        @if shown.is_empty() { (note("No plans here.")) } @else {
            (wide("Plans", &html! {
                table {
                    thead { tr {
                        th scope="col" { "Plan" }
                        th scope="col" { "Limits where a route has none of its own" }
                        th scope="col" { "Class" }
                        th scope="col" { "Who has it" }
                    } }
                    tbody { @for (id, plan) in &shown { tr {
                        th scope="row" {
                            a href=(links::plan(&plan.name)) { (plan.name) }
                            @if policy.default_plan() == *id { " (default)" }
                        }
                        td { (limits(policy.limits(*id, RouteId::UNMATCHED))) }
                        td { code { (plan.class) } }
                        td { (who_has(&plan.name, "list")) }
                    } } }
                }
            }))
        }
        @if more < policy.plans().len() { p { a href={ "/plans?skip=" (more) } { "More" } } }
    };
    Ok(page(&visitor, Some(Section::Plans), "Plans", &content))
}

fn who_has(plan: &str, words: &str) -> Markup {
    let link = links::with_query("/holders", [("plan", plan)].into_iter());
    html! { a href=(link) aria-label={ "Who has " (plan) ": " (words) } { (words) } }
}

fn limits(limits: &[Limit]) -> Markup {
    html! {
        @if limits.is_empty() { "none" } @else {
            ul.plain { @for limit in limits { li {
                b { (limit.name) } " " (limit.amount) " per " (limit.per.as_str())
                @if limit.mode.as_str() != "enforce" { ", " (limit.mode.as_str()) }
                @if limit.cost.get() != 1 { ", cost " (limit.cost) }
                @if let Some(rules) = &limit.quota { ", beyond it: " (rules.on_exceed.as_str()) }
            } } }
        }
    }
}

pub(in super::super) async fn one(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<OneAsked>,
) -> Answer<Response> {
    let who = count(&admin, &asked.name).await;
    let snapshot = admin.engine().snapshot();
    let policy = snapshot.policy();
    let found = policy.plan_named(&asked.name);
    let id = found.ok_or_else(|| Problem::not_found("plan in the policy in force"))?;
    let plan = policy.plans().get(usize::from(id.0));
    let more = asked.skip.saturating_add(ROUTES);
    let content = html! {
        dl {
            dt { "Limits" } dd { (limits(policy.limits(id, RouteId::UNMATCHED))) }
            dt { "Assigned to" } dd { (who) }
            @if let Some(message) = plan.and_then(|plan| plan.message.as_deref()) {
                dt { "A caller over a limit is told" } dd { (message) }
            }
            @if let Some(url) = plan.and_then(|plan| plan.upgrade_url.as_deref()) {
                dt { "More can be bought at" } dd { (url) }
            }
        }
        h2 { "On each route" }
        (on_routes(policy, id, asked.skip))
        @if more < policy.routes().len() {
            @let skip = more.to_string();
            @let query = [("name", asked.name.as_str()), ("skip", skip.as_str())];
            p { a href=(links::with_query("/plan", query.into_iter())) { "More" } }
        }
    };
    let title = format!("Plan {}", asked.name);
    Ok(page(&visitor, Some(Section::Plans), &title, &content))
}

/// How many have it, as far as one page of the store goes.
async fn count(admin: &Admin, plan: &str) -> Markup {
    let store = match admin.store_if_any() {
        Ok(Some(store)) => store,
        Ok(None) => return html! { "nobody: there is no store" },
        Err(_) => return html! { "not known: the store has not been reached yet" },
    };
    let Ok(name) = PlanName::parse(plan) else {
        return html! { "nobody: the store takes no such name" };
    };
    match store
        .holders_after(None, Some(&name), PAGE_ENTRIES_MAX)
        .await
    {
        Err(_) => html! { "not known: the store does not answer" },
        Ok(found) => {
            let count = found.entries.len();
            let more = if found.has_more { " or more" } else { "" };
            who_has(plan, &format!("{count}{more}"))
        }
    }
}

fn on_routes(policy: &Policy, plan: PlanId, skip: usize) -> Markup {
    let everywhere = policy.limits(plan, RouteId::UNMATCHED);
    let routes = policy.routes().iter().skip(skip).take(ROUTES);
    let table = html! {
        table {
            thead { tr { th scope="col" { "Route" } th scope="col" { "Limits" } } }
            tbody { @for (id, route) in routes { tr {
                th scope="row" {
                    code { (route) }
                    @if route.never_block { " (never blocks)" }
                }
                @let here = policy.limits(plan, id);
                td { @if here == everywhere { "as everywhere" } @else { (limits(here)) } }
            } } }
        }
    };
    wide("Limits on each route", &table)
}
