//! Streams: reports in, assignments out.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::unfold;
use tokio::sync::{mpsc, watch};
use tonic::codegen::tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::buckets::Told;
use super::held::Held;
use crate::health::HealthHandle;
use crate::messages::quota::{
    BucketAction, BucketQuotaUsage, RateLimitQuotaResponse, RateLimitQuotaService,
    RateLimitQuotaUsageReports,
};
use crate::services::{Shared, peer};

/// Streams at once.
const STREAMS_MAX: u64 = 1_000;
/// Usages that are answered with one message; those of a longer report are answered with several.
const USAGES_PER_ANSWER: usize = 1_024;
/// Usages, and rates, after which others have their turn on the thread.
const USAGES_PER_TURN: usize = 256;
const RATES_PER_TURN: usize = 16;
/// Metadata with the name of the data plane, which no two have; and its length at most.
const NODE: &str = "x-tollgate-node";
const NODE_BYTES_MAX: usize = 256;
/// Smaller shares that a stream has not read yet; beyond that it keeps what it has.
const LOWERED_MAX: usize = 1_024;

/// The service.
#[derive(Clone)]
pub(crate) struct QuotaService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) health: HealthHandle,
}

/// One stream.
struct Connection {
    shared: Arc<Shared>,
    reports: Streaming<RateLimitQuotaUsageReports>,
    peer: IpAddr,
    domain: Option<String>,
    /// What of the last report is not answered yet.
    pending: std::vec::IntoIter<BucketQuotaUsage>,
    held: Held,
    lowered: mpsc::Receiver<Told>,
    /// Whether the services serve.
    serving: watch::Receiver<bool>,
}

// === impl QuotaService ===

#[tonic::async_trait]
impl RateLimitQuotaService for QuotaService {
    type StreamRateLimitQuotasStream =
        Pin<Box<dyn Stream<Item = Result<RateLimitQuotaResponse, Status>> + Send + 'static>>;

    async fn stream_rate_limit_quotas(
        &self,
        request: Request<Streaming<RateLimitQuotaUsageReports>>,
    ) -> Result<Response<Self::StreamRateLimitQuotasStream>, Status> {
        let stats = &self.shared.stats;
        if !stats.quota_streams.enter(STREAMS_MAX) {
            stats.quota_errors.one_more();
            return Err(Status::resource_exhausted("too many streams"));
        }
        let peer = peer(request.extensions());
        let node = request.metadata().get(NODE);
        let node = node.and_then(|node| node.to_str().ok());
        let node = node.filter(|node| (1..=NODE_BYTES_MAX).contains(&node.len()));
        let node = node.map(Arc::from);
        let (sender, lowered) = mpsc::channel(LOWERED_MAX);
        let connection = Connection {
            shared: Arc::clone(&self.shared),
            reports: request.into_inner(),
            peer,
            domain: None,
            pending: Vec::new().into_iter(),
            held: Held::new(Arc::clone(&self.shared), node, sender),
            lowered,
            serving: self.health.changes(),
        };
        // After an error there is nothing more.
        let answers = unfold(Some(connection), |connection| async move {
            let mut connection = connection?;
            match connection.next().await {
                Ok(Some(answer)) => Some((Ok(answer), Some(connection))),
                Ok(None) => None,
                Err(status) => {
                    connection.shared.stats.quota_errors.one_more();
                    Some((Err(status), None))
                }
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

// === impl Connection ===

impl Connection {
    /// The next thing to tell; `None` at the stream's end.
    async fn next(&mut self) -> Result<Option<RateLimitQuotaResponse>, Status> {
        loop {
            let bucket_action = tokio::select! {
                // What shrinks is told first, and what has come is answered before a drain ends the stream.
                biased;
                Some(told) = self.lowered.recv() => self.held.lower(&told),
                () = std::future::ready(()), if self.pending.len() > 0 => self.answer().await?,
                // Whoever is told so connects elsewhere; a drain would wait for the stream.
                () = drain(&mut self.serving) => return Ok(None),
                report = self.reports.message() => {
                    match report {
                        Ok(Some(report)) => self.read(report)?,
                        // However it ends: what was assigned counts until its time is over.
                        Ok(None) => return Ok(None),
                        Err(status) => return Err(whose_fault(&status)),
                    }
                    continue;
                }
            };
            if !bucket_action.is_empty() {
                return Ok(Some(RateLimitQuotaResponse { bucket_action }));
            }
        }
    }

    fn read(&mut self, report: RateLimitQuotaUsageReports) -> Result<(), Status> {
        match &self.domain {
            None if report.domain.is_empty() => {
                return Err(Status::invalid_argument("the first report has no domain"));
            }
            None => self.domain = Some(report.domain),
            Some(domain) if report.domain.is_empty() || report.domain == *domain => {}
            Some(_) => {
                return Err(Status::invalid_argument("a stream speaks of one domain"));
            }
        }
        self.pending = report.bucket_quota_usages.into_iter();
        Ok(())
    }

    /// Answers the next usages of a report. The rates that they are of are divided once for all of them.
    async fn answer(&mut self) -> Result<Vec<BucketAction>, Status> {
        let domain = self.domain.as_deref().unwrap_or_default();
        let mut actions = Vec::new();
        for place in 0..USAGES_PER_ANSWER {
            let Some(usage) = self.pending.next() else {
                break;
            };
            self.shared.stats.quota_reports.one_more();
            actions.extend(self.held.take(usage, domain, self.peer)?);
            if place % USAGES_PER_TURN == USAGES_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        let mut rates = 0_usize;
        while self.held.divide_next(&mut actions).is_some() {
            rates += 1;
            if rates.is_multiple_of(RATES_PER_TURN) {
                tokio::task::yield_now().await;
            }
        }
        Ok(actions)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.stats.quota_streams.leave();
    }
}

/// Waits until the services serve no more.
async fn drain(serving: &mut watch::Receiver<bool>) {
    let is_unknown = serving.wait_for(|serving| !serving).await.is_err();
    if is_unknown {
        std::future::pending::<()>().await;
    }
}

/// tonic says of a message that is too large that it is out of range, and of one that is none that we
/// failed.
fn whose_fault(status: &Status) -> Status {
    match status.code() {
        Code::OutOfRange => Status::resource_exhausted("the report is too large"),
        Code::Internal => Status::invalid_argument("the report cannot be read"),
        _ => Status::cancelled("the stream ended"),
    }
}
