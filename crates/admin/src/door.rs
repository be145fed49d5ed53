//! Who may come in: a good key before anything else, then the endpoint's role, then room and time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use tokio::sync::Semaphore;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tollgate_identity::{Credential, FailureBudget, credential};

use crate::keys::{Caller, Refused};
use crate::problem::{Answer, Kind, Problem};
use crate::role::Role;
use crate::state::Admin;

/// A request has this long, its body included.
pub const REQUEST_WAIT_MAX: Duration = Duration::from_secs(30);

/// A request of somebody who has not signed in has this long.
const STRANGER_WAIT_MAX: Duration = Duration::from_secs(3);

const CHALLENGE: &str = "Bearer realm=\"tollgate admin\"";
const CHALLENGE_INVALID: &str = "Bearer realm=\"tollgate admin\", error=\"invalid_token\"";

/// Where a request comes from: whoever serves the router puts it among the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// That a request came over TLS: whoever serves the router puts it among the request's extensions then. The
/// console's cookie is for TLS alone then, and its pages are those of an `https` origin.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

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
    let key = match credential(request.headers(), None) {
        Credential::Bearer(key) => Some(key),
        Credential::None | Credential::OtherScheme | Credential::Malformed(_) => None,
    };
    let mut response = match known(&admin, key, peer) {
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

/// Whose key this is, within what its network may still have refused.
pub(crate) fn known(admin: &Admin, key: Option<&str>, peer: Option<IpAddr>) -> Answer<Caller> {
    let counters = &admin.inner().counters;
    let budget = admin.inner().failures.of(peer, admin.now());
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

/// One request among those under way, for as long as it may take.
pub(crate) async fn in_time(admin: &Admin, request: Request, next: Next) -> Response {
    let within = (&admin.inner().requests, REQUEST_WAIT_MAX);
    let answer = in_time_within(admin, within, request, next).await;
    answer.unwrap_or_else(|_| Problem::timed_out().into_response())
}

/// The same for somebody who has shown nothing yet: among few, and not for long. `Err` after that.
pub(crate) async fn in_time_of_a_stranger(
    admin: &Admin,
    request: Request,
    next: Next,
) -> Result<Response, Elapsed> {
    let within = (&admin.inner().strangers, STRANGER_WAIT_MAX);
    in_time_within(admin, within, request, next).await
}

async fn in_time_within(
    admin: &Admin,
    (permits, wait): (&Semaphore, Duration),
    request: Request,
    next: Next,
) -> Result<Response, Elapsed> {
    let Ok(_permit) = permits.try_acquire() else {
        admin.inner().counters.overloaded.increment();
        return Ok(Problem::busy().into_response());
    };
    timeout(wait, next.run(request)).await
}

/// Around one endpoint: nobody of a lower role reaches it.
pub(crate) async fn require(least: Role, admin: Admin, request: Request, next: Next) -> Response {
    match allowed(&admin, request.extensions().get(), least) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Whether somebody's role is enough.
pub(crate) fn allowed(admin: &Admin, caller: Option<&Caller>, least: Role) -> Answer<()> {
    if caller.is_some_and(|caller| caller.role >= least) {
        return Ok(());
    }
    admin.inner().counters.forbidden.increment();
    if let Some(caller) = caller {
        let (by, role) = (&caller.name, caller.role);
        tracing::warn!(%by, %role, %least, "admin API: role too low");
    }
    let detail = format!("this needs the role `{least}`");
    Err(Problem::new(Kind::Forbidden, detail))
}
