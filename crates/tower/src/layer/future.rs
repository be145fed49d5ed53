//! A request on its way through the layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::body::LayerBody;
use super::kept::Kept;
use super::serve::Passage;

pin_project! {
    /// What [`super::Tollgate`] answers with.
    pub struct LayerFuture<S: Service<Request<B>>, B> {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

/// A request whose issuer's keys are being fetched. In a box: rare, and it would make every request's
/// future larger.
type Waiting<S, B> = Pin<Box<dyn Future<Output = (S, Passage<B>)> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F> {
        Waiting { wait: Waiting<S, B> },
        Inner { #[pin] answer: F, kept: Option<Kept> },
        Own { answer: Option<Response<Bytes>> },
    }
}

// === impl LayerFuture ===

impl<S: Service<Request<B>>, B> LayerFuture<S, B> {
    pub(super) fn waiting(wait: Waiting<S, B>) -> Self {
        let state = State::Waiting { wait };
        Self { state }
    }

    #[inline]
    pub(super) fn passed(service: &mut S, passage: Passage<B>) -> Self {
        let state = State::passed(service, passage);
        Self { state }
    }
}

impl<S, B, F> State<S, B, F>
where
    S: Service<Request<B>, Future = F>,
{
    #[inline]
    fn passed(service: &mut S, passage: Passage<B>) -> Self {
        match passage {
            Passage::Forward { request, kept } => Self::Inner {
                answer: service.call(request),
                kept: Some(kept),
            },
            Passage::Answer(answer) => Self::Own {
                answer: Some(answer),
            },
        }
    }
}

impl<S, B, R> Future for LayerFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<LayerBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Waiting { wait } => {
                    let (mut service, passage) = ready!(wait.as_mut().poll(cx));
                    let next = State::passed(&mut service, passage);
                    state.set(next);
                }
                StateProjection::Inner { answer, kept } => {
                    let mut response = ready!(answer.poll(cx))?;
                    let Some(kept) = kept.take() else {
                        // Polled again after it was done, which no executor does.
                        return Poll::Pending;
                    };
                    let lease = kept.write(response.headers_mut());
                    return Poll::Ready(Ok(response.map(|body| LayerBody::inner(body, lease))));
                }
                StateProjection::Own { answer } => {
                    let Some(answer) = answer.take() else {
                        return Poll::Pending;
                    };
                    return Poll::Ready(Ok(answer.map(LayerBody::own)));
                }
            }
        }
    }
}
