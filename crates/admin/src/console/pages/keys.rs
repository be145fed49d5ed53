//! The keys of the admin API: names and roles, never a key.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::super::door::Visitor;
use super::super::view::layout::{Section, note, page, wide};
use super::super::view::time::minute;
use crate::state::Admin;

pub(in super::super) async fn list(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let now_s = admin.now().unix_s();
    let keys = admin.keys();
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Name" }
                th scope="col" { "Role" }
                th scope="col" { "SHA-256 begins with" }
                th scope="col" { "Refused from" }
                th scope="col" { "State" }
            } }
            tbody { @for note in keys.notes() { tr {
                th scope="row" { (note.name) }
                td { (note.role) }
                td { code { (note.digest) } }
                td { @match note.not_after_s {
                    Some(end_s) => (minute(end_s.saturating_mul(1_000))),
                    None => "no end",
                } }
                td {
                    @if note.not_after_s.is_none_or(|end_s| now_s < end_s) { "accepted" } @else { "over" }
                }
            } } }
        }
    };
    let content = html! {
        (wide("Keys", &table))
        (note("Keys stand in a file on the gateway's machine. One that is taken out of it ends its sessions too."))
    };
    page(&visitor, Some(Section::Keys), "Keys", &content)
}
