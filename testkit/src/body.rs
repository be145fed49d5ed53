//! Response bodies of the issuer and the origin: whole, generated, dripping, cut off.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::Interval;

/// An end without a proper end of the message; the connection is broken.
///
/// A type of its own, because hyper's connection future is not `Send` over a boxed error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BodyError(String);

impl BodyError {
    /// For `map_err`, and for faults on purpose.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the shape that map_err wants"
    )]
    pub(crate) fn new(why: impl ToString) -> BodyError {
        BodyError(why.to_string())
    }
}
/// The one body type of this crate's servers.
pub(crate) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Bytes of one generated frame.
const CHUNK_BYTES: usize = 64 * 1024;
/// What generated bodies are made of; its content does not matter.
static FILL: [u8; CHUNK_BYTES] = [b'.'; CHUNK_BYTES];

fn never(error: Infallible) -> BodyError {
    match error {}
}

/// A body without bytes.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(never).boxed_unsync()
}

/// A body known in full.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(never).boxed_unsync()
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}

/// An answer of a status alone.
pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}

/// How a generated body ends.
pub(crate) enum Ending {
    /// Properly, with the length announced.
    Announced,
    /// Properly, with the length not announced (chunked in HTTP/1.1).
    Open,
    /// By breaking the connection after the bytes, of more that were announced.
    Cut,
}

/// A body of `left` bytes that are made as they are asked for.
pub(crate) struct Generated {
    left: u64,
    ending: Ending,
}

impl Generated {
    /// `bytes` bytes, then `ending`.
    pub(crate) fn body(bytes: u64, ending: Ending) -> Body {
        Generated {
            left: bytes,
            ending,
        }
        .boxed_unsync()
    }
}

impl HttpBody for Generated {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(match self.ending {
                Ending::Cut => Some(Err(BodyError::new("cut off on purpose"))),
                Ending::Announced | Ending::Open => None,
            });
        }
        let size = usize::try_from(self.left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        self.left -= size as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILL[..size])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && !matches!(self.ending, Ending::Cut)
    }

    fn size_hint(&self) -> SizeHint {
        match self.ending {
            Ending::Announced => SizeHint::with_exact(self.left),
            Ending::Open => SizeHint::default(),
            // One more than will come: the client must see that the message is incomplete.
            Ending::Cut => SizeHint::with_exact(self.left + 1),
        }
    }
}

/// A body that yields one byte of `bytes` at every beat.
pub(crate) struct Dripping {
    bytes: Bytes,
    beat: Interval,
}

impl Dripping {
    /// `bytes`, one every `pause`.
    pub(crate) fn body(bytes: Bytes, pause: Duration) -> Body {
        Dripping {
            bytes,
            beat: tokio::time::interval(pause),
        }
        .boxed_unsync()
    }
}

impl HttpBody for Dripping {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        std::task::ready!(self.beat.poll_tick(context));
        let byte = self.bytes.split_to(1);
        Poll::Ready(Some(Ok(Frame::data(byte))))
    }
}

/// A body that does not tell its length: HTTP/1.1 carries trailers only after chunks (RFC 9112 section 7.1.2).
struct Lengthless<B>(B);

impl<B: HttpBody<Data = Bytes, Error = BodyError> + Unpin> HttpBody for Lengthless<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }
}

/// A body followed by trailers.
pub(crate) fn with_trailers(body: Body, trailers: HeaderMap) -> Body {
    let trailers = std::future::ready(Some(Ok(trailers)));
    Lengthless(body.with_trailers(trailers)).boxed_unsync()
}
