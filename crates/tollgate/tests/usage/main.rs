//! `tollgate usage` as a person uses it: logs in, bills out, to the last request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod export;
mod ingest;
mod killed;
mod support;
