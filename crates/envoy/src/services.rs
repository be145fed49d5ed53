//! All services as one, told apart by path.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Request, Response, StatusCode};
use http_body::Body;
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

/// The address of whoever asks. Where a request comes without a connection, an extension of it.
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

/// A call, and what is left to know of its head.
pub(crate) struct Call<B> {
    method: Method,
    body: B,
}

/// What is called.
enum Method {
    ShouldRateLimit,
    Check,
    /// Of tonic's services, which read the head themselves.
    StreamQuotas(Box<Parts>),
    Health(Box<Parts>),
    Unknown,
    NoGrpc,
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

    /// Answers a call of `peer`'s.
    pub(crate) async fn answer<B>(&self, call: Call<B>, peer: Peer) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        // What is rare or large is boxed: its future would make every call's larger.
        match call.method {
            Method::ShouldRateLimit => {
                should_rate_limit(&self.shared, call.body, peer.0.ip()).await
            }
            Method::Check => Box::pin(check(&self.shared, call.body)).await,
            Method::StreamQuotas(mut head) => {
                head.extensions.insert(peer);
                let service = QuotaService {
                    shared: Arc::clone(&self.shared),
                    health: self.handle.clone(),
                };
                let mut service = quota::RateLimitQuotaServiceServer::new(service)
                    .max_decoding_message_size(REPORT_BYTES_MAX);
                let Ok(response) = service.call(Request::from_parts(*head, call.body)).await;
                response.map(ReplyBody::stream)
            }
            Method::Health(head) => {
                let mut service = self.health.clone();
                let Ok(response) = service.call(Request::from_parts(*head, call.body)).await;
                response.map(ReplyBody::stream)
            }
            Method::Unknown => unary::refused(&Status::unimplemented("no such method")),
            Method::NoGrpc => {
                let mut response = Response::new(ReplyBody::empty());
                *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                response
            }
        }
    }
}

// === impl Call ===

impl<B> Call<B> {
    pub(crate) fn new(request: Request<B>) -> Self {
        let (head, body) = request.into_parts();
        let kind = head.headers.get(http::header::CONTENT_TYPE);
        let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let method = match head.uri.path() {
            _ if !is_grpc => Method::NoGrpc,
            rate_limit::PATH => Method::ShouldRateLimit,
            authz::PATH => Method::Check,
            quota::PATH => Method::StreamQuotas(Box::new(head)),
            path if path.starts_with("/grpc.health.v1.Health/") => Method::Health(Box::new(head)),
            _ => Method::Unknown,
        };
        Self { method, body }
    }
}

impl<B> Service<Request<B>> for Services
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Answers a call; its [`Peer`] is an extension of the request.
    fn call(&mut self, request: Request<B>) -> Answer {
        let services = self.clone();
        let peer = request.extensions().get().copied().unwrap_or(NOBODY);
        Box::pin(async move { Ok(services.answer(Call::new(request), peer).await) })
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

async fn should_rate_limit(
    shared: &Shared,
    body: impl Body<Data = Bytes>,
    peer: IpAddr,
) -> Response<ReplyBody> {
    let outcome = match unary::read(body).await {
        Ok(question) => crate::rate_limit::should_rate_limit(shared, &question, peer).await,
        Err(Unread::Message) => Ok(crate::rate_limit::unreadable(shared)),
        Err(Unread::Call(status)) => Err(status),
    };
    if outcome.is_err() {
        shared.stats.rate_limit_errors.one_more();
    }
    unary::answer(outcome)
}

async fn check(shared: &Shared, body: impl Body<Data = Bytes>) -> Response<ReplyBody> {
    let outcome = match unary::read_up_to(body, crate::authz::MESSAGE_BYTES_MAX).await {
        Ok(question) => Ok(crate::authz::check(shared, &question).await),
        Err(Unread::Message) => Ok(crate::authz::unreadable(shared)),
        Err(Unread::Call(status)) => {
            shared.stats.authz_errors.one_more();
            Err(status)
        }
    };
    unary::answer(outcome)
}

/// Whoever asks over a listener that does not say: nobody (RFC 5737).
const NOBODY: Peer = Peer(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0)), 0));

/// Whoever asks.
pub(crate) fn peer(extensions: &Extensions) -> IpAddr {
    extensions.get().unwrap_or(&NOBODY).0.ip()
}
