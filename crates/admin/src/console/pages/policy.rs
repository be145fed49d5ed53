//! The policy: what is in force, what another one would change, putting it in force, and back.

mod check;
mod show;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::door::Visitor;
use super::super::form::{Fields, VERSION};
use crate::problem::{Answer, Kind, Problem};
use crate::state::Admin;
use crate::v1::policy::{PolicyAsked, RollBackAsked, put_back, put_in_force};

pub(in super::super) use check::check;
pub(in super::super) use show::show;

/// Puts the text that was shown in force.
pub(in super::super) async fn apply(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Answer<Response> {
    let asked = PolicyAsked {
        text: fields.lines("text"),
        note: fields.text("note").to_owned(),
    };
    put_in_force(&admin, &visitor.caller, Some(seen(&fields)?), asked).await?;
    Ok(Redirect::to("/policy?done=applied").into_response())
}

/// Puts an earlier one back.
pub(in super::super) async fn roll_back(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Answer<Response> {
    let asked = RollBackAsked {
        version: fields.text("to").to_owned(),
        note: fields.text("note").to_owned(),
    };
    put_back(&admin, &visitor.caller, Some(seen(&fields)?), asked).await?;
    Ok(Redirect::to("/policy?done=rolled-back").into_response())
}

/// The version that was in force when the page was made: another one since is not put aside unseen.
fn seen(fields: &Fields) -> Answer<String> {
    let detail = "the form does not say which version it is to change";
    let missing = || Problem::new(Kind::VersionNeeded, detail);
    fields.some(VERSION).ok_or_else(missing)
}
