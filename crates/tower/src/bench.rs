//! A policy, an issuer's key and a clock for this crate's tests.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tollgate_engine::limiter::{Clock, FakeClock, Now};
use tollgate_engine::policy::{CheckEndpoint, Policy};
use tollgate_engine::{Engine, EngineOptions};
use tollgate_testkit::{Algorithm, SigningKey};
use tower::ServiceExt;

use crate::{CheckService, Peer, TollgateLayer};

/// 2026-01-01.
const START_UNIX_S: u64 = 1_767_225_600;

const RING: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 - current\n";

/// Three routes, two plans, and a proxy in front of the one that asks.
const POLICY: &str = "
tollgate: 1
origin: http://127.0.0.1:9
check: {trusted_peers: [127.0.0.1, 10.0.0.5]}
identity:
  issuers:
    - issuer: https://i
      audience: us
      algorithms: [EdDSA]
      jwks: JWKS
      claims: {account: account, plan: plan}
  anonymous: {plan: anonymous}
  trusted_proxies: [198.51.100.0/24]
routes: [GET /orders, 'GET /orders/{order_id}', POST /orders, POST /pkg.Svc/Method]
plans:
  anonymous:
    limits: [{name: burst, rate: 1/10s, burst: 2, per: network}]
  standard:
    message: slow down
    limits: [{name: burst, rate: 1/10s, burst: 3}]
    routes:
      POST /orders: [{name: at_once, concurrency: 1}]
default_plan: standard
";

/// One gateway's worth of services, at a time that stands still.
pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: SharedClock,
    pub(crate) key: SigningKey,
    pub(crate) check: CheckService,
}

#[derive(Clone, Debug)]
pub(crate) struct SharedClock(Arc<FakeClock>);

impl Clock for SharedClock {
    fn now(&self) -> Now {
        self.0.now()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let key = SigningKey::generate("k1", Algorithm::EdDsa);
        let jwks = inline(&key);
        Self::with(key, &jwks, "", "")
    }

    /// With this line of `identity` and these sections besides; there is a ring of bucket ids.
    pub(crate) fn under(identity: &str, sections: &str) -> Self {
        let mut ring = NamedTempFile::new().unwrap();
        ring.write_all(RING.as_bytes()).unwrap();
        let identity = format!("  bucket_keys: {}\n  {identity}", ring.path().display());
        let key = SigningKey::generate("k1", Algorithm::EdDsa);
        let jwks = inline(&key);
        Self::with(key, &jwks, &identity, sections)
    }

    /// An issuer whose keys nobody has fetched.
    pub(crate) fn without_keys() -> Self {
        let key = SigningKey::generate("k1", Algorithm::EdDsa);
        Self::with(key, "https://i/jwks", "", "")
    }

    fn with(key: SigningKey, jwks: &str, identity: &str, sections: &str) -> Self {
        let text = POLICY.replace("JWKS", jwks);
        let text = text.replace("\nroutes:", &format!("\n{identity}\nroutes:")) + sections;
        let policy = Policy::parse("test.yaml", &text, Path::new("."));
        let policy = policy.unwrap_or_else(|wrong| panic!("{wrong}"));
        let config: CheckEndpoint = policy.check_endpoint().unwrap().clone();
        let options = EngineOptions {
            threads: 1,
            ..EngineOptions::default()
        };
        let engine = Engine::new(policy, options).unwrap();
        let clock = FakeClock::at_unix_ms(START_UNIX_S * 1_000);
        let clock = SharedClock(Arc::new(clock));
        Self {
            check: CheckService::new(Arc::clone(&engine), clock.clone(), config),
            engine,
            clock,
            key,
        }
    }

    pub(crate) fn layer(&self) -> TollgateLayer {
        TollgateLayer::new(Arc::clone(&self.engine), self.clock.clone())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.0.advance(Duration::from_secs(seconds));
    }

    /// `Bearer` and a token that is good for an hour.
    pub(crate) fn bearer(&self, subject: &str) -> String {
        let now = self.clock.now().unix_s();
        let claims = json!({
            "iss": "https://i", "aud": "us", "sub": subject, "account": "acme",
            "iat": now, "exp": now + 3_600,
        });
        let header = json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"});
        format!("Bearer {}", self.key.sign_compact(&header, &claims))
    }

    /// Asks the listener, as a trusted peer.
    pub(crate) async fn ask(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask_as("127.0.0.1:4711", method, target, fields, "")
            .await
    }

    pub(crate) async fn ask_as(
        &self,
        peer: &str,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        if let Ok(peer) = peer.parse() {
            request = request.extension(Peer(peer));
        }
        let request = request.body(Full::<Bytes>::from(body.to_owned())).unwrap();
        Answer::of(self.check.clone().oneshot(request).await.unwrap()).await
    }

    /// Calls the decision API.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        let body = body.to_string();
        self.ask_as("127.0.0.1:4711", "POST", path, &json, &body)
            .await
    }
}

fn inline(key: &SigningKey) -> String {
    format!("{{inline: '{}'}}", json!({ "keys": [key.jwk()] }))
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(bytes.into()).unwrap(),
        }
    }

    /// A field's one value, or nothing.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} stands twice");
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}
