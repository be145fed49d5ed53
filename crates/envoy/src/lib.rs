//! The engine behind Envoy, over gRPC: external authorization, the global rate limit service and the
//! quota service.
//!
//! Envoy asks, Tollgate decides: a frontend without a path to an origin. [`Services`] answers what is asked on a
//! connection of any listener, and is a `tower::Service` for requests that come without one; it shares its state
//! between runtimes and spawns nothing. This crate is the only one that knows protobuf, and everything
//! of it that the rest needs stands in [`messages`].
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod ask;
mod authz;
mod connection;
mod health;
pub mod messages;
mod metadata;
mod question;
mod quota;
mod rate_limit;
mod reply;
mod services;
mod stats;
#[cfg(test)]
mod testing;
mod unary;

pub use connection::Patience;
pub use health::HealthHandle;
pub use reply::ReplyBody;
pub use services::{Peer, Services};
pub use stats::{Counter, Gauge, Stats};
