//! The issuer, the origin and the spawned peers over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod client;
mod issuer;
mod origin;
mod peers;
