//! Everything outside the gateway that a test, a benchmark or the demo needs: an issuer, an origin, real peers.
//!
//! - [`Issuer`]: an OIDC-like identity provider on loopback, with keys that rotate and faults that switch on at run time.
//! - [`Origin`]: a small orders API on loopback, HTTP/1.1 and h2c, which counts what reached it.
//! - [`Receiver`]: a receiver of webhooks on loopback, which keeps what it was sent.
//! - [`lambda`]: AWS Lambda's Runtime API on loopback, and a function as Lambda starts it.
//! - [`peers`]: nginx, HAProxy, Envoy, PostgreSQL, wrk, Chromium and the gateway's own binary as child processes.
//!
//! The issuer and the origin each run on a thread of their own, so that they answer while a test
//! blocks, and stop when they are dropped. Everything listens on 127.0.0.1 only.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod body;
mod error;
mod held_port;
mod issuer;
mod keys;
pub mod lambda;
mod origin;
pub mod peers;
mod receiver;
mod server;
mod token;
pub mod websocket;

pub use error::TestkitError;
pub use held_port::HeldPort;
pub use issuer::{Fault, Issuer};
pub use keys::{Algorithm, SigningKey};
pub use origin::{Origin, OriginFault};
pub use receiver::{Received, Receiver};
pub use token::{TokenBuilder, replace_claim, sign_hs256};
