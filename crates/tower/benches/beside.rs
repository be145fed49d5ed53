//! What the layer costs around a service that is ready at once, beside tower_governor's.
//!
//! `cargo bench -p tollgate-tower`. Prints what it measured; asserts nothing. Both count callers by their
//! address; only ours works out a route, writes fields and, in the second row, knows a user by a token.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a measuring program"
)]

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response};
use serde_json::json;
use tollgate_engine::limiter::{Clock, SystemClock};
use tollgate_engine::policy::Policy;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_testkit::{Algorithm, SigningKey};
use tollgate_tower::{Peer, TollgateLayer};
use tower::{Layer, Service, service_fn};
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

const CALLERS: u32 = 10_000;
const CALLS: u32 = 1_000_000;
const ROUNDS: usize = 5;

/// Takes the address from where ours does.
#[derive(Clone)]
struct ByPeer;

impl KeyExtractor for ByPeer {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        let peer = request.extensions().get::<Peer>();
        peer.map(|peer| peer.0.ip())
            .ok_or(GovernorError::UnableToExtractKey)
    }
}

fn engine(key: &SigningKey) -> std::sync::Arc<Engine> {
    let jwks = json!({ "keys": [key.jwk()] });
    let text = format!(
        "tollgate: 1
origin: http://127.0.0.1:9
identity:
  issuers:
    - {{issuer: https://i, audience: us, algorithms: [EdDSA], jwks: {{inline: '{jwks}'}}}}
  anonymous: {{plan: standard}}
routes: [GET /orders, 'GET /orders/{{id}}', POST /orders]
plans: {{standard: {{limits: [{{name: burst, rate: 1000000/s, burst: 1000000}}]}}}}
"
    );
    let policy = Policy::parse("bench.yaml", &text, Path::new(".")).unwrap();
    let options = EngineOptions {
        threads: 1,
        ..EngineOptions::default()
    };
    Engine::new(policy, options).unwrap()
}

fn tokens(key: &SigningKey) -> Vec<HeaderMap> {
    let now_s = SystemClock::new().now().unix_s();
    let of = |caller: u32| {
        let claims = json!({
            "iss": "https://i", "aud": "us", "sub": format!("user_{caller}"), "exp": now_s + 3_600,
        });
        let header = json!({"alg": "EdDSA", "kid": "k"});
        let token = format!("Bearer {}", key.sign_compact(&header, &claims));
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(token).unwrap())])
    };
    (0..CALLERS).map(of).collect()
}

fn request(caller: u32, fields: Option<&HeaderMap>) -> Request<()> {
    let address = (caller.to_be_bytes(), 4711);
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static("/orders/7");
    if let Some(fields) = fields {
        request.headers_mut().clone_from(fields);
    }
    request.extensions_mut().insert(Peer(address.into()));
    request
}

/// Nanoseconds a call, the least of some rounds.
fn measure<S, R>(service: &mut S, tokens: Option<&[HeaderMap]>) -> f64
where
    S: Service<Request<()>, Response = Response<R>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut round = || {
        let started = Instant::now();
        let mut refused = 0_u32;
        for call in 0..CALLS {
            let caller = call % CALLERS;
            let fields = tokens.map(|tokens| &tokens[caller as usize]);
            assert!(service.poll_ready(&mut context).is_ready());
            let mut answer = pin!(service.call(request(caller, fields)));
            let Poll::Ready(Ok(answer)) = answer.as_mut().poll(&mut context) else {
                unreachable!("the service is ready at once");
            };
            refused += u32::from(!answer.status().is_success());
        }
        assert_eq!(refused, 0, "a refusal costs something else");
        started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    round();
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

async fn hello(_: Request<()>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("hello")))
}

fn main() {
    let key = SigningKey::generate("k", Algorithm::EdDsa);
    let tokens = tokens(&key);
    let inner = service_fn(hello);
    let ours = TollgateLayer::new(engine(&key), SystemClock::new());
    let mut by_peer = GovernorConfigBuilder::default().key_extractor(ByPeer);
    let by_peer = by_peer.per_nanosecond(1_000).burst_size(1_000_000);
    let theirs = GovernorLayer::new(by_peer.finish().unwrap());
    let telling = GovernorLayer::new(by_peer.use_headers().finish().unwrap());

    let bare = measure(&mut inner.clone(), None);
    let bare_token = measure(&mut inner.clone(), Some(&tokens));
    println!("service alone                     {bare:>7.0} ns a request");
    let rows = [
        (
            "tollgate, by address",
            measure(&mut ours.layer(inner), None) - bare,
        ),
        (
            "tollgate, by token",
            measure(&mut ours.layer(inner), Some(&tokens)) - bare_token,
        ),
        (
            "tower_governor",
            measure(&mut theirs.layer(inner), None) - bare,
        ),
        (
            "tower_governor, with fields",
            measure(&mut telling.layer(inner), None) - bare,
        ),
    ];
    for (name, ns) in rows {
        println!("{name:<32}  {ns:>7.0} ns more");
    }
}
