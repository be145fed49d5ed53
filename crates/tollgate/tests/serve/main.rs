//! The running gateway: reload, drain, admin listener, logs and traces, as an operator sees them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell"
)]

mod admin;
mod admin_api;
mod api_keys;
mod bad_policies;
mod changes;
mod counts;
mod drain;
mod edge;
mod injection;
mod instances;
mod kept;
mod killed;
mod operated;
mod reload;
mod story;
mod support;
mod traces;
mod turns;
