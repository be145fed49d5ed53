//! Bodies of answers: one message with its trailers, or what tonic makes of a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

/// The body of an answer.
#[derive(Debug)]
pub struct ReplyBody(Kind);

#[derive(Debug)]
enum Kind {
    Message(Bytes),
    Trailers,
    End,
    Stream(tonic::body::Body),
}

// === impl ReplyBody ===

impl ReplyBody {
    /// One message, already framed, and that all went well.
    pub(crate) fn message(framed: Bytes) -> Self {
        Self(Kind::Message(framed))
    }

    pub(crate) fn empty() -> Self {
        Self(Kind::End)
    }

    pub(crate) fn stream(body: tonic::body::Body) -> Self {
        Self(Kind::Stream(body))
    }

    /// The one message of it, or else itself.
    pub(crate) fn into_message(self) -> Result<Bytes, Self> {
        match self.0 {
            Kind::Message(message) => Ok(message),
            other => Err(Self(other)),
        }
    }

    /// What follows a message.
    pub(crate) fn trailers() -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut self.0 {
            Kind::Message(message) => {
                let message = std::mem::take(message);
                self.0 = Kind::Trailers;
                Poll::Ready(Some(Ok(Frame::data(message))))
            }
            Kind::Trailers => {
                self.0 = Kind::End;
                Poll::Ready(Some(Ok(Frame::trailers(Self::trailers()))))
            }
            Kind::End => Poll::Ready(None),
            Kind::Stream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::End => true,
            Kind::Stream(body) => body.is_end_stream(),
            Kind::Message(_) | Kind::Trailers => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Message(message) => SizeHint::with_exact(message.len() as u64),
            Kind::Trailers | Kind::End => SizeHint::with_exact(0),
            Kind::Stream(body) => body.size_hint(),
        }
    }
}
