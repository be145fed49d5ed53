//! Reading a request body that nobody wants, so that the connection can go on after an early
//! answer; within bounds, else the connection closes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::context::ConnContext;
use crate::timer::LazyTimer;

/// Bytes of an unwanted body that are read; a larger one costs less to cut off.
pub(crate) const DISCARD_BYTES_MAX: u64 = 256 * 1024;
/// The same on HTTP/2: what cutting off saves there is dearer, see [`discard_stream`].
const DISCARD_STREAM_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long an unwanted body is waited for.
const DISCARD_MAX: Duration = Duration::from_secs(2);

/// What is to be done about a request body after an early answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterAnswer {
    /// The connection goes on.
    KeepAlive,
    /// The answer must say that the connection closes.
    Close,
}

/// Gets rid of `incoming` on HTTP/1.1 while the answer is on its way.
///
/// The next request is never taken from the body: either hyper reads the body to its end, or
/// the connection closes. A client that waits for `100 Continue` gets its answer without one;
/// whether it then sends the body is its choice (RFC 9110 section 10.1.1), so the connection
/// has to close.
pub(crate) async fn discard(
    mut incoming: Incoming,
    expects_continue: bool,
    conn: &ConnContext,
) -> AfterAnswer {
    let state = &conn.state;
    if incoming.is_end_stream() {
        return AfterAnswer::KeepAlive;
    }
    let announced = incoming.size_hint().lower();
    if expects_continue || announced > DISCARD_BYTES_MAX {
        state.leave_unread();
        return AfterAnswer::Close;
    }
    let mut left = DISCARD_BYTES_MAX;
    // A small body has mostly come with its head: no task is needed then.
    let at_once = poll_fn(|cx| Poll::Ready(drain(&mut incoming, &mut left, cx))).await;
    match at_once {
        Poll::Ready(Drained::All) => AfterAnswer::KeepAlive,
        Poll::Ready(Drained::Not) => {
            state.leave_unread();
            AfterAnswer::Close
        }
        Poll::Pending => {
            let state = Arc::clone(state);
            conn.worker.tasks.spawn(async move {
                if drain_in_time(incoming, left).await == Drained::Not {
                    // Dropping the body makes hyper close after the answer.
                    state.leave_unread();
                }
            });
            AfterAnswer::KeepAlive
        }
    }
}

/// Gets rid of `incoming` on HTTP/2, where the connection goes on in any case.
///
/// Dropping the body resets the stream behind the answer, as RFC 9113 section 8.1 has it. But
/// clients that are still sending then take the reset for a failure and never look at the answer
/// (curl 7.88, httpx 0.28), so the reset waits until they had the time to finish.
pub(crate) fn discard_stream(incoming: Incoming, conn: &ConnContext) {
    if !incoming.is_end_stream() {
        conn.worker.tasks.spawn(async move {
            drain_in_time(incoming, DISCARD_STREAM_BYTES_MAX).await;
        });
    }
}

/// Reads at most `left` bytes, for at most [`DISCARD_MAX`].
async fn drain_in_time(mut incoming: Incoming, mut left: u64) -> Drained {
    let mut timer = LazyTimer::new();
    let deadline = Instant::now() + DISCARD_MAX;
    poll_fn(|cx| {
        if let Poll::Ready(drained) = drain(&mut incoming, &mut left, cx) {
            return Poll::Ready(drained);
        }
        timer.poll_deadline(cx, deadline).map(|()| Drained::Not)
    })
    .await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Drained {
    All,
    Not,
}

fn drain(incoming: &mut Incoming, left: &mut u64, cx: &mut Context<'_>) -> Poll<Drained> {
    loop {
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(None) => return Poll::Ready(Drained::All),
            Poll::Ready(Some(Err(_))) => return Poll::Ready(Drained::Not),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match left.checked_sub(length) {
                    Some(rest) => *left = rest,
                    None => return Poll::Ready(Drained::Not),
                }
                if incoming.is_end_stream() {
                    return Poll::Ready(Drained::All);
                }
            }
            Poll::Pending => return Poll::Pending,
        }
    }
}
