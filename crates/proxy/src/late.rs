//! Refusals that come late: who has credentials refused too fast waits for the answers.
//!
//! One exchange waits, and nothing else of its connection. The wait is over at once when the client
//! leaves, since hyper then drops the exchange, and when the worker drains. Nobody is cut off for
//! it: a connection may be that of a proxy with other clients on it, and opening the next one costs
//! the gateway more than the refusal does.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_engine::Decision;

use crate::context::ConnContext;

/// The longest that a refusal is held back.
pub(crate) const LATE_MAX: Duration = Duration::from_secs(2);

/// The longest on a connection whose streams may stand still for `body_idle`: a stream that waits
/// must not be taken for one that nobody moves (see `stall`).
pub(crate) fn longest(body_idle: Duration) -> Duration {
    LATE_MAX.min(body_idle)
}

/// How long the answer to `decision` is to be held back; `None` for all but late refusals. Asked
/// once for each decision.
pub(crate) fn due(conn: &ConnContext, decision: &Decision) -> Option<Duration> {
    let wait = conn.refusals.lock().wait(decision, conn.late_max.into());
    wait.map(Duration::from)
}

/// Returns after `wait`, or as soon as the worker drains.
pub(crate) async fn hold(conn: &ConnContext, wait: Duration) {
    let deadline = Instant::now() + wait;
    let mut timer = conn.take_timer();
    let mut draining = pin!(conn.worker.draining.cancelled());
    poll_fn(|cx| match draining.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => timer.poll_deadline(cx, deadline),
    })
    .await;
    conn.put_timer(timer);
}

#[cfg(test)]
mod tests;
