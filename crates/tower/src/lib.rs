//! Tollgate for Rust services, and over HTTP for other proxies.
//!
//! [`TollgateLayer`] puts the engine around any `tower` service: axum, hyper, tonic. [`CheckService`] answers
//! proxies that ask about requests which they forward themselves, and programs that ask in JSON.
//!
//! ```
//! use std::convert::Infallible;
//! use std::path::Path;
//!
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tollgate_engine::limiter::SystemClock;
//! use tollgate_engine::policy::Policy;
//! use tollgate_engine::{Engine, EngineOptions};
//! use tollgate_tower::{Caller, Peer, TollgateLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::parse("tollgate.yaml", "
//! tollgate: 1
//! origin: http://127.0.0.1:9000 # a layer forwards to its service, whatever stands here
//! identity: {anonymous: {plan: anonymous}}
//! plans:
//!   anonymous: {limits: [{name: burst, rate: 1/s, burst: 1, per: network}]}
//! ", Path::new("."))?;
//! let engine = Engine::new(policy, EngineOptions { threads: 1, ..EngineOptions::default() })?;
//! let layer = TollgateLayer::new(engine, SystemClock::new());
//!
//! let hello = service_fn(async |request: Request<()>| {
//!     let plan = request.extensions().get::<Caller>().and_then(Caller::plan);
//!     let text = format!("hello, {}", plan.unwrap_or("you"));
//!     Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from(text)))
//! });
//! let service = layer.layer(hello);
//!
//! // Whoever accepts the connection says who is at its other end.
//! let mut request = || Request::get("/").extension(Peer(([192, 0, 2, 7], 4711).into())).body(());
//! assert_eq!(service.clone().oneshot(request()?).await?.status(), 200);
//! assert_eq!(service.oneshot(request()?).await?.status(), 429);
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `axum`, [`Caller`] is an extractor and the peer comes from axum's `ConnectInfo`:
//! `examples/axum.rs`.
//!
//! # What the layer does
//!
//! As the gateway does: it removes every field by which a client claims an identity or a limit and adds the
//! verified one, answers 429, 401, 403, 400 and 503 itself (gRPC callers get a status of theirs), waits at
//! most 200 ms for the keys of an issuer that nobody has seen yet, writes the rate-limit fields into answers,
//! and keeps the request's places in concurrency limits until the answer's body has ended or was dropped. A
//! path that was classified in another spelling goes on in that one: put the layer around the whole router
//! and not around its routes, so that the router sees it.
//!
//! # When not to use it
//!
//! It does not fetch issuers' keys: `tollgate-fetch` keeps them fresh. A connection that is upgraded ends for
//! concurrency limits with the answer that upgrades it.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

#[cfg(test)]
mod bench;
mod check;
mod decide;
mod gate;
mod layer;
mod peer;

pub use check::{CheckBody, CheckService, CheckStats, Dialect};
#[cfg(feature = "axum")]
pub use layer::NoCaller;
pub use layer::{Caller, LayerBody, LayerFuture, Tollgate, TollgateLayer};
pub use peer::Peer;
