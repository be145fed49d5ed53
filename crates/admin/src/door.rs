//! Who may come in: a good key before anything else, then the endpoint's role, then room and time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use tokio::time::timeout;
use tollgate_identity::{Credential, FailureBudget, credential};

use crate::keys::{Caller, Refused};
use crate::problem::{Answer, Kind, Problem};
use crate::role::Role;
use crate::state::Admin;

/// A request has this long, its body included.
pub const REQUEST_WAIT_MAX: Duration = Duration::from_secs(30);

const CHALLENGE: &str = "Bearer realm=\"tollgate admin\"";
const CHALLENGE_INVALID: &str = "Bearer realm=\"tollgate admin\", error=\"invalid_token\"";

/// Where a request comes from: whoever serves the router puts it among the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Around everything, also what is not there: nobody without a key learns which paths there are.
pub(crate) async fn authenticate(
    State(admin): State<Admin>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request
        .extensions()
        .get::<Peer>()
        .map(|Peer(peer)| peer.ip());
    let mut response = match admitted(&admin, request.headers(), peer) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            in_time(&admin, request, next).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn admitted(admin: &Admin, headers: &HeaderMap, peer: Option<IpAddr>) -> Answer<Caller> {
    let counters = &admin.inner().counters;
    let budget = admin.inner().failures.of(peer, admin.now());
    let key = match credential(headers, None) {
        Credential::Bearer(key) => Some(key),
        Credential::None | Credential::OtherScheme | Credential::Malformed(_) => None,
    };
    let refused = match key {
        Some(key) => admin.keys().verify(key, admin.now().unix_s(), &budget),
        None if budget.is_spent() => Err(Refused::OverBudget),
        None => {
            budget.charge();
            Err(Refused::NoKey)
        }
    };
    match refused {
        Ok(caller) => {
            counters.requests.increment();
            Ok(caller)
        }
        Err(Refused::NoKey) => {
            counters.unauthenticated.increment();
            // At most as often as the budget allows.
            tracing::warn!(peer = ?peer, has_key = key.is_some(), "admin API: no valid key");
            let detail = "send `Authorization: Bearer tga_…` with a key of the admin API";
            let challenge = match key {
                Some(_) => CHALLENGE_INVALID,
                None => CHALLENGE,
            };
            let challenge = HeaderValue::from_static(challenge);
            Err(Problem::new(Kind::Unauthenticated, detail).with(WWW_AUTHENTICATE, challenge))
        }
        Err(Refused::OverBudget) => {
            counters.throttled.increment();
            let detail = "wait, then send a valid key";
            let problem = Problem::new(Kind::TooManyFailures, detail);
            Err(problem.retry_after_s(budget.wait_s()))
        }
    }
}

async fn in_time(admin: &Admin, request: Request, next: Next) -> Response {
    let Ok(_permit) = admin.inner().requests.try_acquire() else {
        admin.inner().counters.overloaded.increment();
        return Problem::busy().into_response();
    };
    let answer = timeout(REQUEST_WAIT_MAX, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::timed_out().into_response())
}

/// Around one endpoint: nobody of a lower role reaches it.
pub(crate) async fn require(least: Role, admin: Admin, request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        Some(caller) if caller.role >= least => next.run(request).await,
        caller => {
            admin.inner().counters.forbidden.increment();
            if let Some(caller) = caller {
                let (by, role) = (&caller.name, caller.role);
                tracing::warn!(%by, %role, %least, "admin API: role too low");
            }
            let detail = format!("this needs the role `{least}`");
            Problem::new(Kind::Forbidden, detail).into_response()
        }
    }
}
