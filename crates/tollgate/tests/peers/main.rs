//! Real clients and real servers around the release binary, each a program that users have too.
//!
//! What a program is missing for is said by the failing test; `cargo xtask setup` brings them all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell"
)]

mod behind_nginx;
mod client;
mod client_certificates;
mod clients;
mod expect_continue;
mod front;
mod grpc;
mod load;
mod pressure;
mod refused_uploads;
mod rotation;
mod streaming;
mod tls;
mod websocket;
