//! The running gateway: reload, drain, admin listener, logs and traces, as an operator sees them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod admin;
mod admin_api;
mod api_keys;
mod counts;
mod drain;
mod edge;
mod kept;
mod operated;
mod reload;
mod story;
mod support;
mod traces;
