//! What was said of a holder: assignments and overrides, each with its way back, and the history.

use maud::{Markup, html};
use tollgate_store::{Assignment, Change, Override, Page, Record, RouteName, Versioned};

use super::super::super::door::Visitor;
use super::super::super::view::forms::{hidden, key, token, version};
use super::super::super::view::layout::{note, wide};
use super::super::super::view::time::{moment, span};
use super::asked::Of;
use crate::role::Role;

/// Both tables.
pub(super) fn plans_and_limits(
    found: &Versioned,
    of: &Of,
    visitor: &Visitor,
    now_ms: u64,
) -> Markup {
    let record = &found.record;
    let at = found.version.to_string();
    html! {
        section aria-labelledby="record-heading" {
            h2 id="record-heading" { "Plans and limits of its own" }
            @if record.is_empty() {
                (note("None: it has what its account, its tokens and the policy say."))
            }
            @if !record.assignments().is_empty() { (assignments(record, of, visitor, &at, now_ms)) }
            @if !record.overrides().is_empty() { (overrides(record, of, visitor, &at, now_ms)) }
        }
    }
}

fn assignments(record: &Record, of: &Of, visitor: &Visitor, at: &str, now_ms: u64) -> Markup {
    let may_write = visitor.caller.role >= Role::Operate;
    let withdraw = |entry: &Assignment| {
        let made = entry.made.to_string();
        let label = format!("Take back: {}, given by change {made}", entry.plan.as_str());
        back(
            of,
            visitor,
            at,
            ("/holder/withdraw", &label),
            &[("made", &made)],
        )
    };
    let table = html! {
        table {
            caption { "Assignments" }
            thead { tr {
                th scope="col" { "Plan" }
                th scope="col" { "From" }
                th scope="col" { "Until" }
                th scope="col" { "State" }
                th scope="col" { "Note" }
                @if may_write { th scope="col" { "Take back" } }
            } }
            tbody { @for entry in record.assignments() { tr {
                th scope="row" { (entry.plan.as_str()) }
                (span(entry.span, now_ms))
                td { (entry.note.as_str()) }
                @if may_write { td { (withdraw(entry)) } }
            } } }
        }
    };
    wide("Assignments", &table)
}

fn overrides(record: &Record, of: &Of, visitor: &Visitor, at: &str, now_ms: u64) -> Markup {
    let may_write = visitor.caller.role >= Role::Operate;
    let lift = |entry: &Override| {
        let (name, made) = (entry.limit.name(), entry.made.to_string());
        let label = format!("Take back: {name}, given by change {made}");
        let route = entry.route.as_ref().map_or("", RouteName::as_str);
        let fields = [("limit", name), ("route", route), ("made", &made)];
        back(of, visitor, at, ("/holder/lift", &label), &fields)
    };
    let table = html! {
        table {
            caption { "Limits in place of the plan's" }
            thead { tr {
                th scope="col" { "Limit" }
                th scope="col" { "Route" }
                th scope="col" { "From" }
                th scope="col" { "Until" }
                th scope="col" { "State" }
                th scope="col" { "Note" }
                @if may_write { th scope="col" { "Take back" } }
            } }
            tbody { @for entry in record.overrides() { tr {
                th scope="row" { code { (entry.limit.as_str()) } }
                td { @match &entry.route {
                    Some(route) => code { (route.as_str()) },
                    None => "every route",
                } }
                (span(entry.span, now_ms))
                td { (entry.note.as_str()) }
                @if may_write { td { (lift(entry)) } }
            } } }
        }
    };
    wide("Limits in place of the plan's", &table)
}

/// A form of one button.
fn back(
    of: &Of,
    visitor: &Visitor,
    at: &str,
    (path, label): (&str, &str),
    fields: &[(&str, &str)],
) -> Markup {
    html! {
        form method="post" action=(of.link(path, &[])) {
            (token(visitor)) (key()) (version(at))
            @for (name, value) in fields { (hidden(name, value)) }
            button type="submit" aria-label=(label) { "Take back" }
        }
    }
}

/// The newest first.
pub(super) fn history(page: &Page<Change>, of: &Of) -> Markup {
    let last = page.entries.last().filter(|_| page.has_more);
    html! {
        section aria-labelledby="history-heading" {
            h2 id="history-heading" { "History" }
            @if page.entries.is_empty() { (note("Nothing was ever changed.")) } @else {
                (wide("History", &changes(&page.entries)))
            }
            @if let Some(last) = last {
                @let seq = last.seq.to_string();
                p { a href=(of.link("/holder", &[("before", &seq)])) { "Older changes" } }
            }
        }
    }
}

fn changes(changes: &[Change]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "No." }
                th scope="col" { "When" }
                th scope="col" { "Who" }
                th scope="col" { "Did" }
                th scope="col" { "Note" }
                th scope="col" { "Said since" }
            } }
            tbody { @for change in changes { tr {
                th scope="row" { (change.seq) }
                td { (moment(change.at_ms)) }
                td { (change.by.as_str()) }
                td { (change.act.as_str()) }
                td { (change.note.as_str()) }
                td { (said(&change.after)) }
            } } }
        }
    }
}

/// A record in one line.
fn said(record: &Record) -> Markup {
    html! {
        @if record.is_empty() { "nothing" }
        @for (number, entry) in record.assignments().iter().enumerate() {
            @if number > 0 { ", " }
            "plan " (entry.plan.as_str())
        }
        @for (number, entry) in record.overrides().iter().enumerate() {
            @if number > 0 || !record.assignments().is_empty() { ", " }
            code { (entry.limit.as_str()) }
        }
    }
}
