//! AWS Lambda on loopback: the Runtime API, and a function that is started as Lambda starts it.
//!
//! `GET /2018-06-01/runtime/invocation/next` hands an event out, `POST …/{id}/response` and `…/error` take
//! what came of it. One instance, one event at a time, as Lambda does.

mod function;

pub use function::{Function, FunctionLaunch};

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::body::{Body, bare, json};
use crate::error::TestkitError;
use crate::server::{Answer, Handler, Server};

/// Where the Runtime API lives.
const RUNTIME: &str = "/2018-06-01/runtime/";
/// How long a function may take; API Gateway gives an authorizer 10 s.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Events that may wait for the function.
const WAITING_MAX: usize = 64;

/// What came of one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Invoked {
    /// The function returned this document.
    Answered(Value),
    /// The function failed with this message.
    Failed(String),
    /// Nothing came in time.
    Silent,
}

struct Pending {
    id: String,
    event: Value,
    reply: std_mpsc::Sender<Invoked>,
}

struct State {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Pending>>,
    /// Handed out, and not answered yet.
    open: Mutex<Option<(String, std_mpsc::Sender<Invoked>)>>,
    /// The function asked for an event: its start is over.
    asked: AtomicU64,
}

/// A running Runtime API. Dropping it stops it.
pub struct RuntimeApi {
    server: Server,
    state: Arc<State>,
    events: mpsc::Sender<Pending>,
    serial: AtomicU64,
}

impl RuntimeApi {
    /// One on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no listener can be had.
    pub fn start() -> Result<RuntimeApi, TestkitError> {
        let (events, waiting) = mpsc::channel(WAITING_MAX);
        let state = Arc::new(State {
            waiting: tokio::sync::Mutex::new(waiting),
            open: Mutex::new(None),
            asked: AtomicU64::new(0),
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let handler: Arc<dyn Handler> = Arc::clone(&state) as Arc<dyn Handler>;
        let server = Server::start("runtime-api", address, handler)?;
        Ok(RuntimeApi {
            server,
            state,
            events,
            serial: AtomicU64::new(1),
        })
    }

    /// Where it listens: `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How often the function asked for an event.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// Has the function handle an event. Blocks until it has, or 10 s have passed.
    #[must_use]
    pub fn invoke(&self, event: &Value) -> Invoked {
        let (reply, replied) = std_mpsc::channel();
        let id = format!("event-{}", self.serial.fetch_add(1, Ordering::Relaxed));
        let event = event.clone();
        if self.events.try_send(Pending { id, event, reply }).is_err() {
            return Invoked::Silent;
        }
        replied.recv_timeout(ANSWER_WAIT).unwrap_or(Invoked::Silent)
    }
}

impl State {
    async fn next(&self) -> Response<Body> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let pending = self.waiting.lock().await.recv().await;
        let Some(Pending { id, event, reply }) = pending else {
            return bare(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut response = json(StatusCode::OK, &event);
        let deadline = SystemTime::now() + ANSWER_WAIT;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        for (name, value) in [
            ("lambda-runtime-aws-request-id", id.clone()),
            (
                "lambda-runtime-deadline-ms",
                deadline.as_millis().to_string(),
            ),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:123456789012:function:authorizer".to_owned(),
            ),
            (
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned(),
            ),
        ] {
            add(response.headers_mut(), name, &value);
        }
        *self.open.lock() = Some((id, reply));
        response
    }

    fn ended(&self, id: &str, outcome: Invoked) -> Response<Body> {
        let open = self.open.lock().take();
        match open {
            Some((of, reply)) if of == id => {
                let _asker_left = reply.send(outcome);
                bare(StatusCode::ACCEPTED)
            }
            _ => bare(StatusCode::NOT_FOUND),
        }
    }
}

impl Handler for State {
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let Some(rest) = path.strip_prefix(RUNTIME) else {
                return Ok(bare(StatusCode::NOT_FOUND));
            };
            if request.method() == Method::GET && rest == "invocation/next" {
                return Ok(self.next().await);
            }
            let body = request.into_body().collect().await;
            let body = body
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            let document: Value = serde_json::from_slice(&body).unwrap_or_default();
            let parts: Vec<&str> = rest.split('/').collect();
            Ok(match parts[..] {
                ["invocation", id, "response"] => self.ended(id, Invoked::Answered(document)),
                ["invocation", id, "error"] => {
                    let message = document["errorMessage"].as_str().unwrap_or_default();
                    self.ended(id, Invoked::Failed(message.to_owned()))
                }
                _ => bare(StatusCode::NOT_FOUND),
            })
        })
    }
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
