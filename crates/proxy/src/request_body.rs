//! A request's body on its way to the origin: streamed, counted, bounded in size and in idleness.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::Instant;
use tollgate_engine::{Decision, Snapshot};

use crate::hop;
use crate::timer::LazyTimer;

/// What the origin's connection reads the body from.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// No body.
    Empty,
    /// The client's, as it comes.
    Streaming(Box<Upload>),
}

/// A body under way.
#[derive(Debug)]
pub(crate) struct Upload {
    incoming: Incoming,
    /// Its policy says which fields are ours.
    snapshot: Arc<Snapshot>,
    bytes_left: u64,
    /// Only for HTTP/2: on HTTP/1.1 the gate keeps this clock.
    idle: Option<Idle>,
    progress: Arc<UploadProgress>,
}

#[derive(Debug)]
struct Idle {
    limit: Duration,
    since: Option<Instant>,
    timer: LazyTimer,
}

/// What others may know of a body under way.
#[derive(Debug, Default)]
pub(crate) struct UploadProgress {
    bytes: AtomicU64,
    failure: AtomicU8,
    /// The task that waits for the answer, where another one sends the body.
    waiting: Mutex<Option<Waker>>,
}

/// Why a body under way broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UploadFailure {
    #[error("the request body is larger than allowed")]
    TooLarge = 1,
    #[error("the request body stopped arriving")]
    Idle,
    #[error("the client broke off the request body")]
    Client,
}

// === impl UploadProgress ===

impl UploadProgress {
    /// Why the body broke off, if it did.
    pub(crate) fn failure(&self) -> Option<UploadFailure> {
        match self.failure.load(Relaxed) {
            1 => Some(UploadFailure::TooLarge),
            2 => Some(UploadFailure::Idle),
            3 => Some(UploadFailure::Client),
            _ => None,
        }
    }

    /// Bytes handed to the origin's connection.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Wakes this task when more bytes are handed on.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        *self.waiting.lock() = Some(cx.waker().clone());
    }

    fn more(&self, bytes: u64) {
        if bytes == 0 {
            // An empty frame moves nothing.
            return;
        }
        self.bytes.fetch_add(bytes, Relaxed);
        let waiting = self.waiting.lock().take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    fn fail<T>(&self, failure: UploadFailure) -> Poll<Option<Result<T, UploadFailure>>> {
        self.failure.store(failure as u8, Relaxed);
        Poll::Ready(Some(Err(failure)))
    }
}

// === impl RequestBody ===

impl RequestBody {
    /// The body `incoming`, of at most `bytes_max` bytes; `idle` bounds the wait between two
    /// frames where nobody else does.
    pub(crate) fn new(
        incoming: Incoming,
        decision: &Decision,
        bytes_max: Option<u64>,
        idle: Option<Duration>,
    ) -> (RequestBody, Option<Arc<UploadProgress>>) {
        if incoming.is_end_stream() {
            return (RequestBody::Empty, None);
        }
        let progress = Arc::new(UploadProgress::default());
        let upload = Upload {
            incoming,
            snapshot: Arc::clone(&decision.snapshot),
            bytes_left: bytes_max.unwrap_or(u64::MAX),
            idle: idle.map(|limit| Idle {
                limit,
                since: None,
                timer: LazyTimer::new(),
            }),
            progress: Arc::clone(&progress),
        };
        (RequestBody::Streaming(Box::new(upload)), Some(progress))
    }
}

impl Upload {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadFailure>>> {
        let mut frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(_))) => return self.progress.fail(UploadFailure::Client),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return self.poll_idle(cx),
        };
        if let Some(idle) = &mut self.idle {
            idle.since = None;
        }
        if let Some(data) = frame.data_ref() {
            let length = data.len() as u64;
            let Some(left) = self.bytes_left.checked_sub(length) else {
                return self.progress.fail(UploadFailure::TooLarge);
            };
            self.bytes_left = left;
            self.progress.more(length);
        } else if let Some(trailers) = frame.trailers_mut() {
            hop::strip_request_trailers(trailers, |name| self.snapshot.is_ours(name));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn poll_idle<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, UploadFailure>>> {
        let Some(idle) = &mut self.idle else {
            return Poll::Pending;
        };
        let since = *idle.since.get_or_insert_with(Instant::now);
        match idle.timer.poll_deadline(cx, since + idle.limit) {
            Poll::Ready(()) => self.progress.fail(UploadFailure::Idle),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadFailure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFailure>>> {
        match self.get_mut() {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Streaming(upload) => upload.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Streaming(upload) => upload.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Streaming(upload) => upload.incoming.size_hint(),
        }
    }
}
