//! A receiver of webhooks on loopback: answers 204, and keeps what it was sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use parking_lot::{Condvar, Mutex};

use crate::body::bare;
use crate::error::TestkitError;
use crate::server::{Answer, Handler, Server};

/// The longest body that is kept.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

// === impl Received ===

impl Received {
    /// A header field as text; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether it is signed as Standard Webhooks describes, by a secret `whsec_…` of the receiver's.
    #[must_use]
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let encoded = secret.trim().strip_prefix("whsec_").unwrap_or_default();
        let Ok(secret) = BASE64.decode(encoded.as_bytes()) else {
            return false;
        };
        let mut signed = Vec::new();
        for part in ["webhook-id", "webhook-timestamp"] {
            signed.extend_from_slice(self.header(part).as_bytes());
            signed.push(b'.');
        }
        signed.extend_from_slice(&self.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let mut signatures = self.header("webhook-signature").split(' ');
        signatures.any(|signature| {
            let tag = signature.strip_prefix("v1,").unwrap_or_default();
            let tag = BASE64.decode(tag.as_bytes()).unwrap_or_default();
            hmac::verify(&key, &signed, &tag).is_ok()
        })
    }
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    more: Condvar,
}

/// A running receiver. Dropping it stops it.
pub struct Receiver {
    server: Server,
    state: Arc<State>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`TestkitError::Io`] when no port can be had.
    pub fn start() -> Result<Receiver, TestkitError> {
        let state = Arc::new(State::default());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start("receiver", address, state.clone())?;
        Ok(Receiver { server, state })
    }

    /// Where to send to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    /// What was received so far, in its order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().clone()
    }

    /// Waits until at least `count` requests were received, at most `limit`, and gives all there are.
    #[must_use]
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        let deadline = Instant::now() + limit;
        let mut received = self.state.received.lock();
        while received.len() < count {
            if self
                .state
                .more
                .wait_until(&mut received, deadline)
                .timed_out()
            {
                break;
            }
        }
        received.clone()
    }
}

impl Handler for State {
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
                return Ok(bare(StatusCode::PAYLOAD_TOO_LARGE));
            };
            self.received.lock().push(Received {
                headers: head.headers,
                body: body.to_bytes(),
            });
            self.more.notify_all();
            Ok(bare(StatusCode::NO_CONTENT))
        })
    }
}
