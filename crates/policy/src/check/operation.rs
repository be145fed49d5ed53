//! Timeouts, sizes, capacity, failure modes, what is seen of the process.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::Check;
use crate::codes;
use crate::findings::Finding;
use crate::operation::{
    AccessLog, CountingConfig, FailMode, ObservabilityConfig, OnFailure, Otlp, SizeLimits,
    StoreConfig, StorePlace, Timeouts,
};
use crate::raw::{
    FilePath, OffOr, Period, RawCounting, RawOnFailure, RawSizes, RawStore, RawStoreSection,
    RawTelemetry, RawTimeouts, StoreUrl, Word,
};

/// The smallest and the largest head that can be configured, in bytes.
const HEAD_BYTES_MIN: u64 = 8 * 1024;
const HEAD_BYTES_MAX: u64 = 1024 * 1024;
/// How often usage can be written.
const FLUSH_RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

impl Check<'_, '_> {
    pub(super) fn on_failure(
        &mut self,
        raw: Option<RawOnFailure>,
        has_anonymous: bool,
    ) -> OnFailure {
        let span = raw.as_ref().map(|raw| raw.span).unwrap_or_default();
        let (wanted, counters, store) = raw.map_or((None, None, None), |raw| {
            (raw.identity, raw.counters, raw.store)
        });
        let wanted = wanted.map_or(FailMode::Closed, |Word(mode)| mode);
        if wanted == FailMode::Open && !has_anonymous {
            self.error(
                Finding::error(
                    codes::CONFLICT,
                    span,
                    "callers who cannot be identified would have no plan",
                )
                .label("`identity: open` treats them as anonymous")
                .help("add `anonymous: {plan: …}` to `identity`, or write `identity: closed`"),
            );
        }
        OnFailure {
            identity: wanted,
            counters: counters.map_or(FailMode::Open, |Word(mode)| mode),
            store: store.map_or(FailMode::Closed, |Word(mode)| mode),
        }
    }

    pub(super) fn store(&mut self, raw: Option<RawStore>) -> Option<StoreConfig> {
        let RawStore(RawStoreSection {
            url,
            holders,
            flush,
            ..
        }) = raw?;
        let StoreUrl(url) = url.value;
        let place = match url.strip_prefix("sqlite:") {
            Some(file) => StorePlace::File(self.file(file)),
            None if url == "environment" => StorePlace::Environment,
            None => StorePlace::Url(url),
        };
        let mut config = StoreConfig {
            place,
            holders: holders.map_or(1_000_000, |count| count.size()),
            flush: Duration::from_secs(1),
        };
        if let Some(flush) = flush {
            config.flush = flush.value.0;
            if !FLUSH_RANGE.contains(&config.flush) {
                let finding =
                    Finding::error(codes::DURATION, flush.span, "duration is out of range");
                self.error(finding.help("write one from `100ms` to `60s`"));
            }
        }
        Some(config)
    }

    pub(super) fn sizes(&mut self, raw: Option<RawSizes>) -> SizeLimits {
        let mut sizes = SizeLimits {
            request_head_bytes: 64 * 1024,
            header_count: 100,
            body_bytes: None,
            connections: 10_000,
            streams_per_connection: 100,
        };
        let Some(raw) = raw else { return sizes };
        if let Some(head) = raw.head {
            let bytes = head.value.0;
            if !(HEAD_BYTES_MIN..=HEAD_BYTES_MAX).contains(&bytes) {
                self.error(
                    Finding::error(codes::SIZE, head.span, "size of a head is out of range")
                        .help("write one from `8KiB` to `1MiB`"),
                );
            }
            sizes.request_head_bytes = usize::try_from(bytes).unwrap_or(sizes.request_head_bytes);
        }
        sizes.header_count = raw.headers.map_or(sizes.header_count, |count| count.size());
        sizes.body_bytes = raw.body.map(|bytes| bytes.0);
        sizes.connections = raw
            .connections
            .map_or(sizes.connections, |count| count.size());
        let streams = raw.streams.and_then(|count| u32::try_from(count.0).ok());
        sizes.streams_per_connection = streams.unwrap_or(sizes.streams_per_connection);
        sizes
    }
}

pub(super) fn timeouts(raw: Option<RawTimeouts>) -> Timeouts {
    let or = |written: Option<Period>, seconds| {
        written.map_or(Duration::from_secs(seconds), |period| period.0)
    };
    let (header, body_idle, keep_alive, handshake, drain) =
        raw.map_or((None, None, None, None, None), |raw| {
            (
                raw.header,
                raw.body_idle,
                raw.keep_alive,
                raw.handshake,
                raw.drain,
            )
        });
    Timeouts {
        header: or(header, 10),
        body_idle: or(body_idle, 30),
        keep_alive: or(keep_alive, 75),
        handshake: or(handshake, 10),
        drain: or(drain, 30),
    }
}

pub(super) fn counting(raw: Option<RawCounting>, base: &Path) -> CountingConfig {
    let (users, networks, snapshot) = raw.map_or((None, None, None), |raw| {
        (raw.users, raw.networks, raw.snapshot)
    });
    CountingConfig {
        users: users.map_or(1_000_000, |count| count.size()),
        networks: networks.map_or(250_000, |count| count.size()),
        snapshot: snapshot.map(|FilePath(name)| base.join(name)),
    }
}

pub(super) fn observability(
    access_log: Option<OffOr<FilePath>>,
    telemetry: Option<RawTelemetry>,
    base: &Path,
) -> ObservabilityConfig {
    ObservabilityConfig {
        access_log: match access_log {
            None | Some(OffOr::Off) => AccessLog::Off,
            Some(OffOr::Value(FilePath(name))) if name == "stdout" => AccessLog::Stdout,
            Some(OffOr::Value(FilePath(name))) => AccessLog::File(base.join(name)),
        },
        otlp: telemetry.map(|raw| Otlp {
            endpoint: raw.endpoint.0.text,
            sample_ratio: raw.sample_ratio.map_or(0.01, |share| share.0),
            service_name: raw
                .service_name
                .map_or_else(|| "tollgate".to_owned(), |name| name.0),
        }),
    }
}
