//! Asking the engine about a request that Envoy forwards.

use std::time::Duration;

use tollgate_engine::{Asked, Decision, KEY_WAIT_MAX, KeyWait, Outcome, RequestHead};

use crate::services::Shared;

/// The decision on a request; waits only for the keys of an issuer that nobody has seen yet.
pub(crate) async fn decide(shared: &Shared, head: &RequestHead<'_>, asked: Asked<'_>) -> Decision {
    let engine = &shared.engine;
    let began = shared.clock.now();
    let decision = match engine.decide_as(head, asked, began) {
        Outcome::Decided(decision) => decision,
        // Boxed: rare, and its future would make every question's larger.
        Outcome::AwaitKeys(keys) => Box::pin(decide_late(shared, head, asked, keys)).await,
    };
    let elapsed = shared.clock.now().mono.0.saturating_sub(began.mono.0);
    engine.observe(&decision, Duration::from_nanos(elapsed));
    decision
}

async fn decide_late(
    shared: &Shared,
    head: &RequestHead<'_>,
    asked: Asked<'_>,
    keys: KeyWait,
) -> Decision {
    // Whether the keys came or the time ran out, what is known now decides.
    let _ = tokio::time::timeout(KEY_WAIT_MAX, keys.wait()).await;
    shared
        .engine
        .decide_final_as(head, asked, shared.clock.now())
}
