//! An OIDC-like issuer on loopback: keys that rotate, a JWKS, discovery, and faults that switch on at run time.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::body::{Body, Dripping, Ending, Generated, bare, full, json as json_answer};
use crate::error::TestkitError;
use crate::keys::{Algorithm, SigningKey};
use crate::server::{Answer, Handler, Server};
use crate::token::TokenBuilder;

/// Pause between two bytes of [`Fault::SlowDrip`].
const DRIP_PAUSE: Duration = Duration::from_millis(100);
/// Path of the key set.
const JWKS_PATH: &str = "/.well-known/jwks.json";
/// Path of the discovery document.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// What is wrong with the issuer's two documents. Minting tokens always works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Every answer has this status and no body.
    Status(u16),
    /// No answer ever comes; the connection stays open.
    Hang,
    /// 200 with this text instead of the document.
    Body(String),
    /// The key set is `{"keys":[]}`.
    EmptySet,
    /// The right document, one byte every tenth of a second.
    SlowDrip,
    /// 200 with a body of this many bytes.
    Oversize(u64),
    /// 302 to this address.
    Redirect(String),
    /// The discovery document names this issuer.
    OtherIssuer(String),
    /// Connections are refused, and the open ones broken.
    Down,
}

impl Fault {
    /// 200 with something that is not JSON.
    #[must_use]
    pub fn garbage() -> Fault {
        Fault::Body("<html>502 Bad Gateway</html>".to_owned())
    }
}

struct IssuerKey {
    key: Arc<SigningKey>,
    published: bool,
}

#[derive(Default)]
struct State {
    url: Mutex<String>,
    keys: Mutex<Vec<IssuerKey>>,
    fault: Mutex<Fault>,
    max_age_s: Mutex<Option<u64>>,
    jwks_fetches: AtomicU64,
    discovery_fetches: AtomicU64,
}

/// A running issuer. Dropping it stops it.
pub struct Issuer {
    server: Server,
    state: Arc<State>,
    url: String,
    first: Algorithm,
}

impl Issuer {
    /// The audience of a token unless its builder says otherwise.
    pub const AUDIENCE: &'static str = "https://api.example.com";
    /// The claim that [`TokenBuilder::account`] sets.
    pub const ACCOUNT_CLAIM: &'static str = "accountId";
    /// The claim that [`TokenBuilder::plan`] sets.
    pub const PLAN_CLAIM: &'static str = "plan";

    /// An issuer on a free port of 127.0.0.1 with an EdDSA and an ES256 key.
    ///
    /// # Errors
    /// When no listener can be had.
    pub fn start() -> Result<Issuer, TestkitError> {
        Issuer::with_keys(&[Algorithm::EdDsa, Algorithm::Es256])
    }

    /// An issuer on a free port with one key of each of these algorithms; tokens use the first by default.
    ///
    /// # Errors
    /// When no listener can be had.
    pub fn with_keys(algorithms: &[Algorithm]) -> Result<Issuer, TestkitError> {
        Issuer::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), algorithms)
    }

    /// As [`Issuer::with_keys`], on this address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start_at(address: SocketAddr, algorithms: &[Algorithm]) -> Result<Issuer, TestkitError> {
        let state = Arc::new(State::default());
        let handler: Arc<dyn Handler> = Arc::clone(&state) as Arc<dyn Handler>;
        let server = Server::start("issuer", address, handler)?;
        let url = format!("http://{}", server.address());
        state.url.lock().clone_from(&url);
        let issuer = Issuer {
            server,
            state,
            url,
            first: algorithms.first().copied().unwrap_or(Algorithm::EdDsa),
        };
        for algorithm in algorithms {
            issuer.add_key(*algorithm);
        }
        Ok(issuer)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its issuer identifier, `http://127.0.0.1:PORT`: the `iss` of its tokens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of its key set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}{JWKS_PATH}", self.url)
    }

    /// The key set as it is now, whatever the fault.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.state.jwks()
    }

    /// Starts a token for `subject`.
    pub fn token(&self, subject: &str) -> TokenBuilder<'_> {
        TokenBuilder::new(self, subject)
    }

    /// Adds a published key, which signs from now on for its algorithm; gives its kid.
    pub fn add_key(&self, algorithm: Algorithm) -> String {
        self.insert_key(algorithm, true)
    }

    /// Adds a key that is not in the key set yet; it signs only by [`TokenBuilder::kid`].
    pub fn add_hidden_key(&self, algorithm: Algorithm) -> String {
        self.insert_key(algorithm, false)
    }

    /// Puts a key into the key set; false when there is none of this id.
    pub fn publish(&self, kid: &str) -> bool {
        self.set_published(kid, true)
    }

    /// Takes a key out of the key set; it can still sign by [`TokenBuilder::kid`].
    pub fn retire(&self, kid: &str) -> bool {
        self.set_published(kid, false)
    }

    /// Adds a key and retires all others of its algorithm; gives the new kid.
    pub fn rotate(&self, algorithm: Algorithm) -> String {
        let kid = self.insert_key(algorithm, true);
        for entry in self.state.keys.lock().iter_mut() {
            if entry.key.algorithm() == algorithm && entry.key.kid() != kid {
                entry.published = false;
            }
        }
        kid
    }

    /// The key of this id, published or not.
    #[must_use]
    pub fn key(&self, kid: &str) -> Option<Arc<SigningKey>> {
        let keys = self.state.keys.lock();
        let entry = keys.iter().find(|entry| entry.key.kid() == kid);
        entry.map(|entry| Arc::clone(&entry.key))
    }

    /// The newest published key of `algorithm` (absent: the issuer's first); one is made where there is none.
    #[must_use]
    pub fn current_key(&self, algorithm: Option<Algorithm>) -> Arc<SigningKey> {
        let algorithm = algorithm.unwrap_or(self.first);
        loop {
            let newest = {
                let keys = self.state.keys.lock();
                let mut of_algorithm = keys
                    .iter()
                    .rev()
                    .filter(|entry| entry.published && entry.key.algorithm() == algorithm);
                of_algorithm.next().map(|entry| Arc::clone(&entry.key))
            };
            match newest {
                Some(key) => return key,
                None => self.add_key(algorithm),
            };
        }
    }

    /// Switches a fault on, or with [`Fault::None`] off. It holds when this returns.
    ///
    /// Answers false only when the port is taken by another process while coming back from [`Fault::Down`].
    pub fn set_fault(&self, fault: Fault) -> bool {
        let goes_down = fault == Fault::Down;
        *self.state.fault.lock() = fault;
        if goes_down {
            self.server.go_down()
        } else {
            self.server.come_up()
        }
    }

    /// Sends `Cache-Control: max-age` with both documents, or not.
    pub fn set_max_age(&self, max_age_s: Option<u64>) {
        *self.state.max_age_s.lock() = max_age_s;
    }

    /// How often the key set was asked for, also while a fault was on (but not [`Fault::Down`]).
    #[must_use]
    pub fn jwks_fetches(&self) -> u64 {
        self.state.jwks_fetches.load(Ordering::Relaxed)
    }

    /// How often the discovery document was asked for.
    #[must_use]
    pub fn discovery_fetches(&self) -> u64 {
        self.state.discovery_fetches.load(Ordering::Relaxed)
    }

    /// Connections that it accepted, whatever came over them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    fn insert_key(&self, algorithm: Algorithm, published: bool) -> String {
        let serial = self.state.keys.lock().len() + 1;
        let kid = format!("{}-{serial}", algorithm.as_str().to_ascii_lowercase());
        // Outside the lock: an RSA key takes long, and the key set must stay readable.
        let key = Arc::new(SigningKey::generate(&kid, algorithm));
        self.state.keys.lock().push(IssuerKey { key, published });
        kid
    }

    fn set_published(&self, kid: &str, published: bool) -> bool {
        let mut keys = self.state.keys.lock();
        let entry = keys.iter_mut().find(|entry| entry.key.kid() == kid);
        entry.is_some_and(|entry| {
            entry.published = published;
            true
        })
    }
}

impl State {
    fn jwks(&self) -> Value {
        let keys = self.keys.lock();
        let published = keys.iter().filter(|entry| entry.published);
        let jwks: Vec<Value> = published.map(|entry| entry.key.jwk()).collect();
        json!({ "keys": jwks })
    }

    fn discovery(&self, issuer: &str) -> Value {
        let url = self.url.lock();
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{url}{JWKS_PATH}"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "ES256", "RS256"],
        })
    }

    fn document(&self, path: &str, fault: &Fault) -> Option<Value> {
        match path {
            JWKS_PATH => {
                self.jwks_fetches.fetch_add(1, Ordering::Relaxed);
                Some(match fault {
                    Fault::EmptySet => json!({ "keys": [] }),
                    _ => self.jwks(),
                })
            }
            DISCOVERY_PATH => {
                self.discovery_fetches.fetch_add(1, Ordering::Relaxed);
                let own = self.url.lock().clone();
                Some(match fault {
                    Fault::OtherIssuer(other) => self.discovery(other),
                    _ => self.discovery(&own),
                })
            }
            _ => None,
        }
    }

    fn respond(&self, path: &str, fault: &Fault) -> Response<Body> {
        let Some(document) = self.document(path, fault) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let mut response = json_answer(StatusCode::OK, &document);
        if let Some(max_age_s) = *self.max_age_s.lock()
            && let Ok(value) = HeaderValue::try_from(format!("max-age={max_age_s}"))
        {
            response.headers_mut().insert(header::CACHE_CONTROL, value);
        }
        match fault {
            Fault::Status(status) => {
                bare(StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            }
            Fault::Body(text) => {
                *response.body_mut() = full(text.clone());
                response
            }
            Fault::SlowDrip => {
                *response.body_mut() = Dripping::body(document.to_string().into(), DRIP_PAUSE);
                response
            }
            Fault::Oversize(bytes) => {
                *response.body_mut() = Generated::body(*bytes, Ending::Open);
                response
            }
            Fault::Redirect(target) => {
                let mut response = bare(StatusCode::FOUND);
                if let Ok(target) = HeaderValue::try_from(target) {
                    response.headers_mut().insert(header::LOCATION, target);
                }
                response
            }
            Fault::None | Fault::EmptySet | Fault::OtherIssuer(_) | Fault::Hang | Fault::Down => {
                response
            }
        }
    }
}

impl Handler for State {
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        Box::pin(async move {
            let fault = self.fault.lock().clone();
            let response = self.respond(request.uri().path(), &fault);
            if fault == Fault::Hang {
                std::future::pending::<()>().await;
            }
            Ok(response)
        })
    }
}
