//! The gate itself: a stream around the client's socket that lets hyper see only requests
//! with one reading, and that keeps the connection's clocks.
//!
//! What happens to a refused head: its bytes are never delivered. In their place hyper gets a
//! minimal well-formed request, the refusal is recorded under the head's index, and nothing
//! that follows is ever read as a request. hyper serves requests strictly in order, so earlier
//! pipelined requests are answered first; the service then sees the recorded index and answers
//! 400 (or 405, 408, 431, 505) with `Connection: close`. Substituting keeps the answer's shape
//! ours; an EOF in its place would make hyper abort the answers still under way.
//!
//! Bytes of an unfinished head are kept here, not delivered: hyper never parses half a head,
//! and a verdict cannot depend on how the bytes were split. In the common case, a whole head
//! in one read, nothing is copied.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clocks::{Clocks, ConnTimeouts, Wait};
use super::follow::{Follower, Stop};
use super::head::HeadLimits;
use super::refusal::Refusal;
use crate::conn_state::{ConnState, Hold};

/// What hyper is given in place of a refused head.
const SUBSTITUTE: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";
/// Bytes read at once while a head is kept back.
const KEPT_READ_BYTES: usize = 4 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Following requests.
    Http,
    /// After the substitute: nothing more is read.
    Refused,
    /// The protocol was switched.
    Tunnel,
    /// HTTP/2: framing is hyper's business, only writes are timed.
    Transparent,
}

/// The gate around one client connection.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    io: S,
    state: Arc<ConnState>,
    follower: Follower,
    mode: Mode,
    /// Read but not yet delivered; the first `cleared` bytes may be.
    kept: BytesMut,
    cleared: usize,
    /// Error to report once the cleared bytes are delivered.
    broken: bool,
    clocks: Clocks,
}

impl<S> Gate<S> {
    /// A gate around `io`, of which `kept` has been read already.
    pub(crate) fn new(
        io: S,
        kept: BytesMut,
        state: Arc<ConnState>,
        limits: HeadLimits,
        times: ConnTimeouts,
    ) -> Gate<S> {
        let mut gate = Gate {
            io,
            state,
            follower: Follower::new(limits),
            mode: Mode::Http,
            kept,
            cleared: 0,
            broken: false,
            clocks: Clocks::new(times),
        };
        gate.judge_kept();
        gate.clocks.start();
        gate
    }

    /// A gate that judges nothing.
    pub(crate) fn transparent(
        io: S,
        kept: BytesMut,
        state: Arc<ConnState>,
        times: ConnTimeouts,
    ) -> Gate<S> {
        let limits = HeadLimits {
            bytes_max: 0,
            fields_max: 0,
        };
        let mut gate = Gate::new(io, BytesMut::new(), state, limits, times);
        gate.mode = Mode::Transparent;
        gate.cleared = kept.len();
        gate.kept = kept;
        gate
    }

    /// Judges the kept bytes beyond the cleared ones.
    fn judge_kept(&mut self) {
        if self.kept.len() == self.cleared {
            return;
        }
        let (cleared, stop) = self.follower.follow(&self.kept[self.cleared..]);
        self.cleared += cleared;
        if cleared > 0 {
            // What remains is another head, with a clock of its own.
            self.clocks.forget_read();
        }
        self.stop(stop);
    }

    fn stop(&mut self, stop: Option<Stop>) {
        match stop {
            None | Some(Stop::Partial) => {}
            Some(Stop::Upgrade) => self.state.hold_after(self.follower.heads() - 1),
            Some(Stop::RefusedHead(refusal)) => self.refuse(refusal),
            Some(Stop::RefusedBody(refusal)) => {
                self.state.refuse_body(refusal);
                self.state.leave_unread();
                self.kept.truncate(self.cleared);
                self.broken = true;
            }
        }
    }

    /// Puts the substitute in place of everything that was not cleared.
    fn refuse(&mut self, refusal: Refusal) {
        self.state.refuse_head(self.follower.heads(), refusal);
        self.state.leave_unread();
        self.kept.truncate(self.cleared);
        self.kept.extend_from_slice(SUBSTITUTE);
        self.cleared = self.kept.len();
        self.mode = Mode::Refused;
    }

    /// Hands out cleared bytes; false if there are none.
    fn deliver(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let length = self.cleared.min(out.remaining());
        if length == 0 {
            return false;
        }
        out.put_slice(&self.kept[..length]);
        self.kept.advance(length);
        self.cleared -= length;
        if self.kept.is_empty() {
            // Thousands of connections keep nothing most of the time.
            self.kept = BytesMut::new();
        }
        true
    }

    /// Judges what was just read into `out` after its first `before` bytes, keeps back what
    /// may not pass, and says whether anything may.
    fn judge_read(&mut self, out: &mut ReadBuf<'_>, before: usize) -> bool {
        let fresh = &out.filled()[before..];
        let (cleared, stop) = self.follower.follow(fresh);
        if cleared < fresh.len() {
            self.kept.extend_from_slice(&fresh[cleared..]);
            out.set_filled(before + cleared);
        }
        self.stop(stop);
        cleared > 0
    }

    /// What a wait for the client would be for now; `None` while the client waits for us.
    fn wait_kind(&self) -> Option<Wait> {
        if self.follower.in_body() {
            Some(Wait::Body)
        } else if !self.kept.is_empty() || self.follower.heads() == 0 {
            Some(Wait::Head)
        } else if self.state.is_active() {
            None
        } else {
            Some(Wait::KeepAlive)
        }
    }

    /// The client has sent nothing: ready with the wait that has lasted too long.
    fn poll_read_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Wait> {
        let kind = self.wait_kind();
        self.clocks.poll_read(kind, cx)
    }
}

impl<S: AsyncRead + Unpin> Gate<S> {
    /// Reads while part of a head is kept back.
    fn poll_read_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [0_u8; KEPT_READ_BYTES];
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        self.kept.extend_from_slice(buffer.filled());
        let length = buffer.filled().len();
        if length > 0 {
            self.judge_kept();
        }
        Poll::Ready(Ok(length))
    }

    fn poll_read_http(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.deliver(out) {
                return Poll::Ready(Ok(()));
            }
            if self.broken {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            match (self.mode, self.state.hold()) {
                // The answer is under way and closes the connection.
                (Mode::Refused, _) => return Poll::Pending,
                (Mode::Tunnel | Mode::Transparent, _) => {
                    return Pin::new(&mut self.io).poll_read(cx, out);
                }
                (Mode::Http, Hold::Waiting) => {
                    self.state.wait(cx);
                    return Poll::Pending;
                }
                (Mode::Http, Hold::Tunnel) => {
                    self.mode = Mode::Tunnel;
                    self.cleared = self.kept.len();
                    continue;
                }
                (Mode::Http, Hold::Resume) => {
                    self.state.open();
                    self.judge_kept();
                    continue;
                }
                (Mode::Http, Hold::Open) => {}
            }
            let read = if self.kept.is_empty() {
                let before = out.filled().len();
                match Pin::new(&mut self.io).poll_read(cx, out) {
                    Poll::Ready(Ok(())) if out.filled().len() == before => Poll::Ready(Ok(0)),
                    Poll::Ready(Ok(())) => {
                        let passed = self.judge_read(out, before);
                        self.clocks.note_read(!self.kept.is_empty());
                        if passed {
                            return Poll::Ready(Ok(()));
                        }
                        continue;
                    }
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => Poll::Pending,
                }
            } else {
                self.poll_read_kept(cx)
            };
            match read {
                // An unfinished head is no request: the end of the stream says nothing more.
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => self.clocks.note_read(!self.kept.is_empty()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => match ready!(self.poll_read_deadline(cx)) {
                    Wait::Head if self.kept.is_empty() => return Poll::Ready(Ok(())),
                    Wait::Head => self.refuse(Refusal::HeadTimeout),
                    Wait::KeepAlive => return Poll::Ready(Ok(())),
                    Wait::Body => {
                        self.state.refuse_body(Refusal::BodyTimeout);
                        self.state.leave_unread();
                        self.broken = true;
                    }
                },
            }
        }
    }

    /// Reads and discards what the client still sends, so that closing does not reset the
    /// connection under the answer (RFC 9112 section 9.6).
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0_u8; KEPT_READ_BYTES];
        while self.clocks.may_linger() {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.clocks.lingered(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.clocks.poll_linger(cx),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_http(cx, out)
    }
}

impl<S: AsyncWrite + Unpin> Gate<S> {
    /// Bounds how long the client may refuse to take an answer.
    fn bound_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() || self.mode == Mode::Tunnel {
            self.clocks.note_write();
            return written;
        }
        ready!(self.clocks.poll_write(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.bound_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.bound_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.bound_write(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.clocks.is_lingering() {
            let closed = Pin::new(&mut self.io).poll_shutdown(cx);
            ready!(self.bound_write(cx, closed))?;
        }
        if matches!(self.mode, Mode::Http | Mode::Refused) && self.state.is_unread() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
