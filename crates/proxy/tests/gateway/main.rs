//! The data plane over real sockets: a gateway thread, an origin that records raw bytes, and
//! clients that send them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod claimed;
mod client;
mod drain;
mod early;
mod floods;
mod forwarded;
mod frames;
mod grpc;
mod h2;
mod harness;
mod origin;
mod paths;
mod pool;
mod refused;
mod rfc9113;
mod streams;
mod timeouts;
mod tls;
mod under_way;
mod upgrade;
