//! One HTTP/1.1 connection to an endpoint, driven by the request that uses it.
//!
//! hyper hands out a request handle and a connection future, and the usual way is to spawn the
//! latter; then each request costs two switches between tasks and a waker each. Here both
//! halves stay together and whoever waits for the answer polls the connection itself.
//!
//! Results travel from the connection to the handle, and back, only within such a poll. Yet each
//! half wakes the other's waker, which is the very task that is running, and that task would be
//! polled twice as often as anything happens. So the handle always gets a waker that does
//! nothing, and the connection gets the real one only when nothing is left to do but wait.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use http_body::{Body as _, Frame};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::connect::OriginIo;
use crate::request_body::RequestBody;

/// Bytes that hyper may buffer of an answer's head, or of a body in either direction.
const BUFFER_BYTES_MAX: usize = 128 * 1024;

/// A connection and its handle.
#[derive(Debug)]
pub(crate) struct H1Conn {
    handle: SendRequest<RequestBody>,
    connection: Connection<TokioIo<OriginIo>, RequestBody>,
    ended: bool,
    /// The endpoint's sweep after which it was last put aside.
    pub(crate) idle_since_sweep: u32,
}

impl H1Conn {
    /// Speaks HTTP/1.1 over `io`.
    pub(crate) async fn over(io: OriginIo) -> io::Result<H1Conn> {
        let (handle, connection) = Builder::new()
            .max_buf_size(BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(io))
            .await
            .map_err(io::Error::other)?;
        Ok(H1Conn {
            handle,
            connection,
            ended: false,
            idle_since_sweep: 0,
        })
    }

    /// Lets the connection do what it can; `cx` is woken when it can do more.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        // An error reaches whoever waits through the handle or the body; here it only means
        // that the connection is not to be used again.
        if !self.ended && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.ended = true;
        }
    }

    /// Lets the connection do what it can; nobody is woken. Not to be waited on after.
    pub(crate) fn drive_quietly(&mut self) {
        self.drive(&mut Context::from_waker(Waker::noop()));
    }

    /// Whether another request may be sent now.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ended && self.handle.is_ready()
    }

    /// Begins an exchange.
    pub(crate) fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>
    + Send
    + use<> {
        self.handle.try_send_request(request)
    }

    /// Waits for the answer's head; `first` right after [`H1Conn::send`], when there is certainly
    /// something to wait for.
    pub(crate) fn poll_answer<F: Future>(
        &mut self,
        mut answer: Pin<&mut F>,
        first: bool,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let quiet = &mut Context::from_waker(Waker::noop());
        if !first {
            self.drive_quietly();
            if let Poll::Ready(answer) = answer.as_mut().poll(quiet) {
                return Poll::Ready(answer);
            }
        }
        self.drive(cx);
        answer.poll(quiet)
    }

    /// Waits for the next frame of the answer's body.
    pub(crate) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let quiet = &mut Context::from_waker(Waker::noop());
        // What the connection has read already needs no drive.
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(quiet) {
            return Poll::Ready(frame);
        }
        self.drive_quietly();
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(quiet) {
            return Poll::Ready(frame);
        }
        self.drive(cx);
        Pin::new(body).poll_frame(quiet)
    }
}
