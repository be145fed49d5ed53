//! Prometheus metrics: what the engine, the identity ladder and the gateway counted.
//!
//! Labels are routes, verdicts, modes, issuers and reasons: all of them bounded by the policy or
//! by the code, none of them a user.

mod fronts;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use tollgate_admin::Admin;
use tollgate_engine::{DURATION_BOUNDS_NS, Engine};
use tollgate_limiter::{Clock, Partition};
use tollgate_notices::NoticeCounts;
use tollgate_proxy::Shared;
use tollgate_store::Channel;

use super::fronts::Services;
use super::reload::ReloadCounts;

/// What a scrape reads.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) reloads: Arc<ReloadCounts>,
    pub(super) gateway: Arc<super::exchange::ExchangeCounts>,
    pub(super) counts: Option<super::counts::Keeper>,
    pub(super) kept: Option<Arc<super::kept::State>>,
    /// Once it is served.
    pub(super) admin_api: Arc<OnceLock<Admin>>,
    pub(super) services: Services,
}

/// Renders all metrics in the Prometheus text format.
pub(super) fn render(sources: &Sources) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(sources.clone()));
    let mut text = String::with_capacity(16 * 1024);
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

// === impl Sources ===

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.requests(&mut encoder)?;
        self.decisions(&mut encoder)?;
        self.table(&mut encoder)?;
        self.keys(&mut encoder)?;
        self.bucket_keys(&mut encoder)?;
        self.tokens(&mut encoder)?;
        self.api_keys(&mut encoder)?;
        self.certificates(&mut encoder)?;
        self.reloads(&mut encoder)?;
        self.origin(&mut encoder)?;
        self.store(&mut encoder)?;
        self.admin_api(&mut encoder)?;
        fronts::encode(&self.services, &mut encoder)?;
        self.gateway.encode(&mut encoder)
    }
}

impl Sources {
    pub(super) fn engine(&self) -> &Engine {
        self.shared.engine()
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.engine().with_totals(|totals| totals.rows());
        let rows = rows.into_iter().map(|row| {
            let labels = vec![
                ("route", row.route),
                ("verdict", row.verdict.verdict().to_owned()),
                ("mode", row.verdict.mode().to_owned()),
            ];
            (labels, row.count)
        });
        family(
            encoder,
            "tollgate_requests",
            "Requests by route, verdict and whether the verdict was enforced",
            rows,
        )
    }

    fn decisions(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (counts, sum_ns) = self.engine().with_totals(|totals| totals.durations());
        let bounds = DURATION_BOUNDS_NS.iter().map(|ns| seconds(*ns));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let total = buckets.iter().map(|(_, count)| count).sum();
        let mut metric = encoder.encode_descriptor(
            "tollgate_decision",
            "Time to decide a request, waiting for keys included",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        metric.encode_histogram::<Labels>(seconds(sum_ns), total, &buckets, None)
    }

    fn table(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let table = self.engine().table();
        let now = self.clock.now();
        let parts = [
            ("users", Partition::Users),
            ("networks", Partition::Networks),
        ];
        let label = |name: &str| vec![("partition", name.to_owned())];
        let seen = parts.map(|(name, part)| (name, table.occupancy(part, now)));
        gauges(
            encoder,
            "tollgate_buckets_capacity",
            "Live buckets that the counting table is for",
            seen.iter()
                .map(|(name, o)| (label(name), o.capacity as f64)),
        )?;
        gauges(
            encoder,
            "tollgate_buckets_used_ratio",
            "Live buckets over the capacity, from a sample; above 1 the table is fuller than meant",
            seen.iter().map(|(name, o)| (label(name), o.used)),
        )?;
        counter(
            encoder,
            "tollgate_buckets_overflowed",
            "Limits decided in a shared overflow bucket because the table had no room",
            table.overflowed(),
        )?;
        gauge(
            encoder,
            "tollgate_buckets_bytes",
            "Memory of the counting table in bytes",
            table.bytes() as u64,
        )?;
        let Some(keeper) = &self.counts else {
            return Ok(());
        };
        counter(
            encoder,
            "tollgate_counts_save_failures",
            "Times that counts could not be written to disk",
            keeper.failures(),
        )
    }

    fn keys(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.engine().snapshot();
        let sources = snapshot.key_sources();
        let label = |issuer: &str| vec![("issuer", issuer.to_owned())];
        let status: Vec<_> = sources
            .iter()
            .map(|slot| (label(&slot.issuer), slot.holder.status()))
            .collect();
        gauges(
            encoder,
            "tollgate_jwks_keys",
            "Usable keys of the issuer; 0 means that none of its tokens verify",
            status.iter().map(|(l, s)| (l.clone(), s.keys as f64)),
        )?;
        gauges(
            encoder,
            "tollgate_jwks_last_success_timestamp_seconds",
            "When the issuer's keys were last fetched",
            status
                .iter()
                .filter_map(|(l, s)| Some((l.clone(), s.last_success_unix_s? as f64))),
        )?;
        family(
            encoder,
            "tollgate_jwks_fetches",
            "Fetches of the issuer's keys",
            status.iter().map(|(l, s)| (l.clone(), s.fetches)),
        )?;
        family(
            encoder,
            "tollgate_jwks_fetch_failures",
            "Fetches of the issuer's keys that gave none",
            status.iter().map(|(l, s)| (l.clone(), s.failures)),
        )
    }

    fn bucket_keys(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let now_s = self.clock.now().unix_s();
        gauge(
            encoder,
            "tollgate_bucket_keys_valid",
            "Whether the current key of bucket ids is within its times: 1 or 0",
            u64::from(self.engine().snapshot().has_valid_bucket_key(now_s)),
        )
    }

    fn tokens(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.engine().snapshot().verifier().stats();
        let label = |reason: &str| vec![("reason", reason.to_owned())];
        let refused = stats.refused.iter().filter(|(_, count)| *count > 0);
        let verdicts = refused
            .map(|(reason, count)| (label(reason.code()), *count))
            .chain([
                (label("valid"), stats.valid),
                (label("keys_pending"), stats.keys_pending),
                (label("keys_unavailable"), stats.keys_unavailable),
                (label("over_budget"), stats.over_budget),
            ]);
        family(
            encoder,
            "tollgate_tokens",
            "Tokens verified, by result, under the policy in force",
            verdicts,
        )?;
        counter(
            encoder,
            "tollgate_token_cache_hits",
            "Tokens whose verdict was remembered",
            stats.cache_hits,
        )?;
        counter(
            encoder,
            "tollgate_token_cache_misses",
            "Tokens whose verdict was worked out",
            stats.cache_misses,
        )?;
        gauges(
            encoder,
            "tollgate_token_cache_entries",
            "Remembered verdicts, by kind",
            [
                (
                    vec![("verdict", "valid".to_owned())],
                    stats.cache_valid_entries as f64,
                ),
                (
                    vec![("verdict", "refused".to_owned())],
                    stats.cache_refused_entries as f64,
                ),
            ],
        )
    }

    fn api_keys(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(stats) = self.engine().snapshot().api_key_stats() else {
            return Ok(());
        };
        let label = |result: &str| vec![("result", result.to_owned())];
        let refused = stats.refused.iter();
        let results = refused
            .map(|(reason, count)| (label(reason.code()), *count))
            .chain([
                (label("valid"), stats.valid),
                (label("over_budget"), stats.over_budget),
            ]);
        family(
            encoder,
            "tollgate_api_keys",
            "API keys presented, by result, under the policy in force",
            results,
        )?;
        gauge(
            encoder,
            "tollgate_api_keys_known",
            "API keys in the file, those that expired included",
            stats.keys as u64,
        )
    }

    fn certificates(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.engine().snapshot();
        let Some(rules) = snapshot.certificates() else {
            return Ok(());
        };
        let label = |reason: &str| vec![("reason", reason.to_owned())];
        let refused = rules.refused();
        let refused = refused.map(|(error, count)| (label(error.code()), count));
        family(
            encoder,
            "tollgate_client_certificates",
            "Requests judged by their client certificate, by result, under the policy in force",
            refused.chain([(label("valid"), rules.valid())]),
        )
    }

    fn origin(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let up = |usable| if usable { 1.0 } else { 0.0 };
        let endpoints = self.shared.endpoints();
        gauges(
            encoder,
            "tollgate_origin_up",
            "Whether requests go to the endpoint: 1 or 0",
            endpoints
                .into_iter()
                .map(|(url, usable)| (vec![("endpoint", url)], up(usable))),
        )
    }

    fn admin_api(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(stats) = self.admin_api.get().map(Admin::stats) else {
            return Ok(());
        };
        let row = |result: &str, count| (vec![("result", result.to_owned())], count);
        family(
            encoder,
            "tollgate_admin_requests",
            "Requests to the admin API, by what became of them at its door",
            [
                row("authenticated", stats.requests),
                row("unauthenticated", stats.unauthenticated),
                row("throttled", stats.throttled),
                row("forbidden", stats.forbidden),
                row("overloaded", stats.overloaded),
            ],
        )?;
        family(
            encoder,
            "tollgate_admin_writes",
            "Writes through the admin API, by result",
            [
                row("success", stats.writes),
                row("failure", stats.failed_writes),
            ],
        )
    }

    fn store(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        gauge(
            encoder,
            "tollgate_store_up",
            "Whether the store answered when it was last asked for changes: 1 or 0",
            u64::from(kept.reachable.load(Ordering::Relaxed)),
        )?;
        gauge(
            encoder,
            "tollgate_store_holders",
            "Subjects and accounts of whom something is said",
            read(&kept.holders),
        )?;
        family(
            encoder,
            "tollgate_store_changes",
            "Changes of plans and overrides that were taken over, by result",
            [
                (vec![("result", "success".to_owned())], read(&kept.changes)),
                (
                    vec![("result", "failure".to_owned())],
                    read(&kept.changes_failed),
                ),
            ],
        )?;
        counter(
            encoder,
            "tollgate_usage_rows_written",
            "Rows of usage (caller, route, plan, minute) that the store took",
            read(&kept.rows_written),
        )?;
        counter(
            encoder,
            "tollgate_usage_rows_lost",
            "Rows of usage that the store refused",
            read(&kept.rows_lost),
        )?;
        counter(
            encoder,
            "tollgate_usage_decisions_left_out",
            "Decisions that found no room among the rows that wait for the store",
            self.engine().usage_left_out(),
        )?;
        counter(
            encoder,
            "tollgate_usage_write_failures",
            "Attempts to write usage that failed",
            read(&kept.writes_failed),
        )?;
        self.notices(&kept.notices, encoder)?;
        counter(
            encoder,
            "tollgate_overrides_left_out",
            "Overrides that could not be put in force: one limit too many, or one that cannot be counted",
            self.engine().snapshot().own_limits_left_out(),
        )
    }

    fn notices(&self, counts: &NoticeCounts, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let label = |channel: Channel, result: &str| -> Labels {
            vec![
                ("channel", channel.as_str().to_owned()),
                ("result", result.to_owned()),
            ]
        };
        let attempts = Channel::ALL.into_iter().flat_map(|channel| {
            let of = counts.of(channel);
            [
                (label(channel, "delivered"), of.delivered),
                (label(channel, "retried"), of.retried),
                (label(channel, "given_up"), of.given_up),
            ]
        });
        family(
            encoder,
            "tollgate_notices",
            "Attempts to deliver notices, by channel and what became of them",
            attempts,
        )?;
        gauges(
            encoder,
            "tollgate_notices_waiting",
            "Notices that are to be delivered, by channel",
            Channel::ALL.into_iter().map(|channel| {
                let waiting = counts.of(channel).waiting;
                let label = vec![("channel", channel.as_str().to_owned())];
                (label, waiting as f64)
            }),
        )
    }

    fn reloads(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let count = |result: &str, count: &AtomicU64| {
            let label = vec![("result", result.to_owned())];
            (label, count.load(Ordering::Relaxed))
        };
        family(
            encoder,
            "tollgate_policy_reloads",
            "Reloads of the policy, by result",
            [
                count("success", &self.reloads.succeeded),
                count("failure", &self.reloads.failed),
            ],
        )?;
        gauge(
            encoder,
            "tollgate_policy_stale",
            "Whether the policy on disk could not be put in force: 1 or 0",
            self.reloads.stale.load(Ordering::Relaxed),
        )
    }
}

pub(super) type Labels = Vec<(&'static str, String)>;

pub(super) fn family(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels, u64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in rows {
        ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

pub(super) fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    count: u64,
) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(count).encode(metric)
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels, f64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
