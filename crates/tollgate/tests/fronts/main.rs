//! Real proxies that ask Tollgate about requests which they forward themselves, with the very files of
//! `docs/integrations`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod envoy;
mod forward_auth;
mod health;
mod stage;
mod story;
