//! Asking the engine: the frontend's only calls to it before the answer.

use http::request::Parts;
use tollgate_engine::{Decision, Engine, KEY_WAIT_MAX, KeyWait, Outcome, RequestHead};
use tollgate_limiter::{Clock, Nanos};

use crate::context::ConnContext;

/// The engine's view of a head.
pub(crate) fn head<'a>(parts: &'a Parts, conn: &ConnContext) -> RequestHead<'a> {
    RequestHead {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        peer: conn.peer.ip(),
    }
}

/// The decision on a request; waits only for the keys of an issuer that nobody has seen yet.
pub(crate) async fn decide(parts: &Parts, conn: &ConnContext) -> Decision {
    let engine: &Engine = &conn.shared.engine;
    let clock = &conn.shared.clock;
    let head = head(parts, conn);
    let start = clock.now();
    let decision = match engine.decide(&head, start) {
        Outcome::Decided(decision) => decision,
        // Boxed: rare, and its future would make every request's larger.
        Outcome::AwaitKeys(keys) => Box::pin(decide_late(engine, conn, &head, keys)).await,
    };
    let elapsed = clock.now().mono.0.saturating_sub(start.mono.0);
    engine.observe(&decision, Nanos(elapsed).into());
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
