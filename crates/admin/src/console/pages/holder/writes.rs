//! What the forms of a holder's page do: each is made a body of the API, and goes the API's way.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::super::door::Visitor;
use super::super::super::form::Fields;
use super::asked::{Asked, Of};
use crate::live::BucketAct;
use crate::problem::Answer;
use crate::query::Params;
use crate::state::Admin;
use crate::v1::buckets::{BucketChangeAsked, give_back};
use crate::v1::changes::{
    Assign, ChangeAsked, Conditions, Edit, Lift, Overriding, Undo, Withdraw, change,
};

type By = Extension<Visitor>;
type Sent = Extension<Fields>;

pub(in super::super::super) async fn assign(
    State(admin): State<Admin>,
    Extension(by): By,
    Params(asked): Params<Asked>,
    Extension(fields): Sent,
) -> Answer<Response> {
    let edit = Edit::Assign(Assign {
        plan: fields.text("plan").to_owned(),
        from_ms: fields.time("from")?,
        until_ms: fields.time("until")?,
    });
    changed(&admin, &by, &asked, &fields, (edit, "assigned")).await
}

pub(in super::super::super) async fn withdraw(
    State(admin): State<Admin>,
    Extension(by): By,
    Params(asked): Params<Asked>,
    Extension(fields): Sent,
) -> Answer<Response> {
    let made = fields.number("made")?;
    let edit = Edit::Withdraw(Withdraw { made });
    changed(&admin, &by, &asked, &fields, (edit, "withdrawn")).await
}

pub(in super::super::super) async fn overriding(
    State(admin): State<Admin>,
    Extension(by): By,
    Params(asked): Params<Asked>,
    Extension(fields): Sent,
) -> Answer<Response> {
    let edit = Edit::Override(Overriding {
        limit: fields.text("limit").to_owned(),
        route: fields.some("route"),
        from_ms: fields.time("from")?,
        until_ms: fields.time("until")?,
    });
    changed(&admin, &by, &asked, &fields, (edit, "overridden")).await
}

pub(in super::super::super) async fn lift(
    State(admin): State<Admin>,
    Extension(by): By,
    Params(asked): Params<Asked>,
    Extension(fields): Sent,
) -> Answer<Response> {
    let edit = Edit::Lift(Lift {
        limit: fields.text("limit").to_owned(),
        route: fields.some("route"),
        made: fields.maybe_number("made")?,
    });
    changed(&admin, &by, &asked, &fields, (edit, "lifted")).await
}

pub(in super::super::super) async fn undo(
    State(admin): State<Admin>,
    Extension(by): By,
    Params(asked): Params<Asked>,
    Extension(fields): Sent,
) -> Answer<Response> {
    let edit = Edit::Undo(Undo {});
    changed(&admin, &by, &asked, &fields, (edit, "undone")).await
}

async fn changed(
    admin: &Admin,
    by: &Visitor,
    asked: &Asked,
    fields: &Fields,
    (edit, done): (Edit, &str),
) -> Answer<Response> {
    let of = asked.of()?;
    let conditions = Conditions {
        expected: Some(fields.version()?),
        key: Some(fields.key()?),
    };
    let body = ChangeAsked {
        edit,
        note: fields.text("note").to_owned(),
    };
    change(admin, &by.caller, of.who.holder.clone(), conditions, body).await?;
    Ok(back(&of, done))
}

pub(in super::super::super) async fn grant(
    State(admin): State<Admin>,
    Extension(by): By,
    Params(asked): Params<Asked>,
    Extension(fields): Sent,
) -> Answer<Response> {
    let units = fields.number("units")?;
    let act = BucketAct::Grant { units };
    given_back(&admin, &by, &asked, &fields, (act, "granted")).await
}

pub(in super::super::super) async fn reset(
    State(admin): State<Admin>,
    Extension(by): By,
    Params(asked): Params<Asked>,
    Extension(fields): Sent,
) -> Answer<Response> {
    let act = BucketAct::Reset {};
    given_back(&admin, &by, &asked, &fields, (act, "reset")).await
}

async fn given_back(
    admin: &Admin,
    by: &Visitor,
    asked: &Asked,
    fields: &Fields,
    (act, done): (BucketAct, &str),
) -> Answer<Response> {
    let of = asked.of()?;
    let body = BucketChangeAsked {
        act,
        limit: fields.some("limit"),
        route: fields.some("route"),
        account: of.who.account.clone(),
        plan_claim: of.who.plan_claim.clone(),
        note: fields.text("note").to_owned(),
    };
    let key = Some(fields.key()?);
    give_back(admin, &by.caller, of.who.holder.clone(), key, body).await?;
    Ok(back(&of, done))
}

/// To the page, which is shown anew: sent again by a reload it would be nothing but a look.
fn back(of: &Of, done: &str) -> Response {
    Redirect::to(&of.link("/holder", &[("done", done)])).into_response()
}
