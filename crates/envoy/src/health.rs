//! `grpc.health.v1.Health`: serving until the drain begins.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::unfold;
use tokio::sync::watch;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Names that may be asked for: all services, or one.
const SERVICES: [&str; 4] = [
    "",
    "envoy.service.auth.v3.Authorization",
    "envoy.service.ratelimit.v3.RateLimitService",
    "envoy.service.rate_limit_quota.v3.RateLimitQuotaService",
];

/// Says whether the services serve. Cloned freely; all of them speak of one state.
#[derive(Clone, Debug)]
pub struct HealthHandle(Arc<watch::Sender<bool>>);

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct HealthService(pub(crate) HealthHandle);

// === impl HealthHandle ===

impl HealthHandle {
    pub(crate) fn serving() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    /// From now on `NOT_SERVING`: askers go elsewhere, and what is asked all the same is answered.
    pub fn drain(&self) {
        self.0.send_replace(false);
    }

    /// Whether they serve, as it changes.
    pub(crate) fn changes(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }

    /// Whether the services serve.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        *self.0.borrow()
    }
}

// === impl HealthService ===

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match SERVICES.contains(&request.get_ref().service.as_str()) {
            true => Ok(Response::new(said(self.0.is_serving(), true))),
            false => Err(Status::not_found("no such service")),
        }
    }

    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send + 'static>>;

    /// The state at once, then that it serves no more, and the end: nothing comes after a drain, which
    /// waits for streams.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = SERVICES.contains(&request.get_ref().service.as_str());
        let mut changes = self.0.changes();
        changes.mark_changed();
        let stream = unfold(Some(changes), move |changes| async move {
            let mut changes = changes?;
            changes.changed().await.ok()?;
            let serving = *changes.borrow_and_update();
            Some((Ok(said(serving, known)), serving.then_some(changes)))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

fn said(serving: bool, known: bool) -> HealthCheckResponse {
    let status = match (known, serving) {
        (false, _) => ServingStatus::ServiceUnknown,
        (true, true) => ServingStatus::Serving,
        (true, false) => ServingStatus::NotServing,
    };
    HealthCheckResponse {
        status: status.into(),
    }
}
