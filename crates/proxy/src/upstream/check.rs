//! Active health checks: a task of the control plane that asks every endpoint in turn.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;
use tollgate_engine::policy::HealthCheck;

use super::connect::connect;
use super::origin::{Origin, OriginEndpoint};
use crate::context::Shared;

/// How often a policy without checks is looked at again, in case a reload brings some.
const IDLE_INTERVAL: Duration = Duration::from_secs(5);

/// Keeps the endpoints' health up to date, as the policy in force says; runs until dropped.
///
/// Belongs on the control plane: a slow check must not hold a worker.
pub async fn check_health(shared: Arc<Shared>) -> Infallible {
    loop {
        let origin = shared.origin.load_full();
        let Some(check) = origin.config().health.clone() else {
            tokio::time::sleep(IDLE_INTERVAL).await;
            continue;
        };
        check_all(&origin, &check).await;
        tokio::time::sleep(check.interval).await;
    }
}

async fn check_all(origin: &Origin, check: &HealthCheck) {
    let mut checks = JoinSet::new();
    for endpoint in origin.endpoints() {
        let (endpoint, check, http2) = (Arc::clone(endpoint), check.clone(), origin.is_http2());
        checks.spawn(async move {
            let asked = ask(&endpoint, &check.path, http2, check.timeout);
            let healthy = tokio::time::timeout(check.timeout, asked).await == Ok(true);
            let (down, up) = (check.unhealthy_after, check.healthy_after);
            if endpoint.health.checked(healthy, down, up) {
                tracing::warn!(
                    endpoint = endpoint.url(),
                    healthy,
                    "an endpoint changed its health"
                );
            }
        });
    }
    // A check that panicked counts as none: the next round asks again.
    while checks.join_next().await.is_some() {}
}

/// One check on a connection of its own: whether the answer is 2xx.
async fn ask(endpoint: &OriginEndpoint, path: &str, http2: bool, limit: Duration) -> bool {
    let Ok(io) = connect(endpoint, limit).await else {
        return false;
    };
    let io = TokioIo::new(io);
    let Some(request) = request(endpoint, path, http2) else {
        return false;
    };
    let answer: hyper::Result<Response<Incoming>> = if http2 {
        let Ok((mut handle, connection)) = http2::handshake(TokioExecutor::new(), io).await else {
            return false;
        };
        // Both halves end together, at the latest with the caller's timeout.
        tokio::select! {
            answer = handle.send_request(request) => answer,
            _ = connection => return false,
        }
    } else {
        let Ok((mut handle, connection)) = http1::handshake(io).await else {
            return false;
        };
        let mut connection = std::pin::pin!(connection);
        let mut answer = std::pin::pin!(handle.send_request(request));
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // The answer may arrive together with the close.
            _ = &mut connection => answer.await,
        }
    };
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn request(endpoint: &OriginEndpoint, path: &str, http2: bool) -> Option<Request<Empty<Bytes>>> {
    let path: http::uri::PathAndQuery = path.parse().ok()?;
    let uri = if http2 {
        Uri::builder()
            .scheme(endpoint.scheme())
            .authority(endpoint.authority.clone())
            .path_and_query(path)
            .build()
            .ok()?
    } else {
        Uri::from(path)
    };
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    if !http2 {
        headers.insert(HOST, endpoint.host_header.clone());
    }
    headers.insert(USER_AGENT, HeaderValue::from_static("tollgate-health"));
    Some(request)
}
