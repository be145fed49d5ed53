//! Around every page: who has signed in, whose form it is, what every answer says beside its page.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method};
use tollgate_identity::FailureBudget;

use super::cookie::Cookie;
use super::form::{Fields, TOKEN};
use super::session::is_same;
use super::view::problem::problem_page;
use super::{Page, links, origin};
use crate::door::{OverTls, Peer, allowed, in_time, in_time_of_a_stranger};
use crate::keys::Caller;
use crate::problem::{Answer, Kind, Problem};
use crate::state::Admin;

/// Nothing from elsewhere, nothing written into the page itself, no frame around it.
const SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

static OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// With the role that the key has now.
    pub(super) caller: Caller,
    /// What every form of theirs has.
    pub(super) token: String,
}

/// Around everything: finds the session, makes a page of what went wrong, says what browsers are to keep to.
pub(super) async fn around(
    State(admin): State<Admin>,
    mut request: Request,
    next: Next,
) -> Response {
    let visitor = visitor(&admin, &request);
    if let Some(visitor) = &visitor {
        admin.inner().counters.requests.increment();
        request.extensions_mut().insert(visitor.clone());
    }
    let mut response = match &visitor {
        Some(_) => in_time(&admin, request, next).await,
        None => {
            let peer = request
                .extensions()
                .get::<Peer>()
                .map(|Peer(peer)| peer.ip());
            let answer = in_time_of_a_stranger(&admin, request, next).await;
            answer.unwrap_or_else(|_| {
                // A form that does not come is an attempt like any other.
                admin.inner().failures.of(peer, admin.now()).charge();
                Problem::timed_out().into_response()
            })
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let mut fields = std::mem::take(response.headers_mut());
        fields.remove(CONTENT_TYPE);
        fields.remove(WWW_AUTHENTICATE);
        fields.remove(http::header::CONTENT_LENGTH);
        response = problem_page(visitor.as_ref(), &problem);
        response.headers_mut().extend(fields);
    }
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(CACHE_CONTROL).or_insert(no_store);
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, SECURITY_POLICY),
        // Queries have names of subjects.
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (OPENER_POLICY.clone(), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

pub(super) fn is_over_tls(request: &Request) -> bool {
    request.extensions().get::<OverTls>().is_some()
}

/// Whose session a request is of. One whose key is no more is over.
fn visitor(admin: &Admin, request: &Request) -> Option<Visitor> {
    let cookie = Cookie::Session.of(request.headers(), is_over_tls(request))?;
    let (sessions, now) = (&admin.inner().sessions, admin.now());
    let session = sessions.find(&cookie, now.unix_ms)?;
    let Some(caller) = admin.keys().holder_of(&session.key, now.unix_s()) else {
        sessions.close(&cookie);
        return None;
    };
    Some(Visitor {
        caller,
        token: session.token,
    })
}

/// Around one page: nobody who has not signed in, nobody of too low a role, no form but our own. What a form
/// says is among the extensions of the request then, and nowhere else.
pub(super) async fn guard(page: Page, admin: Admin, mut request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return to_sign_in(&request);
    };
    if let Err(problem) = allowed(&admin, Some(&visitor.caller), page.least) {
        return problem.into_response();
    }
    if page.method == Method::POST {
        let (parts, body) = request.into_parts();
        let form = Request::from_parts(parts.clone(), body);
        request = Request::from_parts(parts, axum::body::Body::empty());
        match own_form(form, page.form_bytes_max, &visitor.token).await {
            Ok(fields) => request.extensions_mut().insert(fields),
            Err(problem) => return problem.into_response(),
        };
    }
    next.run(request).await
}

/// The fields of a form that is known for one of ours, by what the browser says and by its token.
pub(super) async fn own_form(request: Request, max: usize, token: &str) -> Answer<Fields> {
    if !origin::is_own(request.headers(), request.uri(), is_over_tls(&request)) {
        return Err(foreign());
    }
    let fields = Fields::read(request, max).await?;
    match is_same(fields.text(TOKEN), token) {
        true => Ok(fields),
        false => Err(foreign()),
    }
}

fn foreign() -> Problem {
    let detail = "this form was not sent from a page of this session: open the page again";
    Problem::new(Kind::ForeignForm, detail)
}

/// Pages are shown after signing in; what a form says is lost.
pub(super) fn to_sign_in(request: &Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let detail = "the session is over: sign in, then send the form again";
        return Problem::new(Kind::Unauthenticated, detail).into_response();
    }
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    let next = [("next", path)].into_iter();
    let next = next.filter(|(_, path)| *path != "/" && links::is_local(path));
    Redirect::to(&links::with_query("/sign-in", next)).into_response()
}
