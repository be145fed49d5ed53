//! The layer and its service: decide first, then the inner service or an answer of our own.

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use tollgate_engine::limiter::{Clock, Now};
use tollgate_engine::{
    AnswerContext, Decision, Engine, KEY_WAIT_MAX, Outcome, RequestHead, Verdict, problem,
};
use tower::{Layer, Service};

use super::body::LayerBody;
use super::future::LayerFuture;
use super::kept::Kept;
use crate::gate::Gate;
use crate::peer::Peer;

/// Puts the engine around a service: it decides before the service sees a request, and answers refusals
/// itself.
///
/// Clones, and the services made by them, share one engine.
#[derive(Clone)]
pub struct TollgateLayer {
    gate: Gate,
}

/// A service behind the engine.
#[derive(Clone)]
pub struct Tollgate<S> {
    inner: S,
    gate: Gate,
}

/// What becomes of a request.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one; a box would allocate on every request"
)]
pub(super) enum Passage<B> {
    Forward { request: Request<B>, kept: Kept },
    Answer(Response<Bytes>),
}

// === impl TollgateLayer ===

impl TollgateLayer {
    /// A layer that asks `engine`, at the time of `clock`.
    pub fn new(engine: Arc<Engine>, clock: impl Clock + 'static) -> Self {
        Self {
            gate: Gate::new(engine, clock),
        }
    }
}

impl<S> Layer<S> for TollgateLayer {
    type Service = Tollgate<S>;

    fn layer(&self, inner: S) -> Tollgate<S> {
        Tollgate {
            inner,
            gate: self.gate.clone(),
        }
    }
}

impl std::fmt::Debug for TollgateLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TollgateLayer").finish_non_exhaustive()
    }
}

// === impl Tollgate ===

impl<S: std::fmt::Debug> std::fmt::Debug for Tollgate<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tollgate")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for Tollgate<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    B: Send + 'static,
    R: Body<Data = Bytes>,
{
    type Response = Response<LayerBody<R>>;
    type Error = S::Error;
    type Future = LayerFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> LayerFuture<S, B> {
        let gate = &self.gate;
        let Some(peer) = Peer::of(request.extensions()) else {
            let detail = "nobody says from where the request comes: the server is to put \
                          `tollgate_tower::Peer` into its extensions";
            let answer = problem(StatusCode::FORBIDDEN, detail);
            return LayerFuture::passed(&mut self.inner, Passage::Answer(answer));
        };
        let started = gate.now();
        let outcome = gate.engine.decide(&head(&request, peer), started);
        match outcome {
            Outcome::Decided(decision) => {
                let passage = pass(gate, request, peer, decision, started);
                LayerFuture::passed(&mut self.inner, passage)
            }
            Outcome::AwaitKeys(keys) => {
                // The one that said it was ready goes along; the clone takes its place.
                let clone = self.inner.clone();
                let service = mem::replace(&mut self.inner, clone);
                let gate = gate.clone();
                LayerFuture::waiting(Box::pin(async move {
                    // Whether the keys came or the time ran out, what is known now decides.
                    let _ = tokio::time::timeout(KEY_WAIT_MAX, keys.wait()).await;
                    let asked = head(&request, peer);
                    let decision = gate.engine.decide_final(&asked, gate.now());
                    let passage = pass(&gate, request, peer, decision, started);
                    (service, passage)
                }))
            }
        }
    }
}

fn head<B>(request: &Request<B>, peer: IpAddr) -> RequestHead<'_> {
    RequestHead {
        method: request.method(),
        path: request.uri().path(),
        query: request.uri().query(),
        headers: request.headers(),
        peer,
        certificate: None,
    }
}

/// Turns a decided request into what the inner service gets, or into an answer. Inlined, since what goes
/// through it is large.
#[inline]
fn pass<B>(
    gate: &Gate,
    mut request: Request<B>,
    peer: IpAddr,
    decision: Decision,
    started: Now,
) -> Passage<B> {
    gate.observe(&decision, started);
    if !matches!(decision.verdict, Verdict::Allow) {
        let head = head(&request, peer);
        let context = AnswerContext {
            is_grpc: head.is_grpc(),
            head_only: head.method == Method::HEAD,
            request_id: None,
        };
        let answer = decision.answer(&context);
        let own = || gate.engine.own_answer(&decision, &head, &context);
        if let Some(answer) = answer.or_else(own) {
            return Passage::Answer(answer);
        }
    }
    decision.forward_headers(request.headers_mut());
    decision.path.apply(request.uri_mut());
    let (caller, kept) = Kept::of(decision);
    request.extensions_mut().insert(caller);
    Passage::Forward { request, kept }
}
