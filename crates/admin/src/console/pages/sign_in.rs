//! Signing in with a key, and out again.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderValue;
use http::header::{RETRY_AFTER, SET_COOKIE};
use maud::html;
use serde::Deserialize;

use super::super::cookie::Cookie;
use super::super::door::{Visitor, is_over_tls, own_form};
use super::super::form::{FORM_BYTES_MAX, TOKEN};
use super::super::view::forms::hidden;
use super::super::view::layout::outside;
use super::super::{links, session};
use crate::door::{Peer, known};
use crate::keys::KeyDigest;
use crate::problem::{Answer, Kind, Problem};
use crate::query::Params;
use crate::state::Admin;

/// Where to go on afterwards.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Asked {
    next: Option<String>,
}

pub(in super::super) async fn show(
    State(admin): State<Admin>,
    visitor: Option<Extension<Visitor>>,
    Params(asked): Params<Asked>,
    request: Request,
) -> Answer<Response> {
    let next = asked.next.filter(|next| links::is_local(next));
    if visitor.is_some() {
        return Ok(Redirect::to(next.as_deref().unwrap_or("/")).into_response());
    }
    form(&admin, &request, next.as_deref(), None)
}

/// The form, with the token of a visit: what sends it was shown it.
fn form(
    admin: &Admin,
    request: &Request,
    next: Option<&str>,
    wrong: Option<&Problem>,
) -> Answer<Response> {
    let over_tls = is_over_tls(request);
    let known = Cookie::Visit.of(request.headers(), over_tls);
    let is_new = known.is_none();
    let visit = match known {
        Some(visit) => visit,
        None => session::random()?,
    };
    let token = admin.inner().sessions.token_of_visit(&visit);
    let content = html! {
        @if let Some(problem) = wrong {
            @let (title, detail, _) = problem.words();
            p.problem role="alert" { (title) ": " (detail) "." }
        }
        form.narrow method="post" action="/sign-in" {
            (hidden(TOKEN, &token))
            @if let Some(next) = next { (hidden("next", next)) }
            div.field {
                label for="key" { "Key of the admin API" }
                input type="password" id="key" name="admin-key" required autocomplete="off" aria-describedby="key-hint";
                p.hint id="key-hint" { "It begins with tga_. It is not kept: a session lasts 12 hours, or as long as the key is good." }
            }
            button type="submit" { "Sign in" }
        }
    };
    let mut response = outside("Sign in", &content);
    if is_new {
        let cookie = Cookie::Visit.set(&visit, over_tls);
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if let Some(problem) = wrong {
        *response.status_mut() = problem.status();
    }
    Ok(response)
}

/// Opens a session for whoever has a good key. A failed attempt counts as one at the API.
pub(in super::super) async fn open(
    State(admin): State<Admin>,
    request: Request,
) -> Answer<Response> {
    let over_tls = is_over_tls(&request);
    let foreign = || Problem::new(Kind::ForeignForm, "open the page again, then sign in");
    let visit = Cookie::Visit
        .of(request.headers(), over_tls)
        .ok_or_else(foreign)?;
    let token = admin.inner().sessions.token_of_visit(&visit);
    let peer = request
        .extensions()
        .get::<Peer>()
        .map(|Peer(peer)| peer.ip());
    let (parts, body) = request.into_parts();
    let again = Request::from_parts(parts.clone(), axum::body::Body::empty());
    let fields = own_form(Request::from_parts(parts, body), FORM_BYTES_MAX, &token).await?;
    let next = fields.some("next").filter(|next| links::is_local(next));
    let key = fields.text("admin-key");
    if let Err(problem) = known(&admin, Some(key), peer) {
        let mut response = form(&admin, &again, next.as_deref(), Some(&problem))?;
        let wait = problem.into_response().headers_mut().remove(RETRY_AFTER);
        response
            .headers_mut()
            .extend(wait.map(|wait| (RETRY_AFTER, wait)));
        return Ok(response);
    }
    let sessions = &admin.inner().sessions;
    let cookie = sessions.open(KeyDigest::of(key), admin.now().unix_ms)?;
    if let Some(before) = Cookie::Session.of(again.headers(), over_tls) {
        sessions.close(&before);
    }
    let cookies = [
        Cookie::Session.set(&cookie, over_tls),
        Cookie::Visit.forget(over_tls),
    ];
    Ok(to(next.as_deref().unwrap_or("/"), cookies))
}

/// Ends the session.
pub(in super::super) async fn close(
    State(admin): State<Admin>,
    visitor: Option<Extension<Visitor>>,
    request: Request,
) -> Answer<Response> {
    let over_tls = is_over_tls(&request);
    let cookie = Cookie::Session.of(request.headers(), over_tls);
    if let (Some(Extension(visitor)), Some(cookie)) = (visitor, cookie) {
        own_form(request, FORM_BYTES_MAX, &visitor.token).await?;
        admin.inner().sessions.close(&cookie);
    }
    let cookies = [
        Cookie::Session.forget(over_tls),
        Cookie::Visit.forget(over_tls),
    ];
    Ok(to("/sign-in", cookies))
}

fn to(path: &str, cookies: [HeaderValue; 2]) -> Response {
    let mut response = Redirect::to(path).into_response();
    let headers = response.headers_mut();
    headers.extend(cookies.map(|cookie| (SET_COOKIE, cookie)));
    response
}
