//! An engine that trusts the issuers of a world, and requests to it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tollgate_engine::limiter::{Clock, FakeClock, Partition, TableSize};
use tollgate_engine::policy::Policy;
use tollgate_engine::{
    AnswerContext, Decision, Engine, EngineOptions, Outcome, Rejection, RequestHead,
    Unauthenticated, Verdict,
};

use crate::corpus::{Trusted, TrustedKeys, World};
use crate::support::{AUDIENCE, NOW_S};

const REST: &str = "
routes: [GET /orders]
plans:
  anonymous: {limits: [{name: burst, rate: 1/1h, burst: 20}]}
  standard: {limits: [{name: burst, rate: 1/1h, burst: 20}]}
default_plan: standard
";

pub(crate) struct Gateway {
    engine: Arc<Engine>,
    clock: FakeClock,
}

/// A GET as a test writes it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    target: String,
    headers: HeaderMap,
    peer: IpAddr,
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Name and sentence of the reason, where the credential is refused.
    pub(crate) reason: Option<(&'static str, &'static str)>,
}

/// What `GET /rate_limit` shows a caller of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) remaining: u64,
    pub(crate) anonymous: bool,
}

// === impl Gateway ===

impl Gateway {
    /// Without a token it is 401.
    pub(crate) fn closed(world: &World) -> Self {
        Self::new(world, "")
    }

    /// Without a token it is the network that is counted.
    pub(crate) fn open(world: &World) -> Self {
        Self::new(world, "  anonymous: {plan: anonymous}\n")
    }

    fn new(world: &World, identity: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut issuers = String::new();
        for trusted in &world.issuers {
            write_issuer(&mut issuers, trusted, folder.path());
        }
        let text = format!(
            "tollgate: 1\norigin: http://127.0.0.1:9\nidentity:\n  issuers:\n{issuers}{identity}{REST}"
        );
        let policy = Policy::parse("tollgate.yaml", &text, folder.path())
            .unwrap_or_else(|wrong| panic!("{wrong}"));
        let options = EngineOptions {
            threads: 1,
            table: Some(TableSize {
                users: 700,
                networks: 700,
            }),
            ..EngineOptions::default()
        };
        Self {
            engine: Engine::new(policy, options).unwrap(),
            clock: FakeClock::at_unix_ms(NOW_S * 1_000),
        }
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        let decision = self.decide(request);
        let answer = decision.answer(&AnswerContext::default());
        Answer {
            status: answer.map_or(StatusCode::OK, |answer| answer.status()),
            reason: reason(&decision),
        }
    }

    pub(crate) fn decide(&self, request: &Request) -> Decision {
        match self.engine.decide(&request.head(), self.clock.now()) {
            Outcome::Decided(decision) => decision,
            Outcome::AwaitKeys(_) => panic!("every key set here is in memory"),
        }
    }

    /// What the sender of this request has left; looking is free.
    pub(crate) fn own(&self, request: &Request) -> Own {
        let look = Request {
            target: "/rate_limit?path=/orders".to_owned(),
            ..request.clone()
        };
        let (decision, head) = (self.decide(&look), look.head());
        let context = AnswerContext::default();
        let answer = self.engine.own_answer(&decision, &head, &context).unwrap();
        let shown: Value = serde_json::from_slice(answer.body()).unwrap();
        Own {
            remaining: shown["routes"][0]["limits"][0]["remaining"]
                .as_u64()
                .unwrap(),
            anonymous: shown["anonymous"].as_bool().unwrap(),
        }
    }

    /// The name of a caller's bucket outside the process.
    pub(crate) fn bucket_id(&self, request: &Request) -> String {
        let decision = self.decide(request);
        decision.snapshot.bucket_id(&decision).unwrap().to_string()
    }

    /// How much of the users' part of the table is in use. The attacker's own network has a bucket
    /// in the other part: that of its failures.
    pub(crate) fn in_use(&self) -> f64 {
        let table = self.engine.table();
        table.occupancy(Partition::Users, self.clock.now()).used
    }
}

fn write_issuer(text: &mut String, trusted: &Trusted, folder: &Path) {
    let Trusted {
        issuer,
        keys,
        typ,
        subject_claim,
    } = trusted;
    let keys = match keys {
        TrustedKeys::Public(jwks) => format!(
            "jwks: {{inline: '{}'}}\n      algorithms: [EdDSA, ES256, ES384, ES512, RS256, RS384, \
             RS512, PS256, PS384, PS512]",
            str::from_utf8(jwks).unwrap()
        ),
        TrustedKeys::Shared(secret) => {
            std::fs::write(folder.join("secret"), secret).unwrap();
            "secret_file: secret\n      algorithms: [HS256]".to_owned()
        }
    };
    let typ = typ.map_or_else(String::new, |typ| format!("      typ: {typ}\n"));
    writeln!(
        text,
        "    - issuer: {issuer}\n      audience: {AUDIENCE}\n      max_lifetime: 24h\n      \
         claims: {{subject: {subject_claim}, account: account, plan: plan}}\n{typ}      {keys}"
    )
    .unwrap();
}

fn reason(decision: &Decision) -> Option<(&'static str, &'static str)> {
    match &decision.verdict {
        Verdict::Unauthenticated(Unauthenticated::InvalidToken(error)) => {
            Some((error.code(), error.description()))
        }
        Verdict::Unauthenticated(Unauthenticated::EmptyCredential(error))
        | Verdict::BadRequest(Rejection::Credential(error)) => {
            Some((error.code(), error.description()))
        }
        _ => None,
    }
}

// === impl Request ===

impl Request {
    pub(crate) fn new() -> Self {
        Self {
            target: "/orders".to_owned(),
            headers: HeaderMap::new(),
            peer: IpAddr::from([192, 0, 2, 7]),
        }
    }

    pub(crate) fn bearer(token: &str) -> Self {
        Self::new().field("authorization", &format!("Bearer {token}"))
    }

    /// With these `Authorization` fields; `None` where no field can hold the bytes.
    pub(crate) fn authorized(fields: &[String]) -> Option<Self> {
        let mut request = Self::new();
        for field in fields {
            let value = HeaderValue::from_bytes(field.as_bytes()).ok()?;
            request.headers.append(http::header::AUTHORIZATION, value);
        }
        Some(request)
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.append(name, value);
        self
    }

    pub(crate) fn query(mut self, query: &str) -> Self {
        self.target = format!("/orders?{query}");
        self
    }

    pub(crate) fn from(mut self, peer: [u8; 4]) -> Self {
        self.peer = peer.into();
        self
    }

    fn head(&self) -> RequestHead<'_> {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        RequestHead {
            method: &Method::GET,
            path,
            query,
            headers: &self.headers,
            peer: self.peer,
            certificate: None,
        }
    }
}
