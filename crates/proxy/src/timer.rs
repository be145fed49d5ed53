//! A deadline that costs next to nothing while it is met.
//!
//! A tokio timer that is created and dropped for every request costs about as much as a
//! decision. Nearly all deadlines here are met within milliseconds, so one timer is kept and
//! left armed where it is as long as that is early enough; when it fires before the deadline
//! of the day, it is moved. Under load that is one wake-up per timeout, not per request.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A re-usable deadline.
#[derive(Debug, Default)]
pub(crate) struct LazyTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl LazyTimer {
    /// A timer that is not armed.
    pub(crate) const fn new() -> LazyTimer {
        LazyTimer { sleep: None }
    }

    /// Ready once `deadline` has passed; else the task is woken then, or earlier.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
