//! What one decision costs: token remembered, route among 500 templates, two limits.
//!
//! `cargo bench -p tollgate-engine`. Prints what it measured; asserts nothing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a measuring program"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use tollgate_engine::{AnswerContext, Engine, EngineOptions, Outcome, RequestHead};
use tollgate_limiter::{Clock, SystemClock};
use tollgate_policy::Policy;
use tollgate_testkit::{Algorithm, SigningKey};

const USERS: usize = 10_000;
const ROUTES: usize = 500;
const DECISIONS: usize = 2_000_000;

fn policy(key: &SigningKey, burst: u64) -> Policy {
    let jwks = json!({ "keys": [key.jwk()] });
    let mut text = format!(
        "tollgate: 1
origin: http://127.0.0.1:9
identity:
  issuers:
    - {{issuer: 'https://login.example.com', audience: 'https://api.example.com', algorithms: [EdDSA], jwks: {{inline: '{jwks}'}}, claims: {{account: accountId, plan: plan}}}}
plans:
  standard:
    limits:
      - {{name: burst, rate: 1000000/s, burst: {burst}}}
      - {{name: sustained, rate: 1000/1h, burst: {burst}}}
default_plan: standard
routes:
"
    );
    for n in 0..ROUTES {
        writeln!(text, "  - GET /service{n}/orders/{{order_id}}").unwrap();
    }
    Policy::parse("tollgate.yaml", &text, Path::new(".")).unwrap()
}

fn tokens(key: &SigningKey, now_s: u64) -> Vec<HeaderMap> {
    let header = json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"});
    let mint = |n: usize| {
        let claims = json!({
            "iss": "https://login.example.com", "aud": "https://api.example.com",
            "sub": format!("user_{n:06}"), "accountId": format!("acc_{}", n % 100),
            "plan": "standard", "iat": now_s, "exp": now_s + 86_400,
            "scope": "orders:read orders:write invoices:read items:read", "jti": n.to_string(),
        });
        let token = key.sign_compact(&header, &claims);
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("api.example.com"));
        headers.insert("user-agent", HeaderValue::from_static("bench/1"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        headers.insert("authorization", value);
        headers
    };
    (0..USERS).map(mint).collect()
}

fn measure(name: &str, count: usize, mut run: impl FnMut(usize)) {
    let started = Instant::now();
    for n in 0..count {
        run(n);
    }
    let each = started.elapsed() / u32::try_from(count).unwrap();
    println!("{name:<44} {:>8} ns", each.as_nanos());
}

fn main() {
    let key = SigningKey::generate("k1", Algorithm::EdDsa);
    let clock = SystemClock::new();
    let callers = tokens(&key, clock.now().unix_s());
    let paths: Vec<String> = (0..ROUTES)
        .map(|n| format!("/service{n}/orders/{n}"))
        .collect();
    let head = |n: usize| RequestHead {
        method: &Method::GET,
        path: &paths[n % ROUTES],
        query: None,
        headers: &callers[n % USERS],
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        certificate: None,
    };
    println!("{USERS} users, {ROUTES} routes, two limits, one thread");
    for (name, burst) in [("admitted", 4_000_000), ("refused", 1)] {
        let engine = Engine::new(policy(&key, burst), EngineOptions::default()).unwrap();
        let decide = |n: usize| match engine.decide(&head(n), clock.now()) {
            Outcome::Decided(decision) => decision,
            Outcome::AwaitKeys(_) => unreachable!("keys are inline"),
        };
        for n in 0..USERS * 2 {
            black_box(decide(n % USERS));
        }
        measure(&format!("decide, {name}"), DECISIONS, |n| {
            black_box(decide(n));
        });
        let decision = decide(0);
        measure("  observe", DECISIONS, |_| {
            engine.observe(&decision, Duration::from_nanos(300));
        });
        measure("  rate-limit fields of the answer", DECISIONS, |_| {
            let mut headers = HeaderMap::with_capacity(16);
            decision.response_headers(&mut headers);
            black_box(headers);
        });
        measure("  head forwarded", DECISIONS, |n| {
            let mut headers = callers[n % USERS].clone();
            decision.forward_headers(&mut headers);
            black_box(headers);
        });
        measure("  (of which cloning the head)", DECISIONS, |n| {
            black_box(callers[n % USERS].clone());
        });
        if name == "refused" {
            measure("  answer 429", DECISIONS, |_| {
                black_box(decision.answer(&AnswerContext::default()));
            });
        }
    }
}
