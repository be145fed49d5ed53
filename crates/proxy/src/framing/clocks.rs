//! The clocks of one client connection: how long may it take to send, to read, to leave.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::timer::LazyTimer;

/// Bytes read and thrown away after the last answer, so that the close is no reset. A client
/// that writes its whole body before it reads (Node's fetch) never sees the answer to a larger
/// one.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a closing connection is read for.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// The waits of one client connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnTimeouts {
    /// From a head's first byte (or the connection's start) to its last.
    pub(crate) head: Duration,
    /// Between two reads of a body, or two writes of an answer.
    pub(crate) body_idle: Duration,
    /// Between an answer's end and the next head's first byte.
    pub(crate) keep_alive: Duration,
}

/// What a wait for the client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Head,
    Body,
    KeepAlive,
}

/// All of a connection's clocks, on one timer.
#[derive(Debug)]
pub(crate) struct Clocks {
    times: ConnTimeouts,
    read: Option<(Wait, Instant)>,
    write: Option<Instant>,
    linger: Option<(Instant, usize)>,
    timer: LazyTimer,
}

impl Clocks {
    pub(crate) fn new(times: ConnTimeouts) -> Clocks {
        Clocks {
            times,
            read: None,
            write: None,
            linger: None,
            timer: LazyTimer::new(),
        }
    }

    /// The connection begins: so does the wait for its first head.
    pub(crate) fn start(&mut self) {
        self.read = Some((Wait::Head, Instant::now()));
    }

    /// The wait that has lasted too long, once one has; `None` while the client waits for us.
    pub(crate) fn poll_read(&mut self, wait: Option<Wait>, cx: &mut Context<'_>) -> Poll<Wait> {
        let Some(wait) = wait else {
            self.read = None;
            return Poll::Pending;
        };
        let since = match self.read {
            Some((waited_for, since)) if waited_for == wait => since,
            _ => Instant::now(),
        };
        self.read = Some((wait, since));
        let allowed = match wait {
            Wait::Head => self.times.head,
            Wait::Body => self.times.body_idle,
            Wait::KeepAlive => self.times.keep_alive,
        };
        ready!(self.timer.poll_deadline(cx, since + allowed));
        Poll::Ready(wait)
    }

    /// Bytes arrived. A head's clock runs on while it is `unfinished`, however steadily it
    /// drips; a body's starts anew with each of them.
    pub(crate) fn note_read(&mut self, unfinished: bool) {
        if !unfinished || !matches!(self.read, Some((Wait::Head, _))) {
            self.read = None;
        }
    }

    /// What is waited for next has a clock of its own.
    pub(crate) fn forget_read(&mut self) {
        self.read = None;
    }

    /// Ready when the client has taken nothing for too long.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.write.get_or_insert_with(Instant::now);
        self.timer.poll_deadline(cx, since + self.times.body_idle)
    }

    /// The client took something.
    pub(crate) fn note_write(&mut self) {
        self.write = None;
    }

    /// Whether our side is closed and the client's is being read to its end.
    pub(crate) fn is_lingering(&self) -> bool {
        self.linger.is_some()
    }

    /// Begins to linger, or goes on; false when enough has been read.
    pub(crate) fn may_linger(&mut self) -> bool {
        let begin = || (Instant::now() + LINGER_MAX, LINGER_BYTES_MAX);
        self.linger.get_or_insert_with(begin).1 > 0
    }

    /// So many bytes were read and thrown away.
    pub(crate) fn lingered(&mut self, bytes: usize) {
        if let Some((_, left)) = &mut self.linger {
            *left = left.saturating_sub(bytes);
        }
    }

    /// Ready when lingering has lasted long enough.
    pub(crate) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.linger {
            Some((deadline, _)) => self.timer.poll_deadline(cx, deadline),
            None => Poll::Ready(()),
        }
    }
}
