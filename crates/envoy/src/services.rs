//! All services behind one `tower::Service`, told apart by path.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use tollgate_engine::Engine;
use tollgate_engine::limiter::Clock;
use tonic::Status;
use tonic_health::pb::health_server::HealthServer;
use tower::Service;

use crate::health::{HealthHandle, HealthService};
use crate::messages::{authz, quota, rate_limit};
use crate::quota::{Buckets, QuotaService};
use crate::reply::ReplyBody;
use crate::stats::Stats;
use crate::unary::{self, Unread};

/// The address of whoever asks: an extension that the listener puts into every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The services for Envoy.
///
/// Its state is shared by all clones, on whatever runtime: the engine, counters, whether it serves.
#[derive(Clone)]
pub struct Services {
    shared: Arc<Shared>,
    health: HealthServer<HealthService>,
    handle: HealthHandle,
}

/// What all calls need.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stats: Arc<Stats>,
    /// Shares that data planes enforce by themselves.
    pub(crate) buckets: Buckets,
}

/// The largest report of a stream: 10,000 buckets with names of 400 bytes.
const REPORT_BYTES_MAX: usize = 4 * 1024 * 1024;

type Answer = Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, Infallible>> + Send>>;

// === impl Services ===

impl Services {
    /// Services that ask `engine`.
    #[must_use]
    pub fn new(engine: Arc<Engine>, clock: Arc<dyn Clock>) -> Self {
        let handle = HealthHandle::serving();
        Self {
            shared: Arc::new(Shared {
                engine,
                clock,
                stats: Arc::default(),
                buckets: Buckets::default(),
            }),
            health: HealthServer::new(HealthService(handle.clone())),
            handle,
        }
    }

    /// What they have done, for a scrape.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.shared.stats
    }

    /// Whether they serve, for a drain.
    #[must_use]
    pub fn health(&self) -> &HealthHandle {
        &self.handle
    }
}

impl<B> Service<Request<B>> for Services
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let kind = request.headers().get(http::header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
            let mut response = Response::new(ReplyBody::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return at_once(response);
        }
        match request.uri().path() {
            rate_limit::PATH => {
                let shared = Arc::clone(&self.shared);
                Box::pin(async move { Ok(should_rate_limit(&shared, request).await) })
            }
            authz::PATH => {
                let shared = Arc::clone(&self.shared);
                Box::pin(async move { Ok(check(&shared, request).await) })
            }
            path if path.starts_with("/grpc.health.v1.Health/") => {
                let mut health = self.health.clone();
                Box::pin(async move {
                    let Ok(response) = health.call(request).await;
                    Ok(response.map(ReplyBody::stream))
                })
            }
            quota::PATH => {
                let service = QuotaService {
                    shared: Arc::clone(&self.shared),
                    health: self.handle.clone(),
                };
                let mut service = quota::RateLimitQuotaServiceServer::new(service)
                    .max_decoding_message_size(REPORT_BYTES_MAX);
                Box::pin(async move {
                    let Ok(response) = service.call(request).await;
                    Ok(response.map(ReplyBody::stream))
                })
            }
            _ => at_once(unary::refused(&Status::unimplemented("no such method"))),
        }
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("stats", &self.shared.stats)
            .field("health", &self.handle)
            .finish_non_exhaustive()
    }
}

fn at_once(response: Response<ReplyBody>) -> Answer {
    Box::pin(std::future::ready(Ok(response)))
}

async fn should_rate_limit<B>(shared: &Shared, request: Request<B>) -> Response<ReplyBody>
where
    B: http_body::Body<Data = Bytes>,
{
    let peer = peer(request.extensions());
    let outcome = match unary::read(request).await {
        Ok(question) => crate::rate_limit::should_rate_limit(shared, &question, peer).await,
        Err(Unread::Message) => Ok(crate::rate_limit::unreadable(shared)),
        Err(Unread::Call(status)) => Err(status),
    };
    if outcome.is_err() {
        shared.stats.rate_limit_errors.one_more();
    }
    unary::answer(outcome)
}

async fn check<B>(shared: &Shared, request: Request<B>) -> Response<ReplyBody>
where
    B: http_body::Body<Data = Bytes>,
{
    let outcome = match unary::read_up_to(request, crate::authz::MESSAGE_BYTES_MAX).await {
        Ok(question) => Ok(crate::authz::check(shared, &question).await),
        Err(Unread::Message) => Ok(crate::authz::unreadable(shared)),
        Err(Unread::Call(status)) => {
            shared.stats.authz_errors.one_more();
            Err(status)
        }
    };
    unary::answer(outcome)
}

/// Whoever asks; nobody's address (RFC 5737) where a listener does not say.
pub(crate) fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<Peer>();
    peer.map_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0)), |peer| peer.0.ip())
}
