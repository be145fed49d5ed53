//! How the process runs: timeouts, sizes, capacity, failure modes, what is seen of it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The `timeouts` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a request's head is complete; 10 s unless configured.
    pub header: Duration,
    /// Between two pieces of a body, either way; 30 s unless configured.
    pub body_idle: Duration,
    /// For an idle connection of a client; 75 s unless configured.
    pub keep_alive: Duration,
    /// For a TLS handshake; 10 s unless configured.
    pub handshake: Duration,
    /// For requests in flight when the process stops; 30 s unless configured.
    pub drain: Duration,
}

/// The `sizes` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeLimits {
    /// Of a request's head, in bytes; 64 KiB unless configured.
    pub request_head_bytes: usize,
    /// Header fields of a request; 100 unless configured.
    pub header_count: usize,
    /// Of a request's body, in bytes; no limit unless configured.
    pub body_bytes: Option<u64>,
    /// Client connections at once; 10,000 unless configured.
    pub connections: usize,
    /// Streams at once on one HTTP/2 connection; 100 unless configured.
    pub streams_per_connection: u32,
}

/// The `counting` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountingConfig {
    /// Buckets for verified users; 1,000,000 unless configured.
    pub users: usize,
    /// Buckets for anonymous networks; 250,000 unless configured.
    pub networks: usize,
    /// Where counts are kept across restarts; nowhere unless configured.
    pub snapshot: Option<PathBuf>,
}

/// The `on_failure` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnFailure {
    /// When an issuer's keys cannot be had; closed unless configured.
    pub identity: FailMode,
    /// When counters cannot be had; open unless configured.
    pub counters: FailMode,
    /// When the store cannot be had at the start; closed unless configured.
    pub store: FailMode,
}

/// The `store` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Where it is.
    pub place: StorePlace,
    /// Subjects and accounts of whom something is said, at most; 1,000,000 unless configured.
    pub holders: usize,
    /// How often usage is written; 1 s unless configured.
    pub flush: Duration,
}

/// Where a store is. Shows no password.
#[derive(Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// A file of SQLite.
    File(PathBuf),
    /// A URL, with its password.
    Url(String),
    /// What the environment says.
    Environment,
}

impl fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorePlace::File(path) => write!(f, "File({})", path.display()),
            StorePlace::Url(_) => f.write_str("Url"),
            StorePlace::Environment => f.write_str("Environment"),
        }
    }
}

/// What happens to a request that cannot be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailMode {
    /// Refused with 503.
    Closed,
    /// Let through: as anonymous where the identity fails, uncounted where counting fails.
    Open,
}

/// The `access_log` and `telemetry` sections.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservabilityConfig {
    /// Where the access log goes.
    pub access_log: AccessLog,
    /// OpenTelemetry traces, if wanted.
    pub otlp: Option<Otlp>,
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AccessLog {
    /// Nowhere.
    #[default]
    Off,
    /// To standard output, one JSON object a line.
    Stdout,
    /// To a file, one JSON object a line.
    File(PathBuf),
}

/// Export of traces by OTLP over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Otlp {
    /// Base URL of the collector, for example `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// Share of requests traced, 0 to 1; 0.01 unless configured.
    pub sample_ratio: f64,
    /// `service.name`; `tollgate` unless configured.
    pub service_name: String,
}
