//! What became of questions: counters without a label that callers could multiply.

use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_engine::VerdictLabel;

/// How a question was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Dialect {
    /// `X-Forwarded-Method` and `-Uri` at `/check`: Traefik, Caddy, HAProxy.
    Forwarded,
    /// `X-Original-Method` and `-URI` at `/check`.
    Original,
    /// The same at `/check/nginx`, whose answers nginx understands.
    Nginx,
    /// `/check/envoy/…`.
    Envoy,
    /// The decision API.
    Decide,
}

const DIALECTS: [Dialect; 5] = [
    Dialect::Forwarded,
    Dialect::Original,
    Dialect::Nginx,
    Dialect::Envoy,
    Dialect::Decide,
];

const VERDICTS: usize = VerdictLabel::ALL.len();

/// Counts since the service was made. Written by every answer with relaxed adds, read by a scrape.
#[derive(Debug, Default)]
pub struct CheckStats {
    verdicts: [[AtomicU64; VERDICTS]; DIALECTS.len()],
    calls: AtomicU64,
    untrusted: AtomicU64,
    unclear: AtomicU64,
    expired: AtomicU64,
}

// === impl Dialect ===

impl Dialect {
    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Original => "original",
            Self::Nginx => "nginx",
            Self::Envoy => "envoy",
            Self::Decide => "decide",
        }
    }
}

// === impl CheckStats ===

impl CheckStats {
    pub(crate) fn count(&self, dialect: Dialect, verdict: VerdictLabel) {
        self.verdicts[dialect as usize][verdict as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_untrusted(&self) {
        self.untrusted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_unclear(&self) {
        self.unclear.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_expired(&self, holds: u64) {
        self.expired.fetch_add(holds, Ordering::Relaxed);
    }

    /// Verdicts given, by dialect; those that never happened too.
    pub fn verdicts(&self) -> impl Iterator<Item = (Dialect, VerdictLabel, u64)> {
        let of_dialect = DIALECTS.into_iter().zip(&self.verdicts);
        of_dialect.flat_map(|(dialect, counts)| {
            let each = VerdictLabel::ALL.into_iter().zip(counts);
            each.map(move |(label, count)| (dialect, label, count.load(Ordering::Relaxed)))
        })
    }

    /// Requests to the listener, of any kind.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Refused with 403: the peer is not one that may ask.
    #[must_use]
    pub fn untrusted(&self) -> u64 {
        self.untrusted.load(Ordering::Relaxed)
    }

    /// Refused with 400 before anything was decided: the question cannot be read in one way.
    #[must_use]
    pub fn unclear(&self) -> u64 {
        self.unclear.load(Ordering::Relaxed)
    }

    /// Requests of the decision API whose end nobody told in time.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }
}
