//! The data plane: listeners, strict framing, TLS, connections to the origin, drain.
//!
//! One [`Worker`] a core, each on a current-thread runtime with sockets
//! ([`bind_reuseport`]) and connections of its own; [`Shared`] is what they have in common.
//! Every decision is the engine's: nothing here knows what a limit is.
//!
//! A request's way, and the room of each step:
//! - `listener`, `worker`, `handshake`, `serve`: a connection, its protocol, its end.
//! - `framing`: bytes with more than one reading never reach hyper.
//! - `sanitise`, `host`, `hop`: heads that contradict themselves.
//! - `decide`: the engine's verdict; `respond`: our own faults as answers.
//! - `forward`, `request_body`, `upstream`: to the origin.
//! - `encode`, `body`, `observe`: back to the client, and on the record.
//! - `websocket`, `tunnel`: switched protocols.
//! - `certificate_end`, `discard`, `late`, `stall`, `timer`: what happens when somebody does not do
//!   their part.
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
mod certificate_end;
mod conn_state;
mod context;
mod decide;
mod discard;
mod encode;
mod error;
mod forward;
mod framing;
mod handshake;
mod hop;
mod host;
mod late;
mod listener;
mod observe;
mod request_body;
mod request_id;
mod respond;
mod sanitise;
mod serve;
mod service;
mod stall;
mod timer;
mod tls;
mod tunnel;
mod upstream;
mod websocket;
mod worker;

pub use context::{Shared, SharedOptions};
pub use error::{ProxyError, ReloadError};
pub use handshake::shake_hands;
pub use listener::{accept, bind_reuseport};
pub use observe::{CLIENT_CLOSED_REQUEST, Ending, Exchange, Observer, Unobserved};
pub use request_id::RequestId;
pub use tls::{Offers, ServerTls};
pub use upstream::check::check_health;
pub use worker::{Worker, WorkerListener};
