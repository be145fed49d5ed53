//! One request's way to the origin: choosing, connecting, sending, and what may be tried again.
//!
//! Safe to try again is (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1):
//! - a connection that could not be made: nothing was sent; the next endpoint;
//! - a request that never left: hyper hands it back; another connection;
//! - once, an idempotent request without a body whose *re-used* connection broke before any
//!   byte of an answer: most likely the origin closed it just then.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use http::{HeaderMap, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::Instant;

use super::balance::{Tried, choose};
use super::connect::connect;
use super::fault::OriginFault;
use super::h1::H1Conn;
use super::worker_endpoint::{Lease, WorkerEndpoint};
use super::{Upstreams, address};
use crate::request_body::{RequestBody, UploadProgress};
use crate::timer::LazyTimer;

/// Connections tried for one request, successful or not.
const ATTEMPTS_MAX: u32 = 4;

/// An answer whose head has come.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    /// The connection that the body comes from, and the claim on its endpoint.
    pub(crate) lease: Lease,
}

/// The head of a request that may have to be sent again.
struct Saved {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// How one attempt failed.
enum Failed {
    /// The request never left.
    Unsent(Box<Request<RequestBody>>),
    /// Something may have been sent.
    Fault(OriginFault),
}

/// Sends `request` and waits for the answer's head.
pub(crate) async fn send(
    upstreams: &Upstreams,
    mut request: Request<RequestBody>,
    progress: Option<&UploadProgress>,
    timer: &mut LazyTimer,
) -> Result<Answered, OriginFault> {
    let config = upstreams.origin().config();
    let http2 = upstreams.origin().is_http2();
    let mut tried = Tried::default();
    let mut fault = OriginFault::NoEndpoint;
    let mut may_resend = is_idempotent(request.method()) && progress.is_none();
    for _ in 0..ATTEMPTS_MAX {
        let now = StdInstant::now();
        let Some(endpoint) = choose(&upstreams.endpoints, tried, &upstreams.draws, now) else {
            break;
        };
        let health = &endpoint.origin.health;
        let mut lease = Lease::new(endpoint);
        let wait = Wait {
            limit: config.response_timeout,
            since: None,
            progress,
            seen: 0,
            timer: &mut *timer,
        };
        let (sent, reused, saved);
        if http2 {
            let connected = endpoint
                .h2
                .get(&endpoint.origin, config.connect_timeout)
                .await;
            let Ok((mut handle, standing)) = connected.map_err(|error| fault = refused(&error))
            else {
                health.failed(StdInstant::now());
                tried.add(endpoint.index);
                continue;
            };
            address::h2(&mut request, &endpoint.origin, config.pass_host);
            saved = (standing && may_resend).then(|| Saved::of(&request));
            reused = standing;
            sent = wait.for_h2(handle.try_send_request(request)).await;
        } else {
            let idle = poll_fn(|cx| Poll::Ready(endpoint.take_idle(cx))).await;
            reused = idle.is_some();
            let connected = match idle {
                Some(conn) => Ok(conn),
                None => open(endpoint, config.connect_timeout).await,
            };
            let Ok(conn) = connected.map_err(|error| fault = refused(&error)) else {
                health.failed(StdInstant::now());
                tried.add(endpoint.index);
                continue;
            };
            address::h1(&mut request, &endpoint.origin, config.pass_host);
            saved = (reused && may_resend).then(|| Saved::of(&request));
            sent = wait.for_h1(lease.hold(conn), request).await;
        }
        match sent {
            Ok(response) => {
                health.succeeded();
                return Ok(Answered { response, lease });
            }
            Err(Failed::Unsent(unsent)) => {
                fault = OriginFault::Broken;
                request = *unsent;
            }
            Err(Failed::Fault(OriginFault::Broken)) if reused && saved.is_some() => {
                // Guarded by `saved`, which only a re-sendable request has.
                let Some(saved) = saved else { break };
                may_resend = false;
                fault = OriginFault::Broken;
                request = saved.request();
            }
            Err(Failed::Fault(found)) => {
                if !matches!(found, OriginFault::Request(_)) {
                    health.failed(StdInstant::now());
                }
                return Err(found);
            }
        }
    }
    Err(fault)
}

/// Methods that may be sent twice without harm (RFC 9110 section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

fn refused(error: &io::Error) -> OriginFault {
    match error.kind() {
        io::ErrorKind::TimedOut => OriginFault::ConnectTimeout,
        _ => OriginFault::Connect,
    }
}

async fn open(endpoint: &WorkerEndpoint, limit: Duration) -> io::Result<Box<H1Conn>> {
    // Boxed: connecting is rare and its future large, and it would be part of every request.
    let io = Box::pin(connect(&endpoint.origin, limit)).await?;
    Ok(Box::new(H1Conn::over(io).await?))
}

// === impl Saved ===

impl Saved {
    fn of(request: &Request<RequestBody>) -> Saved {
        Saved {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        }
    }

    fn request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// The wait for an answer's head. An upload under way puts the deadline off: the origin may
/// well say nothing before it has everything.
struct Wait<'a> {
    limit: Duration,
    since: Option<Instant>,
    progress: Option<&'a UploadProgress>,
    seen: u64,
    timer: &'a mut LazyTimer,
}

impl Wait<'_> {
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let uploaded = self.progress.map_or(0, UploadProgress::bytes);
        if uploaded != self.seen {
            self.seen = uploaded;
            self.since = None;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        self.timer.poll_deadline(cx, since + self.limit)
    }

    async fn for_h1(
        mut self,
        conn: &mut H1Conn,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut answer = pin!(conn.send(request));
        let answered = poll_fn(|cx| {
            if let Poll::Ready(answered) = conn.poll_answer(answer.as_mut(), cx) {
                return Poll::Ready(Some(answered));
            }
            self.poll_deadline(cx).map(|()| None)
        })
        .await;
        self.conclude(answered)
    }

    async fn for_h2(
        mut self,
        answer: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut answer = pin!(answer);
        let answered = poll_fn(|cx| {
            if let Poll::Ready(answered) = Pin::as_mut(&mut answer).poll(cx) {
                return Poll::Ready(Some(answered));
            }
            self.poll_deadline(cx).map(|()| None)
        })
        .await;
        self.conclude(answered)
    }

    fn conclude(
        &self,
        answered: Option<Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>,
    ) -> Result<Response<Incoming>, Failed> {
        match answered {
            Some(Ok(response)) => Ok(response),
            None => Err(Failed::Fault(OriginFault::AnswerTimeout)),
            Some(Err(mut failed)) => {
                if let Some(failure) = self.progress.and_then(UploadProgress::failure) {
                    return Err(Failed::Fault(OriginFault::Request(failure)));
                }
                if let Some(unsent) = failed.take_message() {
                    return Err(Failed::Unsent(Box::new(unsent)));
                }
                Err(Failed::Fault(if failed.error().is_parse() {
                    OriginFault::Malformed
                } else {
                    OriginFault::Broken
                }))
            }
        }
    }
}
