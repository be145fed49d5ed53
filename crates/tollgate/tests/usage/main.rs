//! `tollgate usage` as a person uses it: logs in, bills out, to the last request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and say what they measured"
)]

mod export;
mod ingest;
mod killed;
mod support;
