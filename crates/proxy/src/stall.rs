//! Streams of an HTTP/2 connection that nobody moves.
//!
//! A client can open streams, grant them no credit and answer pings for ever; each then holds
//! an answer and a connection to the origin. hyper polls a blocked stream only when something
//! happens to it, so a stream that has not been polled for a while has not moved for as long.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::Instant;

use crate::timer::LazyTimer;

/// Runs an HTTP/2 connection's streams, each in a task of its own, and ends those that do not
/// move for `still_max`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamExecutor {
    pub(crate) still_max: Duration,
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        tokio::spawn(Watched {
            stream: Box::pin(stream),
            still_max: self.still_max,
            deadline: None,
            timer: LazyTimer::new(),
        });
    }
}

/// A stream and its clock. Dropping the stream resets it.
struct Watched<F> {
    stream: Pin<Box<F>>,
    still_max: Duration,
    deadline: Option<Instant>,
    timer: LazyTimer,
}

impl<F: Future> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        // The timer's own wake-up is told from the stream's by asking the timer first.
        if let Some(deadline) = this.deadline
            && this.timer.poll_deadline(cx, deadline).is_ready()
        {
            return Poll::Ready(());
        }
        if this.stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let deadline = Instant::now() + this.still_max;
        this.deadline = Some(deadline);
        this.timer.poll_deadline(cx, deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nothing_happens_to_is_dropped() {
        let (alive, mut dropped) = tokio::sync::oneshot::channel::<()>();
        let executor = StreamExecutor {
            still_max: Duration::from_secs(30),
        };
        executor.execute(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        let start = Instant::now();
        assert!((&mut dropped).await.is_err());
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_moves_lives() {
        let (done, finished) = tokio::sync::oneshot::channel::<()>();
        let executor = StreamExecutor {
            still_max: Duration::from_secs(30),
        };
        executor.execute(async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
            let _ = done.send(());
        });
        assert!(finished.await.is_ok());
    }
}
