//! Asking the engine: the frontend's only calls to it before the answer.

use std::time::Instant;

use http::request::Parts;
use tollgate_engine::limiter::Clock;
use tollgate_engine::{Decision, Engine, KEY_WAIT_MAX, KeyWait, Outcome, RequestHead};

use crate::context::ConnContext;

/// The engine's view of a head.
pub(crate) fn head<'a>(parts: &'a Parts, conn: &'a ConnContext) -> RequestHead<'a> {
    RequestHead {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        peer: conn.peer.ip(),
        certificate: conn.certificate.as_ref(),
    }
}

/// The decision on a request; waits only for the keys of an issuer that nobody has seen yet.
///
/// `started` is when the request began; what passes from then to the verdict is observed as the
/// decision's time.
pub(crate) async fn decide(parts: &Parts, conn: &ConnContext, started: Instant) -> Decision {
    let engine: &Engine = &conn.shared.engine;
    let clock = &conn.shared.clock;
    let head = head(parts, conn);
    let decision = match engine.decide(&head, clock.now()) {
        Outcome::Decided(decision) => decision,
        // Boxed: rare, and its future would make every request's larger.
        Outcome::AwaitKeys(keys) => Box::pin(decide_late(engine, conn, &head, keys)).await,
    };
    engine.observe(&decision, started.elapsed());
    decision
}

async fn decide_late(
    engine: &Engine,
    conn: &ConnContext,
    head: &RequestHead<'_>,
    keys: KeyWait,
) -> Decision {
    // Whether the keys came or the time ran out, what is known now decides.
    let _ = tokio::time::timeout(KEY_WAIT_MAX, keys.wait()).await;
    engine.decide_final(head, conn.shared.clock.now())
}
