//! A gateway's worth of policy, an issuer's key, and requests in one line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tollgate_engine::{
    ClientCertificate, Decision, Engine, EngineOptions, Outcome, RequestHead, Standings, Verdict,
};
use tollgate_limiter::{Clock, FakeClock, Now, TableSize};
use tollgate_policy::Policy;
use tollgate_testkit::{Algorithm, SigningKey};

pub(crate) const ISSUER: &str = "https://login.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// 2026-01-01, so that token times are plain to read.
pub(crate) const START_UNIX_S: u64 = 1_767_225_600;

pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: FakeClock,
    pub(crate) key: SigningKey,
}

/// A request as a test writes it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    peer: IpAddr,
    certificate: Option<ClientCertificate>,
}

/// The usual policy; `plans` and what follows is the test's own.
pub(crate) fn policy_text(key: &SigningKey, rest: &str) -> String {
    policy_with_identity(key, rest, "")
}

/// As [`policy_text`], with more lines of `identity`.
fn policy_with_identity(key: &SigningKey, rest: &str, identity: &str) -> String {
    let jwks = json!({ "keys": [key.jwk()] });
    format!(
        "tollgate: 1
origin: http://127.0.0.1:9
identity:
  issuers:
    - issuer: {ISSUER}
      audience: {AUDIENCE}
      algorithms: [EdDSA]
      jwks: {{inline: '{jwks}'}}
      claims: {{account: accountId, plan: plan}}
  anonymous: {{plan: anonymous}}
{identity}{rest}"
    )
}

/// Three routes and three plans.
pub(crate) const REST: &str = "
routes: [GET /orders, POST /orders, 'GET /orders/{order_id}', GET /billing]
plans:
  anonymous:
    limits: [{name: burst, rate: 1/s, burst: 2, per: network}]
  standard:
    limits: [{name: burst, rate: 10/s, burst: 3}]
    routes:
      POST /orders: [{name: burst, rate: 1/s, burst: 1}]
  gold:
    upgrade_url: https://example.com/upgrade
    message: ask your account manager
    headers: {x-support: gold-line}
    limits: [{name: burst, rate: 10/s, burst: 5}, {name: hourly, rate: 100/1h, burst: 6}]
default_plan: standard
never_block: [GET /billing]
";

impl Bench {
    pub(crate) fn new(rest: &str) -> Self {
        Self::with_identity(rest, "")
    }

    /// As [`Bench::new`], with more lines of `identity`.
    pub(crate) fn with_identity(rest: &str, identity: &str) -> Self {
        let key = SigningKey::generate("k1", Algorithm::EdDsa);
        let policy = parse(&policy_with_identity(&key, rest, identity));
        let engine = Engine::new(policy, options()).unwrap();
        Self {
            engine,
            clock: FakeClock::at_unix_ms(START_UNIX_S * 1_000),
            key,
        }
    }

    /// As [`Bench::new`], where somebody knows more of users than the policy does.
    pub(crate) fn with_standings(rest: &str, standings: Arc<dyn Standings>) -> Self {
        let key = SigningKey::generate("k1", Algorithm::EdDsa);
        let options = EngineOptions {
            standings: Some(standings),
            ..options()
        };
        Self {
            engine: Engine::new(parse(&policy_text(&key, rest)), options).unwrap(),
            clock: FakeClock::at_unix_ms(START_UNIX_S * 1_000),
            key,
        }
    }

    pub(crate) fn reload_identity(&self, rest: &str, identity: &str) {
        let policy = parse(&policy_with_identity(&self.key, rest, identity));
        self.engine.reload(policy).unwrap();
    }

    pub(crate) fn usual() -> Self {
        Self::new(REST)
    }

    /// A token with the given claims over the usual ones, valid for an hour.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let now = self.clock.now().unix_s();
        let mut all = json!({"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3_600});
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let header = json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"});
        self.key.sign_compact(&header, &all)
    }

    pub(crate) fn user(&self, sub: &str) -> String {
        self.token(&json!({ "sub": sub }))
    }

    pub(crate) fn decide(&self, ask: &Ask) -> Decision {
        match self.engine.decide(&ask.head(), self.clock.now()) {
            Outcome::Decided(decision) => decision,
            Outcome::AwaitKeys(_) => panic!("no test here waits for keys"),
        }
    }

    /// How many of `count` equal requests pass.
    pub(crate) fn allowed(&self, ask: &Ask, count: usize) -> usize {
        let allowed = |_: &usize| matches!(self.decide(ask).verdict, Verdict::Allow);
        (0..count).filter(allowed).count()
    }

    pub(crate) fn clock_now(&self) -> Now {
        self.clock.now()
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Self {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.to_owned(),
            query,
            headers: HeaderMap::new(),
            peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            certificate: None,
        }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    /// On a connection whose client showed this certificate.
    pub(crate) fn showing(mut self, certificate: &ClientCertificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            peer: self.peer,
            certificate: self.certificate.as_ref(),
        }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }
}

pub(crate) fn parse(text: &str) -> Policy {
    match Policy::parse("tollgate.yaml", text, Path::new(".")) {
        Ok(policy) => policy,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

pub(crate) fn options() -> EngineOptions {
    EngineOptions {
        threads: 1,
        table: Some(TableSize {
            users: 7_000,
            networks: 7_000,
        }),
        ..EngineOptions::default()
    }
}
