//! The data plane over real sockets: a gateway thread, an origin that records raw bytes, and
//! clients that send them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod client;
mod harness;
mod origin;
mod refused;
mod forwarded;
mod paths;
mod early;
mod streams;
mod pool;
mod timeouts;
mod drain;
mod upgrade;
