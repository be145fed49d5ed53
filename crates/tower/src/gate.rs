//! The engine with its clock: what the layer and the services ask.

use std::sync::Arc;

use tokio::time::Instant;
use tollgate_engine::limiter::{Clock, Now};
use tollgate_engine::{Asked, Decision, Engine, KEY_WAIT_MAX, Outcome, RequestHead};

/// Shared by all clones of a service.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
}

/// Until when keys that nobody has seen yet are waited for: one wait, however many requests there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(Instant);

// === impl Patience ===

impl Patience {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        Self(Instant::now() + KEY_WAIT_MAX)
    }
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new(engine: Arc<Engine>, clock: impl Clock + 'static) -> Self {
        Self {
            engine,
            clock: Arc::new(clock),
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Decides a request that somebody else forwards; waits only for the keys of an issuer that nobody has
    /// seen yet.
    pub(crate) async fn decide(
        &self,
        head: &RequestHead<'_>,
        asked: Asked<'_>,
        patience: Patience,
    ) -> Decision {
        let started = self.now();
        let decision = match self.engine.decide_as(head, asked, started) {
            Outcome::Decided(decision) => decision,
            Outcome::AwaitKeys(keys) => {
                // Whether the keys came or the time ran out, what is known now decides.
                let _ = tokio::time::timeout_at(patience.0, keys.wait()).await;
                self.engine.decide_final_as(head, asked, self.now())
            }
        };
        self.observe(&decision, started);
        decision
    }

    /// Counts a decision that was begun at `started`.
    pub(crate) fn observe(&self, decision: &Decision, started: Now) {
        let took = self.now().mono.0.saturating_sub(started.mono.0);
        self.engine
            .observe(decision, std::time::Duration::from_nanos(took));
    }
}
