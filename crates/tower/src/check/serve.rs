//! The listener's service: who may ask, what is asked, and the answer.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tollgate_engine::limiter::Clock;
use tollgate_engine::policy::CheckEndpoint;
use tollgate_engine::{Asked, Counting, Engine, Forwarding, problem};
use tower::Service;

use super::decode::{Original, Question};
use super::encode;
use super::stats::{CheckStats, Dialect};
use crate::decide::DecisionApi;
use crate::gate::{Gate, Patience};
use crate::peer::Peer;

/// The body of every answer: whole.
pub type CheckBody = Full<Bytes>;

/// Answers the questions of other proxies, and of programs.
///
/// Clones share all state; each may run on a runtime of its own. A request carries its [`Peer`] in its
/// extensions; without one it is refused with 403.
#[derive(Clone)]
pub struct CheckService {
    inner: Arc<Inner>,
}

struct Inner {
    gate: Gate,
    config: CheckEndpoint,
    decisions: DecisionApi,
    stats: CheckStats,
}

/// Of requests that others forward: once each, and nobody says when one has ended.
const AS_SENT: Asked<'static> = Asked {
    template: None,
    counting: Counting::Hits(1),
    cost: None,
    forwarding: Forwarding::AsSent,
    caller: None,
};

// === impl CheckService ===

impl CheckService {
    /// A service that asks `engine` and believes the peers of `config`.
    pub fn new(engine: Arc<Engine>, clock: impl Clock + 'static, config: CheckEndpoint) -> Self {
        Self {
            inner: Arc::new(Inner {
                gate: Gate::new(engine, clock),
                config,
                decisions: DecisionApi::default(),
                stats: CheckStats::default(),
            }),
        }
    }

    /// What became of questions so far.
    #[must_use]
    pub fn stats(&self) -> &CheckStats {
        &self.inner.stats
    }

    /// Requests of the decision API whose end nobody has told yet.
    #[must_use]
    pub fn held(&self) -> usize {
        self.inner.decisions.held()
    }

    /// Ends the requests of the decision API whose end nobody told in time. Every call of that API does the
    /// same; whoever serves the listener calls it once a second besides, for when there is none.
    pub fn expire(&self) {
        let inner = &self.inner;
        let expired = inner.decisions.expire(inner.gate.now());
        inner.stats.count_expired(expired);
    }
}

impl std::fmt::Debug for CheckService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckService")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for CheckService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<CheckBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let response = inner.answer(parts, body).await;
            Ok(response.map(Full::new))
        })
    }
}

// === impl Inner ===

impl Inner {
    async fn answer<B>(&self, parts: Parts, body: B) -> Response<Bytes>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.stats.count_call();
        let Some(question) = Question::of(parts.uri.path()) else {
            return problem(StatusCode::NOT_FOUND, "there is nothing at this path");
        };
        if question == Question::Health {
            return healthy();
        }
        if !self.trusts(Peer::of(&parts.extensions)) {
            self.stats.count_untrusted();
            let dialect = match question {
                Question::Check(dialect) => dialect,
                _ => None,
            };
            let head_only = parts.method == Method::HEAD;
            let detail = "this peer is not one that may ask: name it in `check.trusted_peers`";
            return encode::refused(StatusCode::FORBIDDEN, detail, dialect, head_only);
        }
        match question {
            Question::Check(dialect) => self.check(parts, dialect).await,
            Question::Own => self.own(parts).await,
            Question::Decide | Question::Settle if parts.method != Method::POST => {
                let mut refusal = problem(StatusCode::METHOD_NOT_ALLOWED, "only POST is offered");
                let headers = refusal.headers_mut();
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
                refusal
            }
            Question::Decide => {
                let (gate, stats) = (&self.gate, &self.stats);
                self.decisions.decide(gate, stats, &parts, body).await
            }
            Question::Settle => {
                let (gate, stats) = (&self.gate, &self.stats);
                self.decisions.settle(gate, stats, &parts, body).await
            }
            // Answered above.
            Question::Health => healthy(),
        }
    }

    async fn check(&self, parts: Parts, dialect: Option<Dialect>) -> Response<Bytes> {
        let head_only = parts.method == Method::HEAD;
        let original = match Original::decode(parts, dialect) {
            Ok(original) => original,
            Err(unclear) => {
                self.stats.count_unclear();
                let detail = unclear.to_string();
                return encode::refused(StatusCode::BAD_REQUEST, &detail, dialect, head_only);
            }
        };
        let head = original.head();
        let decision = self.gate.decide(&head, AS_SENT, Patience::begin()).await;
        self.stats.count(original.dialect, decision.label());
        encode::checked(&decision, original.dialect, head_only)
    }

    async fn own(&self, parts: Parts) -> Response<Bytes> {
        let head_only = parts.method == Method::HEAD;
        let original = match Original::decode(parts, None) {
            Ok(original) => original,
            Err(unclear) => {
                self.stats.count_unclear();
                return problem(StatusCode::BAD_REQUEST, &unclear.to_string());
            }
        };
        let head = original.head();
        // Of what is no path of Tollgate's own nothing is taken here: it is not forwarded either. But whoever
        // asks costs a verification, and may ask for bucket ids.
        let asked = Asked {
            counting: Counting::Budgets,
            ..AS_SENT
        };
        let decision = self.gate.decide(&head, asked, Patience::begin()).await;
        self.stats.count(original.dialect, decision.label());
        encode::own(&self.gate.engine, &decision, &head, head_only).unwrap_or_else(|| {
            let detail = "Tollgate answers nothing itself at the original request's path";
            encode::refused(StatusCode::NOT_FOUND, detail, None, head_only)
        })
    }

    fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.is_some_and(|peer| self.config.trusts(peer))
    }
}

fn healthy() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"ok\n"));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
