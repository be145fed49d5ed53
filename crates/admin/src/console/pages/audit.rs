//! The audit: changes of holders and every other write, the newest first.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use tollgate_store::{Change, Operation, OperationId, OperationState};

use super::super::door::Visitor;
use super::super::links::{self, Beside};
use super::super::view::layout::{Section, note, page, wide};
use super::super::view::time::moment;
use crate::problem::Answer;
use crate::query::{Params, number};
use crate::state::Admin;

/// Entries of one page, of either kind.
const PAGE: u32 = 50;

/// Where the lists begin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Asked {
    changes_before: Option<u64>,
    operations_before: Option<u64>,
}

pub(in super::super) async fn show(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<Asked>,
) -> Answer<Response> {
    let store = admin.store()?;
    let before = number(asked.changes_before)?.unwrap_or(u64::MAX);
    let changes = store.changes_before(before, PAGE).await?;
    let before = OperationId(number(asked.operations_before)?.unwrap_or(u64::MAX));
    let operations = store.operations_before(before, PAGE).await?;
    let older_changes = changes.entries.last().filter(|_| changes.has_more);
    let older_operations = operations.entries.last().filter(|_| operations.has_more);
    let content = html! {
        section aria-labelledby="changes-heading" {
            h2 id="changes-heading" { "Changes of holders" }
            @if changes.entries.is_empty() { (note("None.")) } @else { (changes_table(&changes.entries)) }
            @if let Some(last) = older_changes {
                p { a href={ "/audit?changes_before=" (last.seq) } { "Older changes" } }
            }
        }
        section aria-labelledby="operations-heading" {
            h2 id="operations-heading" { "Everything else" }
            @if operations.entries.is_empty() { (note("Nothing.")) } @else { (operations_table(&operations.entries)) }
            @if let Some(last) = older_operations {
                p { a href={ "/audit?operations_before=" (last.id.0) } { "Older entries" } }
            }
        }
    };
    Ok(page(&visitor, Some(Section::Audit), "Audit", &content))
}

fn changes_table(changes: &[Change]) -> Markup {
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "No." }
                th scope="col" { "When" }
                th scope="col" { "Who" }
                th scope="col" { "Did" }
                th scope="col" { "To" }
                th scope="col" { "Note" }
            } }
            tbody { @for change in changes { tr {
                th scope="row" { (change.seq) }
                td { (moment(change.at_ms)) }
                td { (change.by.as_str()) }
                td { (change.act.as_str()) }
                td { a href=(links::holder("/holder", &change.holder, &Beside::default(), &[])) { (change.holder.name.as_str()) } }
                td { (change.note.as_str()) }
            } } }
        }
    };
    wide("Changes of holders", &table)
}

fn operations_table(operations: &[Operation]) -> Markup {
    let state = |state| match state {
        OperationState::Begun => "begun, or cut off",
        OperationState::Done => "done",
        OperationState::Failed => "failed",
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "No." }
                th scope="col" { "When" }
                th scope="col" { "Who" }
                th scope="col" { "Did" }
                th scope="col" { "State" }
                th scope="col" { "What exactly" }
                th scope="col" { "Note" }
            } }
            tbody { @for one in operations { tr {
                th scope="row" { (one.id.0) }
                td { (moment(one.at_ms)) }
                td { (one.operation.by.as_str()) }
                td { (one.operation.what.as_str()) }
                td { (state(one.state)) }
                td { code.lines { (one.operation.detail()) } }
                td { (one.operation.note.as_str()) }
            } } }
        }
    };
    wide("Other writes", &table)
}
