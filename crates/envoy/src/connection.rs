//! Connections of those who ask: HTTP/2 by the `h2` crate, without a task for each call.
//!
//! A data plane has a few connections with many short calls under way on each, and nearly all of them are answered by
//! what is in memory. So they are answered where they are read: all calls that have come, then their answers together.
//! A call that has to wait (for the rest of its message, for keys that nobody has seen yet, for its stream) waits
//! beside the connection, in the same task, and ends with it.

mod call;
mod one_piece;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use h2::server::{Builder, Connection};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use self::call::Upload;
use self::one_piece::OnePiece;
use crate::services::{Call, Peer, Services};

/// Calls under way on one connection: a proxy asks for all of its clients on a few of them.
const CALLS_MAX: u32 = 1_024;
/// Calls of one connection after which others have their turn on the thread.
const CALLS_PER_TURN: usize = 256;
/// Bytes of messages that a connection, and one call, may send before they are read.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of a call's fields.
const FIELDS_BYTES_MAX: u32 = 16 * 1024;
/// Where nothing was asked for so long, the other end is asked whether it is still there, and has so long to say so.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection is kept on which nothing is asked.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the connection's start to the first call.
    pub first: Duration,
    /// From there to another one, and so on.
    pub next: Duration,
}

/// A call until it is answered.
type Answer<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A connection, and the calls on it.
struct Conversation<'a, T> {
    services: &'a Services,
    peer: Peer,
    connection: Connection<OnePiece<T>, Bytes>,
    /// Calls that have come and wait for nothing yet.
    fresh: Vec<Answer<'a>>,
    waiting: FuturesUnordered<Answer<'a>>,
    /// Calls so far.
    asked: &'a AtomicU64,
}

impl Services {
    /// Answers what is asked on a connection, until its other end leaves or asks nothing any more; once `drained` is
    /// ready, until what was asked is answered.
    ///
    /// Whatever goes wrong is the other end's own: it hung up, or does not speak HTTP/2.
    pub async fn converse<T>(
        &self,
        stream: T,
        peer: SocketAddr,
        patience: Patience,
        drained: impl Future<Output = ()>,
    ) where
        T: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(CALLS_MAX)
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(FIELDS_BYTES_MAX);
        let mut deadline = Instant::now() + patience.first;
        let mut drained = pin!(drained);
        let mut connection = tokio::select! {
            biased;
            made = timeout_at(deadline, builder.handshake(OnePiece(stream))) => match made {
                Ok(Ok(connection)) => connection,
                _ => return,
            },
            () = &mut drained => return,
        };
        let asked = AtomicU64::new(0);
        let mut silence = pin!(silence(connection.ping_pong(), &asked));
        let mut conversation = Conversation {
            services: self,
            peer: Peer(peer),
            connection,
            fresh: Vec::new(),
            waiting: FuturesUnordered::new(),
            asked: &asked,
        };
        let mut seen = 0;
        loop {
            tokio::select! {
                biased;
                () = poll_fn(|context| conversation.poll(context)) => return,
                () = &mut drained => break,
                () = &mut silence => return,
                () = sleep_until(deadline) => {}
            }
            match asked.load(Ordering::Relaxed) {
                0 => return,
                // Nothing new for so long; a call that is under way goes on to its end.
                count if count == seen => break,
                count => (seen, deadline) = (count, Instant::now() + patience.next),
            }
        }
        conversation.connection.graceful_shutdown();
        tokio::select! {
            () = poll_fn(|context| conversation.poll(context)) => {}
            () = silence => {}
        }
    }
}

/// Ends when the other end does not answer in time whether it is still there.
async fn silence(pings: Option<PingPong>, asked: &AtomicU64) {
    let Some(mut pings) = pings else {
        return std::future::pending().await;
    };
    let mut seen = 0;
    loop {
        sleep(PING_INTERVAL).await;
        let count = asked.load(Ordering::Relaxed);
        if count == seen
            && timeout(PING_TIMEOUT, pings.ping(Ping::opaque()))
                .await
                .is_err()
        {
            return;
        }
        seen = count;
    }
}

// === impl Conversation ===

impl<T: AsyncRead + AsyncWrite + Unpin> Conversation<'_, T> {
    /// Ready when the connection has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut room = CALLS_PER_TURN;
        while room > 0 {
            // Those that wait come first: reading may use up what one turn may do.
            let mut moved = false;
            while let Poll::Ready(Some(())) = self.waiting.poll_next_unpin(context) {
                moved = true;
            }
            // Reads, and writes what was answered before.
            while self.fresh.len() < room
                && let Poll::Ready(call) = self.connection.poll_next_unpin(context)
            {
                let Some(Ok((request, reply))) = call else {
                    return Poll::Ready(());
                };
                let call = Call::new(request.map(Upload));
                let answer = call::answer(call, reply, self.services, self.peer);
                self.fresh.push(Box::pin(answer));
            }
            room -= self.fresh.len();
            moved |= self.answer_fresh(context);
            if !moved {
                return Poll::Pending;
            }
        }
        let ended = self.connection.poll_closed(context);
        context.waker().wake_by_ref();
        ended.map(|_| ())
    }

    /// Answers fresh calls as far as they can be answered at once; whether there were any.
    fn answer_fresh(&mut self, context: &mut Context<'_>) -> bool {
        let calls = self.fresh.len();
        for mut call in self.fresh.drain(..) {
            if call.as_mut().poll(context).is_pending() {
                self.waiting.push(call);
            }
        }
        self.asked.fetch_add(calls as u64, Ordering::Relaxed);
        calls > 0
    }
}

#[cfg(test)]
mod tests;
