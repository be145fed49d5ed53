//! Notices: what is to be told about quotas, where each stands, and trying again.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tollgate_store::{Channel, Delivery, ListedNotice, NoticeState, RouteName};

use super::super::door::Visitor;
use super::super::form::Fields;
use super::super::links::{self, Beside};
use super::super::view::forms::{choice, hidden, token};
use super::super::view::layout::{Section, note, page, wide};
use super::super::view::number::grouped;
use super::super::view::time::minute;
use crate::problem::{Answer, Problem};
use crate::query::{Params, number};
use crate::role::Role;
use crate::state::Admin;
use crate::v1::notices::try_again;

/// Notices of one page.
const PAGE: u32 = 50;

/// Which notices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Asked {
    #[serde(default)]
    state: String,
    after: Option<u64>,
    done: Option<u64>,
}

const STATES: [(&str, &str); 4] = [
    ("", "all"),
    ("waiting", "waiting"),
    ("delivered", "delivered"),
    ("given_up", "given up"),
];

pub(in super::super) async fn list(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<Asked>,
) -> Answer<Response> {
    let state = state(&asked.state)?;
    let after = number(asked.after)?.unwrap_or_default();
    let found = admin.store()?.notices_after(after, state, PAGE).await?;
    let last = found.entries.last().filter(|_| found.has_more);
    let next = last.map(|last| {
        let id = last.id.to_string();
        let query = [("state", asked.state.as_str()), ("after", &id)];
        links::with_query("/notices", query.into_iter())
    });
    let may_retry = visitor.caller.role >= Role::Operate;
    let content = html! {
        @if let Some(id) = asked.done { p.done role="status" { "Notice " (id) " is due now." } }
        form.line method="get" action="/notices" {
            (choice("state", "state", "On one of its channels", &STATES, Some(&asked.state)))
            button type="submit" { "Show" }
        }
        @if found.entries.is_empty() { (note("No notices.")) } @else {
            (wide("Notices", &html! {
                table {
                    thead { tr {
                        th scope="col" { "No." }
                        th scope="col" { "Whose" }
                        th scope="col" { "Quota" }
                        th.number scope="col" { "Reached" }
                        th scope="col" { "Made" }
                        th scope="col" { "Channels" }
                        @if may_retry { th scope="col" { "Try again" } }
                    } }
                    tbody { @for one in &found.entries { (row(one, &visitor, &asked.state)) } }
                }
            }))
        }
        @if let Some(next) = next { p { a href=(next) { "More" } } }
    };
    Ok(page(&visitor, Some(Section::Notices), "Notices", &content))
}

fn state(word: &str) -> Answer<Option<NoticeState>> {
    Ok(match word {
        "" => None,
        "waiting" => Some(NoticeState::Waiting),
        "delivered" => Some(NoticeState::Delivered),
        "given_up" => Some(NoticeState::GivenUp),
        _ => return Err(Problem::malformed("query: notices have no such state")),
    })
}

fn row(one: &ListedNotice, visitor: &Visitor, state: &str) -> Markup {
    let counter = &one.notice.counter;
    let holder = &counter.holder;
    let is_open = one
        .deliveries
        .iter()
        .any(|way| way.state != NoticeState::Delivered);
    html! {
        tr {
            th scope="row" { (one.id) }
            td { a href=(links::holder("/holder", holder, &Beside::default(), &[])) { (holder.name.as_str()) } }
            td {
                (counter.limit.as_str())
                @if let Some(route) = counter.route.as_ref().map(RouteName::as_str) { " on " code { (route) } }
            }
            td.number {
                (one.notice.threshold_percent) " %"
                @if one.notice.quota > 0 { " of " (grouped(one.notice.quota)) }
            }
            td { (minute(one.made_ms)) }
            td { @if one.deliveries.is_empty() { "handed to none yet" } @else {
                ul.plain { @for way in &one.deliveries { li { (delivery(way)) } } }
            } }
            @if visitor.caller.role >= Role::Operate { td { @if is_open {
                form method="post" action="/notices/retry" {
                    (token(visitor)) (hidden("id", &one.id.to_string())) (hidden("state", state))
                    button type="submit" aria-label={ "Try again: notice " (one.id) } { "Try again" }
                }
            } } }
        }
    }
}

fn delivery(way: &Delivery) -> Markup {
    let channel = match way.channel {
        Channel::Webhook => "webhook",
        Channel::Email => "mail",
        Channel::Stdout => "standard output",
    };
    let state = match way.state {
        NoticeState::Waiting => "waiting",
        NoticeState::Delivered => "delivered",
        NoticeState::GivenUp => "given up",
    };
    html! {
        (channel) ": " b.{ "state-" (state.replace(' ', "-")) } { (state) }
        @if way.attempts > 1 || way.state != NoticeState::Delivered {
            ", " (way.attempts) @if way.attempts == 1 { " attempt" } @else { " attempts" }
        }
        @if way.state == NoticeState::Waiting { ", next " (minute(way.due_ms)) }
    }
}

/// Makes one due now.
pub(in super::super) async fn retry(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Answer<Response> {
    let id = fields.number("id")?;
    try_again(&admin, &visitor.caller, id).await?;
    let id = id.to_string();
    let query = [("state", fields.text("state")), ("done", &id)];
    let path = links::with_query("/notices", query.into_iter());
    Ok(Redirect::to(&path).into_response())
}
