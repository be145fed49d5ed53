//! limitador's library behind a server of tonic's services and hyper, as limitador's own is: on one thread, as the
//! gateway's worker.
//!
//! It does what limitador's own server does with a question (`limitador-server/src/envoy_rls`): descriptors as a
//! list that its expressions read, then `check_rate_limited_and_update` in memory. Metrics and traces, which that
//! server has besides, are left out in its favour.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_response::Code;
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_service_server::{
    RateLimitService, RateLimitServiceServer,
};
use envoy_types::pb::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use limitador::RateLimiter;
use limitador::limit::{Context, Expression, Limit};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use crate::configs::{ONCE, RULE_REQUESTS_A_MINUTE, RULES};
use crate::error::BenchError;

/// Counters that it keeps: room for every user and path, many times.
const COUNTERS_MAX: u64 = 100_000;
/// What counters are kept by.
const VARIABLES: [&str; 2] = ["descriptors[0].subject", "descriptors[0].path"];
/// As the gateway's own listener for Envoy has them.
const STREAMS_MAX: u32 = 1_024;
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Service {
    limiter: Arc<RateLimiter>,
}

/// Serves until it is ended.
///
/// # Errors
/// When a limit cannot be made, or the address cannot be bound.
pub(crate) fn serve(listen: SocketAddr) -> Result<(), BenchError> {
    let limiter = RateLimiter::new(COUNTERS_MAX);
    for (domain, requests, seconds) in [
        (RULES, RULE_REQUESTS_A_MINUTE.into(), 60),
        (ONCE, 1, 24 * 3_600),
    ] {
        let variables = VARIABLES.map(Expression::try_from);
        let variables = variables.into_iter().collect::<Result<Vec<_>, _>>();
        let variables = variables.map_err(|error| BenchError::Limitador(error.to_string()))?;
        limiter.add_limit(Limit::new(domain, requests, seconds, [], variables));
    }
    let service = Service {
        limiter: Arc::new(limiter),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| BenchError::Limitador(error.to_string()))?;
    runtime
        .block_on(accept(listen, service))
        .map_err(|error| BenchError::Limitador(error.to_string()))
}

async fn accept(listen: SocketAddr, service: Service) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let service = RateLimitServiceServer::new(service);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let mut server = auto::Builder::new(TokioExecutor::new());
            server
                .http2()
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .keep_alive_interval(PING_INTERVAL)
                .keep_alive_timeout(PING_TIMEOUT);
            // An error here is a client that left.
            let _ended = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[tonic::async_trait]
impl RateLimitService for Service {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let request = request.into_inner();
        let hits = request.hits_addend.max(1);
        let descriptors = request.descriptors.into_iter();
        let descriptors = descriptors.map(|descriptor| {
            let entries = descriptor.entries.into_iter();
            let entries = entries.map(|entry| (entry.key, entry.value));
            entries.collect::<HashMap<_, _>>()
        });
        let mut context = Context::default();
        context.list_binding("descriptors".to_owned(), descriptors.collect());
        let namespace = request.domain.into();
        let verdict =
            self.limiter
                .check_rate_limited_and_update(&namespace, &context, u64::from(hits));
        let verdict = verdict.map_err(|_| Status::unavailable("the limiter does not answer"))?;
        let code = if verdict.limited {
            Code::OverLimit
        } else {
            Code::Ok
        };
        Ok(Response::new(RateLimitResponse {
            overall_code: code.into(),
            ..RateLimitResponse::default()
        }))
    }
}
