//! The admin listener: `/metrics`, `/healthz`, `/readyz`, on the control plane's runtime so that a
//! scrape never delays a request.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::metrics::{self, Sources};

/// Connections to the admin listener at once; more wait.
const CONNECTIONS_MAX: usize = 64;

/// A client of the admin listener has this long to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, sources: Sources, draining: Arc<AtomicBool>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "admin listener failed to accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (sources, draining) = (sources.clone(), draining.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&request, &sources, &draining);
                async move { Ok::<_, Infallible>(response) }
            });
            // An error here is the admin client's own: it hung up, or spoke no HTTP.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(permit);
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    sources: &Sources,
    draining: &AtomicBool,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let allow = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    match request.uri().path() {
        "/metrics" => match metrics::render(sources) {
            Ok(body) => {
                let mut response = text(StatusCode::OK, body);
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                let kind = HeaderValue::from_static(kind);
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "metrics failed\n"),
        },
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" => ready(sources, draining),
        _ => text(StatusCode::NOT_FOUND, "try /metrics, /healthz, /readyz\n"),
    }
}

/// Ready means: tokens can be verified, and no shutdown is under way.
fn ready(sources: &Sources, draining: &AtomicBool) -> Response<Full<Bytes>> {
    if draining.load(Ordering::Relaxed) {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    let snapshot = sources.engine().snapshot();
    let missing: Vec<&str> = snapshot
        .key_sources()
        .iter()
        .filter(|slot| !slot.ready())
        .map(|slot| slot.issuer.as_str())
        .collect();
    if missing.is_empty() {
        return text(StatusCode::OK, "ready\n");
    }
    let body = format!("no keys yet from: {}\n", missing.join(", "));
    text(StatusCode::SERVICE_UNAVAILABLE, body)
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
