//! What becomes of a finished exchange: counters of answers, and a line in the access log.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;
use http::request::Parts;
use prometheus_client::encoding::DescriptorEncoder;
use serde_json::{Map, Value, json};
use tollgate_engine::{Decision, Engine, Principal};
use tollgate_limiter::{Clock, SystemClock};
use tollgate_proxy::{Ending, Exchange, Observer};
use tracing::Span;

use super::access_log::AccessLog;
use super::metrics::{self, Labels};
use super::traces;

/// Statuses that are counted one by one: 100 to 599.
const STATUSES: usize = 500;

/// Counters over all exchanges. Written by the data plane with relaxed adds, read by a scrape.
pub(super) struct ExchangeCounts {
    statuses: Box<[AtomicU64]>,
    client_aborted: AtomicU64,
    origin_aborted: AtomicU64,
    response_bytes: AtomicU64,
    refusals_delayed: AtomicU64,
    access_log_dropped: AtomicU64,
}

/// Hears of every exchange once.
pub(super) struct Recorder {
    pub(super) counts: std::sync::Arc<ExchangeCounts>,
    pub(super) access_log: Option<AccessLog>,
    pub(super) clock: SystemClock,
    pub(super) engine: std::sync::Arc<Engine>,
}

// === impl ExchangeCounts ===

impl ExchangeCounts {
    pub(super) fn new() -> Self {
        Self {
            statuses: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
            client_aborted: AtomicU64::new(0),
            origin_aborted: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            refusals_delayed: AtomicU64::new(0),
            access_log_dropped: AtomicU64::new(0),
        }
    }

    fn count(&self, exchange: &Exchange) {
        let status = usize::from(exchange.status).wrapping_sub(100);
        if let Some(counter) = self.statuses.get(status) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        match exchange.ending {
            Ending::ClientAborted => self.client_aborted.fetch_add(1, Ordering::Relaxed),
            Ending::OriginAborted => self.origin_aborted.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        if !exchange.held.is_zero() {
            self.refusals_delayed.fetch_add(1, Ordering::Relaxed);
        }
        let bytes = exchange.response_bytes;
        self.response_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self
            .statuses
            .iter()
            .enumerate()
            .filter_map(|(index, counter)| {
                let count = counter.load(Ordering::Relaxed);
                let status = (index + 100).to_string();
                (count > 0).then(|| (vec![("status", status)], count))
            });
        metrics::family(
            encoder,
            "tollgate_responses",
            "Answers by status; 499 is a client that left before its answer",
            rows,
        )?;
        let aborted = |by: &str, counter: &AtomicU64| {
            let labels: Labels = vec![("by", by.to_owned())];
            (labels, counter.load(Ordering::Relaxed))
        };
        metrics::family(
            encoder,
            "tollgate_aborted_exchanges",
            "Exchanges that broke off, by who left",
            [
                aborted("client", &self.client_aborted),
                aborted("origin", &self.origin_aborted),
            ],
        )?;
        metrics::counter(
            encoder,
            "tollgate_response_bytes",
            "Bytes of bodies sent to clients",
            self.response_bytes.load(Ordering::Relaxed),
        )?;
        metrics::counter(
            encoder,
            "tollgate_refusals_delayed",
            "Refusals of a credential that were held back, since their connection's came too fast",
            self.refusals_delayed.load(Ordering::Relaxed),
        )?;
        metrics::counter(
            encoder,
            "tollgate_access_log_dropped",
            "Lines of the access log dropped because the disk was too slow",
            self.access_log_dropped.load(Ordering::Relaxed),
        )
    }
}

impl fmt::Debug for ExchangeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExchangeCounts")
    }
}

// === impl Recorder ===

impl Observer for Recorder {
    fn finished(&self, exchange: &Exchange) {
        self.counts.count(exchange);
        if let Some(decision) = &exchange.decision {
            self.engine.add_bytes(decision, exchange.response_bytes);
        }
        traces::finish(exchange);
        if let Some(log) = &self.access_log {
            log.write(line(exchange, self.clock.now().unix_ms));
            let dropped = log.dropped();
            self.counts
                .access_log_dropped
                .store(dropped, Ordering::Relaxed);
        }
    }

    fn span(&self, head: &Parts) -> Span {
        traces::span(head)
    }

    fn propagate(&self, span: &Span, headers: &mut HeaderMap) {
        traces::propagate(span, headers);
    }
}

/// One line: JSON escapes whatever a client put into its path.
fn line(exchange: &Exchange, unix_ms: u64) -> String {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| {
        line.insert(name.to_owned(), value);
    };
    put("time_unix_ms", json!(unix_ms));
    put("peer", json!(exchange.peer.ip().to_string()));
    put("method", json!(exchange.method.as_str()));
    put("path", json!(exchange.target.path()));
    put("version", json!(format!("{:?}", exchange.version)));
    put("status", json!(exchange.status));
    put("bytes", json!(exchange.response_bytes));
    put(
        "duration_us",
        json!(u64::try_from(exchange.elapsed.as_micros()).unwrap_or(u64::MAX)),
    );
    if !exchange.held.is_zero() {
        let held = exchange.held.as_micros();
        put("held_us", json!(u64::try_from(held).unwrap_or(u64::MAX)));
    }
    put("ending", json!(ending(exchange.ending)));
    if let Some(fault) = exchange.fault {
        put("fault", json!(fault));
    }
    if let Some(id) = &exchange.request_id {
        put("request_id", json!(id.as_str()));
    }
    if let Some(decision) = &exchange.decision {
        decided(decision, &mut put);
    }
    Value::Object(line).to_string()
}

fn decided(decision: &Decision, put: &mut impl FnMut(&str, Value)) {
    let label = decision.label();
    let snapshot = &decision.snapshot;
    put(
        "route",
        json!(snapshot.policy().routes().get(decision.route).to_string()),
    );
    put("verdict", json!(label.verdict()));
    put("mode", json!(label.mode()));
    if let Some(plan) = decision.plan_name() {
        put("plan", json!(plan));
    }
    if let Some(violated) = decision.violated() {
        put("limit", json!(&*violated.limit.name));
    }
    match &decision.principal {
        Principal::Anonymous(network) => put("network", json!(network.network.to_string())),
        _ => {
            if let Some(id) = snapshot.bucket_id(decision) {
                put("bucket", json!(id.to_string()));
            }
        }
    }
}

fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::ClientAborted => "client_aborted",
        Ending::OriginAborted => "origin_aborted",
        _ => "other",
    }
}
