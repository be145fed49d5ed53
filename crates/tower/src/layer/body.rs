//! An answer's body: the inner service's, which keeps what the request takes until it ends, or our own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tollgate_engine::limiter::Lease;

pin_project! {
    /// The body of an answer that passed the layer.
    ///
    /// The request's places in concurrency limits are free again when it has ended or is dropped.
    #[derive(Debug)]
    pub struct LayerBody<R> {
        #[pin]
        kind: Kind<R>,
        lease: Lease,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<R> {
        Inner { #[pin] body: R },
        Own { bytes: Bytes },
    }
}

// === impl LayerBody ===

impl<R> LayerBody<R> {
    pub(super) fn inner(body: R, lease: Lease) -> Self {
        let kind = Kind::Inner { body };
        Self { kind, lease }
    }

    pub(super) fn own(bytes: Bytes) -> Self {
        let kind = Kind::Own { bytes };
        let lease = Lease::default();
        Self { kind, lease }
    }
}

impl<R: Body<Data = Bytes>> Body for LayerBody<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let this = self.project();
        let frame = match this.kind.project() {
            KindProjection::Inner { body } => ready!(body.poll_frame(cx)),
            KindProjection::Own { bytes } if bytes.is_empty() => None,
            KindProjection::Own { bytes } => Some(Ok(Frame::data(std::mem::take(bytes)))),
        };
        if !matches!(frame, Some(Ok(_))) {
            *this.lease = Lease::default();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}
