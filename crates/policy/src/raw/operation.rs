//! `on_failure`, `timeouts`, `sizes`, `counting`, `telemetry`.

use super::section::section;
use super::values::{ByteSize, FilePath, Period, Share, ShortText, WebUrl, Whole, Word};
use crate::node::At;
use crate::operation::FailMode;

section! {
    /// What happens to requests that cannot be decided.
    RawOnFailure("failure modes") {
        /// When an issuer's keys cannot be had: `closed` (503), or `open` (treated as anonymous). Default: `closed`.
        identity: Option<Word<FailMode>>,
        /// When counters cannot be had: `closed` (503), or `open` (let through uncounted). Counters in memory always can: without effect in this version. Default: `open`.
        counters: Option<Word<FailMode>>,
        /// When the store cannot be had at the start: `closed` (does not serve before it can be), or `open` (serves, with the plans that credentials name). A store that is lost later leaves in force what was known. Default: `closed`.
        store: Option<Word<FailMode>>,
    }
}

section! {
    /// How long anything may take.
    RawTimeouts("timeouts") {
        /// Until a request's head is complete. Default: `10s`.
        header: Option<Period>,
        /// Between two pieces of a body, either way. Default: `30s`.
        body_idle: Option<Period>,
        /// For an idle connection of a client. Default: `75s`.
        keep_alive: Option<Period>,
        /// For a TLS handshake. Default: `10s`.
        handshake: Option<Period>,
        /// For requests in flight when the process stops. Default: `30s`.
        drain: Option<Period>,
    }
}

section! {
    /// How large anything may be.
    RawSizes("sizes") {
        /// Of a request's head, 8 KiB to 1 MiB. Default: `64KiB`.
        head: Option<At<ByteSize>>,
        /// Header fields of a request, 16 to 1,000. Default: 100.
        headers: Option<Whole<16, 1_000>>,
        /// Of a request's body. Default: no limit.
        body: Option<ByteSize>,
        /// Client connections at once, 1 to 1,000,000. Default: 10,000.
        connections: Option<Whole<1, 1_000_000>>,
        /// Streams at once on one HTTP/2 connection, 1 to 10,000. Default: 100.
        streams: Option<Whole<1, 10_000>>,
    }
}

section! {
    /// How many buckets are kept: about 27 bytes each, taken from the system as they come into use.
    RawCounting("counting") {
        /// For verified users, 1,024 to 100,000,000. Default: 1,000,000.
        users: Option<Whole<1_024, 100_000_000>>,
        /// For anonymous networks, 1,024 to 100,000,000. Default: 250,000.
        networks: Option<Whole<1_024, 100_000_000>>,
        /// File that keeps the counts across restarts, relative to the policy's folder: written every minute and at
        /// the end, with mode 0600, since it holds the key that buckets are named under. Default: counts end with
        /// the process.
        snapshot: Option<FilePath>,
    }
}

section! {
    /// OpenTelemetry traces by OTLP over HTTP.
    RawTelemetry("telemetry") {
        /// Base URL of the collector, for example `http://127.0.0.1:4318`.
        endpoint: WebUrl,
        /// Share of requests traced, 0 to 1. Default: 0.01.
        sample_ratio: Option<Share>,
        /// `service.name` of the traces. Default: `tollgate`.
        service_name: Option<ShortText>,
    }
}
