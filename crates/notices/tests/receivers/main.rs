//! Notices on their way from the store to real receivers: HTTP servers and a mail server, which `cargo xtask setup`
//! installs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod documented;
mod email;
mod loops;
mod receiver;
mod support;
mod webhook;
