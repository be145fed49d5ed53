//! The pace of refusals on one client connection: who sends credentials that do not hold, fast,
//! gets their refusals late.
//!
//! A refusal is cheap to ask for and costs the gateway about what a good request does. Held back,
//! it costs the sender a request under way instead, of which a connection has few.

use tollgate_limiter::{Gcra, Nanos};
use tollgate_policy::RefusalPace;

use crate::decision::{Decision, Forbidden, Principal, Rejection, Unauthenticated, Verdict};
use crate::error::EngineError;

/// The refusals of one client connection so far. Written by its requests, each once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusals {
    /// The state of the pace's bucket: when it would be full again.
    tat: u64,
}

// === impl Refusals ===

impl Refusals {
    /// How long the answer to `decision` is to be held back, at most `max`; `None` for all but late
    /// refusals of a credential. Call it once for each decision of the connection.
    ///
    /// Each refusal beyond the burst takes the next turn of the pace, whether or not its client
    /// waits for it. One whose turn is further off than `max` takes none and waits `max`, so that no
    /// wait is longer, and that a connection with n requests under way gets at most n refusals in
    /// `max` beyond its pace.
    pub fn wait(&mut self, decision: &Decision, max: Nanos) -> Option<Nanos> {
        let pace = decision.snapshot.refusal_pace.as_ref()?;
        if !decision.refuses_credential() {
            return None;
        }
        self.turn(pace, decision.now.mono, max)
    }

    fn turn(&mut self, pace: &Gcra, now: Nanos, max: Nanos) -> Option<Nanos> {
        // A slower pace may have been in force before: nobody owes more than the longest wait.
        let most = now.0.saturating_add(pace.window().0);
        self.tat = self.tat.min(most.saturating_add(max.0));
        let (reading, after) = pace.decide(self.tat, now, 1);
        match reading.retry_after() {
            None => {
                self.tat = after;
                None
            }
            Some(wait) if wait <= max => {
                self.tat = pace.surcharge(self.tat, now, 1);
                Some(wait)
            }
            Some(_) => Some(max),
        }
    }
}

// === impl Decision ===

impl Decision {
    /// Whether the request is refused because what it shows for an identity does not hold: not for
    /// showing nothing, and not for a limit of a caller who is known.
    #[must_use]
    pub fn refuses_credential(&self) -> bool {
        match &self.verdict {
            Verdict::Unauthenticated(reason) => !matches!(reason, Unauthenticated::MissingToken),
            Verdict::BadRequest(Rejection::Credential(_))
            | Verdict::Forbidden(Forbidden::BucketIdMismatch) => true,
            // The budget of failures: all other limits are those of a caller.
            Verdict::Limit { .. } => matches!(self.principal, Principal::Unknown),
            Verdict::Allow
            | Verdict::Forbidden(Forbidden::BucketIdMissing)
            | Verdict::BadRequest(Rejection::Path(_) | Rejection::Rewritten | Rejection::Claim)
            | Verdict::Unavailable
            | Verdict::Own(_) => false,
        }
    }
}

/// The pace in the form that counts.
pub(crate) fn compile(pace: &RefusalPace) -> Result<Gcra, EngineError> {
    let counted = Gcra::new(pace.rate.count.get(), pace.rate.period, pace.burst.get());
    counted.map_err(|source| EngineError::Limit {
        limit: "refusal_pace".to_owned(),
        plan: "(none)".to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MAX: Nanos = Nanos::from_secs(2);
    const START: Nanos = Nanos::from_secs(1_000);

    /// Twenty a second, three at once.
    fn pace() -> Gcra {
        Gcra::new(20, Duration::from_secs(1), 3).unwrap()
    }

    fn at(millis: u64) -> Nanos {
        Nanos(START.0 + Nanos::from_millis(millis).0)
    }

    /// What `count` refusals at one moment wait, in milliseconds.
    fn waits(refusals: &mut Refusals, now: Nanos, count: usize) -> Vec<u64> {
        let mut turn = || refusals.turn(&pace(), now, MAX).unwrap_or_default().0 / 1_000_000;
        (0..count).map(|_| turn()).collect()
    }

    #[test]
    fn a_burst_is_answered_at_once_and_the_rest_queues_at_the_rate() {
        let mut refusals = Refusals::default();
        let waited = waits(&mut refusals, START, 7);
        assert_eq!(waited, [0, 0, 0, 50, 100, 150, 200]);
        // Whoever comes later stands behind them.
        assert_eq!(waits(&mut refusals, at(120), 2), [130, 180]);
        // Rest makes up for it, up to the burst.
        assert_eq!(waits(&mut refusals, at(10_000), 5), [0, 0, 0, 50, 100]);
    }

    #[test]
    fn one_after_the_other_none_waits_longer_than_one_interval() {
        let (mut refusals, mut now) = (Refusals::default(), START);
        waits(&mut refusals, now, 3);
        for _ in 0..1_000 {
            let wait = refusals.turn(&pace(), now, MAX).unwrap();
            assert_eq!(wait, Nanos::from_millis(50));
            now = Nanos(now.0 + wait.0);
        }
    }

    #[test]
    fn no_wait_is_longer_than_the_longest_however_many_queue() {
        let mut refusals = Refusals::default();
        let waited = waits(&mut refusals, START, 1_000);
        assert_eq!(waited[3 + 39..3 + 42], [2_000, 2_000, 2_000]);
        assert_eq!(waited.iter().max(), Some(&2_000));
        // Those without a turn took none: the queue has moved on by as much as passed.
        assert_eq!(waits(&mut refusals, at(1_000), 2), [1_050, 1_100]);
    }

    #[test]
    fn a_quicker_pace_of_a_reload_is_felt_at_once() {
        let slow = Gcra::new(1, Duration::from_secs(3_600), 1_000).unwrap();
        let mut refusals = Refusals::default();
        for _ in 0..1_001 {
            refusals.turn(&slow, START, MAX);
        }
        assert_eq!(waits(&mut refusals, START, 1), [2_000]);
        assert_eq!(waits(&mut refusals, at(2_150), 2), [0, 0]);
    }
}
