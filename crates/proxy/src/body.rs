//! An answer's body on its way to the client: empty, whole, or streamed from the origin.
//!
//! An enum, not a box: nearly every exchange passes one. Its end is the exchange's end, so it
//! carries the record that reports it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::observe::{Ending, Record};
use crate::request_body::UploadProgress;
use crate::timer::LazyTimer;
use crate::upstream::worker_endpoint::Lease;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Body {
    kind: Kind,
    record: Option<Box<Record>>,
}

#[derive(Debug)]
enum Kind {
    Empty,
    Whole(Bytes),
    Origin(OriginBody),
    /// The origin broke off; what came before is being flushed.
    Broken(BodyError),
}

#[derive(Debug)]
struct OriginBody {
    incoming: Incoming,
    /// The connection that the body comes from, until it has given everything.
    lease: Lease,
    idle_max: Duration,
    waiting: Option<Waiting>,
    timer: LazyTimer,
}

/// The wait for the next piece.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    /// Bytes of the request's own body that had gone to the origin by then.
    uploaded: u64,
}

/// Why an answer breaks off; the client sees a connection that ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the origin broke off its answer")]
    Broken,
    #[error("the origin's answer stopped arriving")]
    Idle,
}

// === impl Body ===

impl Body {
    /// Bytes of our own.
    pub(crate) fn whole(bytes: Bytes, mut record: Box<Record>) -> Body {
        let kind = if bytes.is_empty() {
            record.exchange.ending = Ending::Complete;
            Kind::Empty
        } else {
            Kind::Whole(bytes)
        };
        Body {
            kind,
            record: Some(record),
        }
    }

    /// No bytes, and somebody else reports the exchange.
    pub(crate) fn unrecorded() -> Body {
        Body {
            kind: Kind::Empty,
            record: None,
        }
    }

    /// The origin's bytes as they come; `idle_max` bounds the wait for the next.
    pub(crate) fn origin(
        incoming: Incoming,
        mut lease: Lease,
        mut record: Box<Record>,
        idle_max: Duration,
    ) -> Body {
        // Often the whole answer has come in one read: the connection is free already.
        lease.put_back();
        let kind = if incoming.is_end_stream() {
            record.exchange.ending = Ending::Complete;
            Kind::Empty
        } else {
            Kind::Origin(OriginBody {
                incoming,
                lease,
                idle_max,
                waiting: None,
                timer: LazyTimer::new(),
            })
        };
        Body {
            kind,
            record: Some(record),
        }
    }

    fn end(&mut self, ending: Ending) {
        if let Some(record) = &mut self.record {
            record.exchange.ending = ending;
        }
        // Reports now, and gives up what is left of the connection.
        self.record = None;
        self.kind = Kind::Empty;
    }

    fn count(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.exchange.response_bytes += bytes as u64;
        }
    }
}

impl OriginBody {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        upload: Option<&UploadProgress>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match self.lease.conn() {
            Some(conn) => conn.poll_body(&mut self.incoming, cx),
            None => Pin::new(&mut self.incoming).poll_frame(cx),
        };
        match polled {
            Poll::Ready(frame) => {
                self.waiting = None;
                Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyError::Broken)))
            }
            Poll::Pending => self
                .poll_idle(cx, upload)
                .map(|()| Some(Err(BodyError::Idle))),
        }
    }

    /// Ready when nothing has moved for too long. An origin may say its head at once, and nothing more before it
    /// has read a long upload: as long as that moves, the exchange is not idle.
    fn poll_idle(&mut self, cx: &mut Context<'_>, upload: Option<&UploadProgress>) -> Poll<()> {
        let uploaded = upload.map_or(0, UploadProgress::bytes);
        let now = Waiting {
            since: Instant::now(),
            uploaded,
        };
        let waiting = self.waiting.get_or_insert(now);
        while self
            .timer
            .poll_deadline(cx, waiting.since + self.idle_max)
            .is_ready()
        {
            if waiting.uploaded == uploaded {
                return Poll::Ready(());
            }
            *waiting = Waiting {
                since: Instant::now(),
                uploaded,
            };
        }
        Poll::Pending
    }

    /// Everything has come: the connection may serve others.
    fn release(&mut self) {
        if !self.lease.put_back()
            && let Some(conn) = self.lease.conn()
        {
            // It may have to see the end of its own body first.
            conn.drive_quietly();
            self.lease.put_back();
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match &mut this.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                this.count(bytes.len());
                this.end(Ending::Complete);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Broken(error) => Poll::Ready(Some(Err(*error))),
            Kind::Origin(body) => {
                let upload = this
                    .record
                    .as_ref()
                    .and_then(|record| record.upload.as_deref());
                let Poll::Ready(polled) = body.poll(cx, upload) else {
                    return Poll::Pending;
                };
                let last = match &polled {
                    None => true,
                    Some(Ok(frame)) => frame.is_trailers() || body.incoming.is_end_stream(),
                    Some(Err(error)) => {
                        // hyper drops what it has not flushed when a body fails; one turn
                        // later it has flushed what the client may have.
                        let error = *error;
                        this.end(Ending::OriginAborted);
                        this.kind = Kind::Broken(error);
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                };
                if last {
                    body.release();
                }
                if let Some(Ok(frame)) = &polled
                    && let Some(data) = frame.data_ref()
                {
                    this.count(data.len());
                }
                if last {
                    this.end(Ending::Complete);
                }
                Poll::Ready(polled)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Whole(_) | Kind::Broken(_) => false,
            Kind::Origin(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Origin(body) => body.incoming.size_hint(),
            Kind::Broken(_) => SizeHint::default(),
        }
    }
}
