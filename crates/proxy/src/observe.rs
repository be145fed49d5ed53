//! What the outside learns of a finished exchange: access log, metrics, traces.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, Method, Uri, Version};
use tollgate_engine::Decision;
use tracing::Span;

use crate::context::ConnContext;
use crate::request_body::UploadProgress;
use crate::request_id::RequestId;

/// nginx's status for a client that left before its answer; never sent, only recorded.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Told of every exchange once, when its last byte was handed over or it broke off.
///
/// Called on the data plane: must not block, lock for long, or panic.
pub trait Observer: Send + Sync + 'static {
    /// An exchange ended.
    fn finished(&self, exchange: &Exchange);

    /// The span of a request; asked only with [`crate::SharedOptions::spans`].
    fn span(&self, head: &Parts) -> Span {
        tracing::info_span!("request", method = %head.method, version = ?head.version)
    }

    /// Writes the span's context into the head that the origin gets, in place of the client's;
    /// asked only with [`crate::SharedOptions::spans`]. A client's `traceparent` passes on
    /// unless this replaces it.
    fn propagate(&self, _span: &Span, _headers: &mut HeaderMap) {}
}

/// Observes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn finished(&self, _: &Exchange) {}
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The whole answer was handed to the client's connection.
    Complete,
    /// The client left, or stopped reading, before that.
    ClientAborted,
    /// The origin broke off in the middle of its answer.
    OriginAborted,
}

/// One request and its answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The method; of a refused head, what stands in for it.
    pub method: Method,
    /// The target as sent; may hold personal data, log with care.
    pub target: Uri,
    /// The protocol of the client's connection.
    pub version: Version,
    /// The client's address and port, or its proxy's.
    pub peer: SocketAddr,
    /// Whether the client's connection is encrypted.
    pub tls: bool,
    /// The engine's decision; `None` for requests refused before anybody was asked.
    pub decision: Option<Decision>,
    /// The answer's status; [`CLIENT_CLOSED_REQUEST`] if the client left before it.
    pub status: u16,
    /// How it ended.
    pub ending: Ending,
    /// Why we answered for the origin or refused, as a stable name; `None` if we did not.
    pub fault: Option<&'static str>,
    /// Bytes of the request's body handed to the origin's connection.
    pub request_bytes: u64,
    /// Bytes of the answer's body handed over.
    pub response_bytes: u64,
    /// From the head's arrival to the end.
    pub elapsed: Duration,
    /// Of that, how long the answer was to be held back, since the connection's credentials were
    /// refused too fast; zero for all others.
    pub held: Duration,
    /// The identifier that the origin was given.
    pub request_id: Option<RequestId>,
    /// The origin's endpoint that answered, by its place in the policy.
    pub endpoint: Option<usize>,
    /// The request's span; none without [`crate::SharedOptions::spans`].
    pub span: Span,
}

/// An exchange under way: reports when dropped, whatever ended it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) exchange: Exchange,
    pub(crate) conn: Arc<ConnContext>,
    /// The request's body on its way, if it has one.
    pub(crate) upload: Option<Arc<UploadProgress>>,
    pub(crate) started: Instant,
}

impl Record {
    /// An exchange that begins now.
    pub(crate) fn begin(conn: &Arc<ConnContext>, head: &Parts) -> Box<Record> {
        conn.state.begin();
        Box::new(Record {
            exchange: Exchange {
                method: head.method.clone(),
                target: head.uri.clone(),
                version: head.version,
                peer: conn.peer,
                tls: conn.tls,
                decision: None,
                status: CLIENT_CLOSED_REQUEST,
                // Until something better is known: dropped before the end.
                ending: Ending::ClientAborted,
                fault: None,
                request_bytes: 0,
                response_bytes: 0,
                elapsed: Duration::ZERO,
                held: Duration::ZERO,
                request_id: None,
                endpoint: None,
                span: Span::none(),
            },
            conn: Arc::clone(conn),
            upload: None,
            started: Instant::now(),
        })
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.conn.state.end();
        self.exchange.elapsed = self.started.elapsed();
        self.exchange.request_bytes = self.upload.as_ref().map_or(0, |upload| upload.bytes());
        self.conn.shared.observer.finished(&self.exchange);
    }
}
