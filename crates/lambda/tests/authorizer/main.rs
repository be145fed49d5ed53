//! The authorizer's own binary under a Runtime API on loopback, asked as API Gateway asks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod cache;
mod events;
mod fixtures;
mod gateway;
mod keys;
mod start;
mod support;
mod verdicts;
