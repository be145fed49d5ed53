//! Bytes both ways after a switch of protocols (RFC 9110 section 7.8).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes};
use tokio_util::sync::CancellationToken;

use crate::observe::{Ending, Record};

/// A tunnel in which nothing moves is closed: WebSocket peers ping far more often.
pub(crate) const TUNNEL_IDLE_MAX: Duration = Duration::from_secs(600);
/// Bytes in flight each way.
const COPY_BYTES: usize = 16 * 1024;

/// Carries bytes between client and origin until one of them ends, nothing moves for
/// `idle_max`, or the worker is cut.
pub(crate) async fn carry(
    client: OnUpgrade,
    origin: OnUpgrade,
    idle_max: Duration,
    cut: CancellationToken,
    mut record: Box<Record>,
) {
    let switched = async { tokio::try_join!(client, origin) };
    let Ok((client, origin)) = switched.await else {
        return;
    };
    let moved = Arc::new(AtomicU64::new(0));
    let mut client = Counted::new(client, &moved);
    let mut origin = Counted::new(origin, &moved);
    let copied = tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut client, &mut origin, COPY_BYTES, COPY_BYTES) => {
            copied.ok()
        }
        () = stillness(&moved, idle_max) => None,
        () = cut.cancelled() => None,
    };
    record.exchange.response_bytes = moved.load(Relaxed);
    if copied.is_some() {
        record.exchange.ending = Ending::Complete;
    }
}

/// Ends when nothing has moved for `idle_max`, at the latest twice that after the last byte.
async fn stillness(moved: &AtomicU64, idle_max: Duration) {
    let mut seen = moved.load(Relaxed);
    loop {
        tokio::time::sleep(idle_max).await;
        let now = moved.load(Relaxed);
        if now == seen {
            return;
        }
        seen = now;
    }
}

/// Counts the bytes read from one side.
struct Counted {
    io: TokioIo<Upgraded>,
    moved: Arc<AtomicU64>,
}

impl Counted {
    fn new(io: Upgraded, moved: &Arc<AtomicU64>) -> Counted {
        Counted {
            io: TokioIo::new(io),
            moved: Arc::clone(moved),
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.moved
            .fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_that_is_still_ends_and_one_that_moves_does_not() {
        let minute = Duration::from_secs(60);
        let moved = AtomicU64::new(0);
        let start = Instant::now();
        stillness(&moved, minute).await;
        assert_eq!(start.elapsed(), minute);
        let moves = async {
            for _ in 0..10 {
                tokio::time::sleep(minute / 2).await;
                moved.fetch_add(1, Relaxed);
            }
        };
        let start = Instant::now();
        tokio::join!(stillness(&moved, minute), moves);
        assert!(start.elapsed() >= 5 * minute);
    }
}
