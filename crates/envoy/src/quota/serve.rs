//! Streams: reports in, assignments out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::unfold;
use tokio::sync::mpsc;
use tollgate_engine::Divisible;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::assign::{self, Assigned};
use super::buckets::{Holder, Told};
use super::decode::{self, Usage};
use crate::messages::quota::{
    BucketAction, BucketId, BucketQuotaUsage, RateLimitQuotaResponse, RateLimitQuotaService,
    RateLimitQuotaUsageReports,
};
use crate::services::{Shared, peer};

/// Streams at once.
const STREAMS_MAX: u64 = 1_000;
/// Buckets of one stream.
const BUCKETS_PER_STREAM_MAX: usize = 10_000;
/// Buckets of all streams.
const BUCKETS_MAX: u64 = 100_000;
/// Entries of a bucket's name, and their bytes together.
const ENTRIES_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 4_096;
/// Smaller shares that a stream has not read yet; beyond that it keeps what it has.
const LOWERED_MAX: usize = 1_024;
/// An assignment is in force for three reports, and no less and no longer than this.
const TTL_MIN: Duration = Duration::from_secs(15);
const TTL_MAX: Duration = Duration::from_secs(300);
const REPORTS_PER_TTL: u32 = 3;
/// The first: nobody knows yet how often there are reports.
const TTL_FIRST: Duration = Duration::from_secs(60);
/// A bucket without a request for so long is given up.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// The service.
#[derive(Clone)]
pub(crate) struct QuotaService(pub(crate) Arc<Shared>);

/// One stream, and what it holds.
struct Connection {
    shared: Arc<Shared>,
    reports: Streaming<RateLimitQuotaUsageReports>,
    peer: IpAddr,
    domain: Option<String>,
    buckets: HashMap<Vec<(String, String)>, Bucket>,
    sender: mpsc::Sender<Told>,
    lowered: mpsc::Receiver<Told>,
}

struct Bucket {
    holder: Arc<Holder>,
    /// The bucket that its share is of, if it has one.
    divided: Option<u64>,
    idle: Duration,
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
        let stats = &self.0.stats;
        if !stats.quota_streams.enter(STREAMS_MAX) {
            stats.quota_errors.one_more();
            return Err(Status::resource_exhausted("too many streams"));
        }
        let peer = peer(request.extensions());
        let (sender, lowered) = mpsc::channel(LOWERED_MAX);
        let connection = Connection {
            shared: Arc::clone(&self.0),
            reports: request.into_inner(),
            peer,
            domain: None,
            buckets: HashMap::new(),
            sender,
            lowered,
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
            let answer = tokio::select! {
                // What shrinks is told first.
                biased;
                Some(lowered) = self.lowered.recv() => {
                    let Some(action) = lowered.if_current() else { continue };
                    self.shared.stats.quota_assignments.one_more();
                    RateLimitQuotaResponse { bucket_action: vec![action] }
                }
                report = self.reports.message() => match report {
                    Ok(Some(report)) => self.answer(report)?,
                    // However it ends: what was assigned counts until its time is over.
                    Ok(None) => return Ok(None),
                    Err(status) => return Err(whose_fault(&status)),
                },
            };
            if !answer.bucket_action.is_empty() {
                return Ok(Some(answer));
            }
        }
    }

    fn answer(
        &mut self,
        report: RateLimitQuotaUsageReports,
    ) -> Result<RateLimitQuotaResponse, Status> {
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
        if report.bucket_quota_usages.len() > BUCKETS_PER_STREAM_MAX {
            return Err(Status::resource_exhausted("too many buckets in one report"));
        }
        let mut actions = Vec::with_capacity(report.bucket_quota_usages.len());
        for usage in report.bucket_quota_usages {
            self.shared.stats.quota_reports.one_more();
            actions.push(self.one(usage)?);
        }
        Ok(RateLimitQuotaResponse {
            bucket_action: actions,
        })
    }

    fn one(&mut self, report: BucketQuotaUsage) -> Result<BucketAction, Status> {
        let usage = Usage::of(&report);
        let id = report.bucket_id.unwrap_or_default();
        let name = name(&id)?;
        let shared = Arc::clone(&self.shared);
        let domain = self.domain.as_deref().unwrap_or_default();
        let divisible = decode::divisible(&shared, domain, &id, usage, self.peer)?;
        let idle = self.bucket(name.clone(), &id)?.had(usage);
        if idle >= IDLE_MAX {
            if let Some(bucket) = self.buckets.remove(&name) {
                bucket.give_back(&shared);
            }
            shared.stats.quota_abandoned.one_more();
            return Ok(assign::abandon(id));
        }
        let ttl = match usage.elapsed {
            Duration::ZERO => TTL_FIRST,
            elapsed => (elapsed * REPORTS_PER_TTL).clamp(TTL_MIN, TTL_MAX),
        };
        let bucket = self.bucket(name, &id)?;
        let divided = match divisible {
            Divisible::Rate(rate) => Some(rate.bucket),
            Divisible::Everything | Divisible::Nothing => None,
        };
        if let (Some(before), true) = (bucket.divided, bucket.divided != divided) {
            shared.buckets.abandon(before, bucket.holder.id);
        }
        bucket.divided = divided;
        bucket.holder.supersede();
        let assigned = match divisible {
            Divisible::Everything => Assigned::All,
            Divisible::Nothing => Assigned::None,
            Divisible::Rate(rate) => {
                let now = shared.clock.now().mono;
                let reported = (&bucket.holder, usage.demand());
                Assigned::Share(shared.buckets.report(reported, rate, (now, ttl)), rate)
            }
        };
        shared.stats.quota_assignments.one_more();
        Ok(assign::assignment(id, assigned, ttl))
    }

    fn bucket(
        &mut self,
        name: Vec<(String, String)>,
        id: &BucketId,
    ) -> Result<&mut Bucket, Status> {
        let is_full = self.buckets.len() >= BUCKETS_PER_STREAM_MAX;
        match self.buckets.entry(name) {
            std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::hash_map::Entry::Vacant(free) => {
                let shared = &self.shared;
                if is_full || !shared.stats.quota_buckets.enter(BUCKETS_MAX) {
                    return Err(Status::resource_exhausted("too many buckets"));
                }
                let number = shared.buckets.holder_id();
                let holder = Holder::new(number, id.clone(), self.sender.clone());
                let holder = Arc::new(holder);
                Ok(free.insert(Bucket {
                    holder,
                    divided: None,
                    idle: Duration::ZERO,
                }))
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for bucket in self.buckets.values() {
            if let Some(divided) = bucket.divided {
                self.shared.buckets.lose(divided, bucket.holder.id);
            }
            self.shared.stats.quota_buckets.leave();
        }
        self.shared.stats.quota_streams.leave();
    }
}

// === impl Bucket ===

impl Bucket {
    /// How long it has had no request.
    fn had(&mut self, usage: Usage) -> Duration {
        self.idle = match usage.allowed.saturating_add(usage.denied) {
            0 => self.idle + usage.elapsed,
            _ => Duration::ZERO,
        };
        self.idle
    }

    fn give_back(self, shared: &Shared) {
        self.holder.end();
        if let Some(divided) = self.divided {
            shared.buckets.abandon(divided, self.holder.id);
        }
        shared.stats.quota_buckets.leave();
    }
}

/// A bucket's name in one order.
fn name(id: &BucketId) -> Result<Vec<(String, String)>, Status> {
    let bytes = id.bucket.iter().map(|(key, value)| key.len() + value.len());
    if id.bucket.is_empty()
        || id.bucket.len() > ENTRIES_MAX
        || bytes.sum::<usize>() > NAME_BYTES_MAX
    {
        return Err(Status::invalid_argument(format!(
            "a bucket's name has 1 to {ENTRIES_MAX} entries, of at most {NAME_BYTES_MAX} bytes"
        )));
    }
    let entries = id.bucket.iter();
    let mut name: Vec<_> = entries
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    name.sort_unstable();
    Ok(name)
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
