//! One request's way to the origin: choosing, connecting, sending, and what may be tried again.
//!
//! Safe to try again is (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1):
//! - a connection that could not be made: nothing was sent; the next endpoint;
//! - a request that never left: hyper hands it back; another connection;
//! - once, an idempotent request without a body whose *re-used* connection broke before any
//!   byte of an answer: most likely the origin closed it just then.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::balance::{Tried, choose};
use super::connect::connect;
use super::fault::OriginFault;
use super::h1::H1Conn;
use super::h2::H2Handle;
use super::origin::Origin;
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

/// What hyper says of a request that was given to it.
type Sent = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

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
    let mut tried = Tried::default();
    let mut fault = OriginFault::NoEndpoint;
    let mut may_resend = is_idempotent(request.method()) && progress.is_none();
    for _ in 0..ATTEMPTS_MAX {
        let Some(endpoint) = choose(&upstreams.endpoints, tried, &upstreams.draws) else {
            break;
        };
        let health = &endpoint.origin.health;
        let mut lease = Lease::new(endpoint);
        let (way, reused) = match Way::to(endpoint, upstreams.origin()).await {
            Ok(found) => found,
            Err(error) => {
                fault = refused(&error);
                health.failed(Instant::now());
                tried.add(endpoint.index);
                continue;
            }
        };
        match way {
            Way::H1(_) => address::h1(&mut request, &endpoint.origin, config.pass_host),
            Way::H2(_) => address::h2(&mut request, &endpoint.origin, config.pass_host),
        }
        let saved = (reused && may_resend).then(|| Saved::of(&request));
        let wait = Wait {
            limit: config.response_timeout,
            since: None,
            progress,
            seen: 0,
            timer: &mut *timer,
        };
        let sent = match way {
            Way::H1(conn) => {
                let conn = lease.hold(conn);
                let answer = conn.send(request);
                wait.on_h1(conn, answer).await
            }
            // Boxed: its future would make every request's larger.
            Way::H2(mut handle) => {
                let answer = handle.try_send_request(request);
                Box::pin(wait.on_h2(answer)).await
            }
        };
        match sent {
            Ok(response) => {
                health.succeeded();
                return Ok(Answered { response, lease });
            }
            Err(Failed::Unsent(unsent)) => {
                fault = OriginFault::Broken;
                request = *unsent;
            }
            Err(Failed::Fault(OriginFault::Broken)) if saved.is_some() => {
                // Guarded by `saved`, which only a re-sendable request has.
                let Some(saved) = saved else { break };
                may_resend = false;
                fault = OriginFault::Broken;
                request = saved.request();
            }
            Err(Failed::Fault(found)) => {
                if !matches!(found, OriginFault::Request(_)) {
                    health.failed(Instant::now());
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

/// What it means that no connection could be made.
pub(crate) fn refused(error: &io::Error) -> OriginFault {
    match error.kind() {
        io::ErrorKind::TimedOut => OriginFault::ConnectTimeout,
        _ => OriginFault::Connect,
    }
}

/// A connection to send a request on.
enum Way {
    H1(Box<H1Conn>),
    H2(H2Handle),
}

impl Way {
    /// A standing connection, or a new one; true if it stood already.
    async fn to(endpoint: &WorkerEndpoint, origin: &Origin) -> io::Result<(Way, bool)> {
        let limit = origin.config().connect_timeout;
        if origin.is_http2() {
            if let Some(handle) = endpoint.h2.current() {
                return Ok((Way::H2(handle), true));
            }
            // Boxed: connecting is rare, and its future would make every request's larger.
            let (handle, standing) = Box::pin(endpoint.h2.get(&endpoint.origin, limit)).await?;
            return Ok((Way::H2(handle), standing));
        }
        if let Some(conn) = endpoint.take_idle() {
            return Ok((Way::H1(conn), true));
        }
        let conn = Box::pin(async {
            let io = connect(&endpoint.origin, limit).await?;
            Ok::<_, io::Error>(Box::new(H1Conn::over(io).await?))
        });
        Ok((Way::H1(conn.await?), false))
    }
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
        self.timer.poll_deadline(cx, (since + self.limit).into())
    }

    async fn on_h1(
        mut self,
        conn: &mut H1Conn,
        answer: impl Future<Output = Sent>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut answer = pin!(answer);
        let mut first = true;
        let answered = poll_fn(|cx| {
            let polled = conn.poll_answer(answer.as_mut(), first, cx);
            first = false;
            if let Poll::Ready(answered) = polled {
                return Poll::Ready(Some(answered));
            }
            self.poll_deadline(cx).map(|()| None)
        })
        .await;
        self.conclude(answered)
    }

    async fn on_h2(
        mut self,
        answer: impl Future<Output = Sent>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut answer = pin!(answer);
        let answered = poll_fn(|cx| {
            if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(answered));
            }
            // Another task sends the body. Without this nothing wakes ours, and it is taken for one that stands still.
            if let Some(progress) = self.progress {
                progress.watch(cx);
            }
            self.poll_deadline(cx).map(|()| None)
        })
        .await;
        self.conclude(answered)
    }

    fn conclude(&self, answered: Option<Sent>) -> Result<Response<Incoming>, Failed> {
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
