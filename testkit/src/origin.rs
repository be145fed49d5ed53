//! An origin on loopback: a small orders API with what a proxy has trouble with, counting what reached it.

mod answers;
mod orders;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;

use crate::body::{BodyError, bare};
use crate::error::TestkitError;
use crate::server::{Answer, Handler, Server};

use self::orders::Orders;

/// Different (path, subject) pairs that are counted apart; further ones count only in the total.
const HIT_KEYS_MAX: usize = 100_000;

/// What is wrong with the origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginFault {
    /// Nothing.
    #[default]
    None,
    /// Every answer has this status and no body.
    Status(u16),
    /// No answer ever comes; the connection stays open.
    Hang,
    /// The connection is broken instead of an answer.
    Reset,
    /// Connections are refused, and the open ones broken.
    Down,
}

/// What the origin's thread and its owner share.
pub(crate) struct State {
    fault: Mutex<OriginFault>,
    subject_header: Mutex<String>,
    hits: Mutex<BTreeMap<(String, String), u64>>,
    hits_total: AtomicU64,
    uploaded_bytes: AtomicU64,
    orders: Mutex<Orders>,
}

/// A running origin. Dropping it stops it.
///
/// | request | answer |
/// |---|---|
/// | `GET /orders`, `POST /orders`, `GET /orders/{order_id}` | the orders kept in memory |
/// | `GET /items`, `POST /items`, `GET /billing`, `POST /plan` | small JSON documents |
/// | `/headers` | method, target, version and all headers of the request as JSON |
/// | `/echo`, or any `application/grpc` request | the request's body as it comes, with its trailers |
/// | `/stream?bytes=N` | N bytes, made as they are read; `&open=1` leaves the length out |
/// | `/cut?bytes=N` | N bytes of more that were announced, then a broken connection |
/// | `/upload` | the number of bytes received, when they are all there |
/// | `/early` | 413 without reading the body |
/// | `/slow?ms=N` | 200 after N ms |
/// | `/status?code=N` | that status |
/// | `/trailers` | a body with the trailers `x-checksum` and `x-count` |
/// | `/ws` | a WebSocket echo (HTTP/1.1) |
/// | `OPTIONS` anything | 204 with `Allow` and CORS fields |
pub struct Origin {
    server: Server,
    state: Arc<State>,
    url: String,
}

impl Origin {
    /// An origin on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no listener can be had.
    pub fn start() -> Result<Origin, TestkitError> {
        Origin::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// An origin on this address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start_at(address: SocketAddr) -> Result<Origin, TestkitError> {
        let state = Arc::new(State {
            fault: Mutex::default(),
            subject_header: Mutex::new("x-tollgate-subject".to_owned()),
            hits: Mutex::default(),
            hits_total: AtomicU64::new(0),
            uploaded_bytes: AtomicU64::new(0),
            orders: Mutex::new(Orders::with_samples()),
        });
        let server = Server::start("origin", address, Arc::clone(&state) as Arc<dyn Handler>)?;
        let url = format!("http://{}", server.address());
        Ok(Origin { server, state, url })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Requests to this path (without query) that carried this subject; `""` for those that carried none.
    #[must_use]
    pub fn hits(&self, path: &str, subject: &str) -> u64 {
        let key = (path.to_owned(), subject.to_owned());
        self.state.hits.lock().get(&key).copied().unwrap_or(0)
    }

    /// All requests since the start or [`Origin::reset_hits`].
    #[must_use]
    pub fn hits_total(&self) -> u64 {
        self.state.hits_total.load(Ordering::Relaxed)
    }

    /// Requests by (path, subject).
    #[must_use]
    pub fn all_hits(&self) -> BTreeMap<(String, String), u64> {
        self.state.hits.lock().clone()
    }

    /// Starts counting requests anew.
    pub fn reset_hits(&self) {
        self.state.hits.lock().clear();
        self.state.hits_total.store(0, Ordering::Relaxed);
    }

    /// Bytes that `/upload` has received, also of uploads that did not end.
    #[must_use]
    pub fn uploaded_bytes(&self) -> u64 {
        self.state.uploaded_bytes.load(Ordering::Relaxed)
    }

    /// Connections that it accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    /// The header that names the subject in [`Origin::hits`]; `x-tollgate-subject` at first.
    pub fn set_subject_header(&self, name: &str) {
        name.clone_into(&mut self.state.subject_header.lock());
    }

    /// Switches a fault on, or with [`OriginFault::None`] off. It holds when this returns.
    ///
    /// WebSockets that are already open go on through [`OriginFault::Down`]. Answers false only
    /// when the port is taken by another process while coming back from it.
    pub fn set_fault(&self, fault: OriginFault) -> bool {
        *self.state.fault.lock() = fault;
        if fault == OriginFault::Down {
            self.server.go_down()
        } else {
            self.server.come_up()
        }
    }
}

impl State {
    fn count(&self, path: &str, headers: &HeaderMap) {
        self.hits_total.fetch_add(1, Ordering::Relaxed);
        let subject = headers
            .get(self.subject_header.lock().as_str())
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default();
        let key = (path.to_owned(), subject);
        let mut hits = self.hits.lock();
        if hits.len() < HIT_KEYS_MAX || hits.contains_key(&key) {
            *hits.entry(key).or_default() += 1;
        }
    }
}

impl Handler for State {
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        Box::pin(async move {
            self.count(request.uri().path(), request.headers());
            let fault = *self.fault.lock();
            match fault {
                OriginFault::Status(code) => Ok(bare(
                    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                )),
                OriginFault::Hang => std::future::pending().await,
                OriginFault::Reset | OriginFault::Down => {
                    Err(BodyError::new("broken off on purpose"))
                }
                OriginFault::None => answers::respond(&self, request).await,
            }
        })
    }
}
