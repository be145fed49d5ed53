//! The layers that are measured, each around the same service, and what they are asked.

use std::convert::Infallible;
use std::future::Ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Response, StatusCode};
use serde_json::json;
use tollgate_engine::limiter::SystemClock;
use tollgate_engine::policy::Policy;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_testkit::{Algorithm, SigningKey};
use tollgate_tower::{Peer, TollgateLayer};
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt};
use tower_governor::GovernorError;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::{KeyExtractor, SmartIpKeyExtractor};

use super::KEYS;
use crate::load::{AUDIENCE, ISSUER};

/// The field that the peer's key is taken from.
const USER_FIELD: &str = "x-user";
/// What comes with every request of a program behind a load balancer.
const FIELDS: [(&str, &str); 7] = [
    ("host", "api.example.com"),
    ("user-agent", "orders-client/2.4"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-proto", "https"),
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
];
/// Of a policy whose service takes the caller from the request's extensions.
const WITHOUT_FIELDS: &str = "forward: {identity_headers: off}\nresponses: {headers: none}\n";
/// A burst that nobody uses up, and how fast it comes back.
const BURST: u32 = 1_000_000;
const PERIOD: Duration = Duration::from_nanos(100);
/// How long the tokens are valid, in seconds.
const LIFETIME_S: u64 = 12 * 3_600;

type Call = Box<dyn FnMut(Vec<Request<()>>) -> Pin<Box<dyn Future<Output = usize>>>>;

/// One layer.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) does: &'static str,
    /// One for each caller.
    pub(super) requests: Vec<Request<()>>,
    /// Calls the service with each, and says how many were answered by it.
    pub(super) call: Call,
}

/// All of them; the first is the service alone.
pub(super) fn contenders() -> Result<Vec<Contender>, String> {
    let key = SigningKey::generate("k1", Algorithm::EdDsa);
    let anonymous = requests(None);
    let with_tokens = requests(Some(&key));
    let refused = |_: GovernorError| answer(StatusCode::TOO_MANY_REQUESTS);
    let by_field = GovernorConfigBuilder::default()
        .key_extractor(UserField)
        .period(PERIOD)
        .burst_size(BURST)
        .finish()
        .ok_or("no quota")?;
    let with_fields = GovernorConfigBuilder::default()
        .key_extractor(UserField)
        .period(PERIOD)
        .burst_size(BURST)
        .use_headers()
        .finish()
        .ok_or("no quota")?;
    let by_address = GovernorConfigBuilder::default()
        .key_extractor(SmartIpKeyExtractor)
        .period(PERIOD)
        .burst_size(BURST)
        .finish()
        .ok_or("no quota")?;
    Ok(vec![
        contender("service", "alone", &with_tokens, Answering),
        contender(
            "tower_governor-field",
            "a quota for the value of a field; verifies nothing",
            &with_tokens,
            GovernorLayer::new(by_field)
                .error_handler(refused)
                .layer(Answering),
        ),
        contender(
            "tower_governor-field-headers",
            "the same, and writes two fields into the answer",
            &with_tokens,
            GovernorLayer::new(with_fields)
                .error_handler(refused)
                .layer(Answering),
        ),
        contender(
            "tower_governor-address",
            "a quota for the client's address",
            &anonymous,
            GovernorLayer::new(by_address)
                .error_handler(refused)
                .layer(Answering),
        ),
        contender(
            "tollgate-address",
            "route, one limit for the client's network",
            &anonymous,
            tollgate(&key, WITHOUT_FIELDS)?.layer(Answering),
        ),
        contender(
            "tollgate-token",
            "verified token (EdDSA, remembered), route, plan, one limit for the user",
            &with_tokens,
            tollgate(&key, WITHOUT_FIELDS)?.layer(Answering),
        ),
        contender(
            "tollgate-token-fields",
            "the same, and writes two fields into the request and two into the answer",
            &with_tokens,
            tollgate(&key, "")?.layer(Answering),
        ),
    ])
}

fn tollgate(key: &SigningKey, fields: &str) -> Result<TollgateLayer, String> {
    let jwks = json!({ "keys": [key.jwk()] });
    let text = format!(
        "tollgate: 1\n\
         origin: http://127.0.0.1:9\n\
         identity:\n\
         \x20 issuers:\n\
         \x20   - issuer: {ISSUER}\n\
         \x20     audience: {AUDIENCE}\n\
         \x20     algorithms: [EdDSA]\n\
         \x20     jwks: {{inline: '{jwks}'}}\n\
         \x20 anonymous: {{plan: anonymous}}\n\
         routes: ['GET /orders/{{order_id}}']\n\
         plans:\n\
         \x20 anonymous: {{limits: [{{name: burst, rate: 10000000/s, burst: {BURST}, per: network}}]}}\n\
         \x20 standard: {{limits: [{{name: burst, rate: 10000000/s, burst: {BURST}}}]}}\n\
         default_plan: standard\n\
         {fields}"
    );
    let policy = Policy::parse("tower.yaml", &text, Path::new("."));
    let options = EngineOptions {
        threads: 1,
        ..EngineOptions::default()
    };
    let engine = policy.map_err(|wrong| wrong.to_string())?;
    let engine = Engine::new(engine, options).map_err(|wrong| wrong.to_string())?;
    Ok(TollgateLayer::new(engine, SystemClock::new()))
}

/// A request of each caller: from an address of its own, and with a token if there is a key for it.
fn requests(key: Option<&SigningKey>) -> Vec<Request<()>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_s = since.map_or(0, |since| since.as_secs());
    let request = |caller: usize| {
        let user = format!("user_{caller:04}");
        let octet = |value: usize| u8::try_from(value % 250).unwrap_or(0);
        let address = Ipv4Addr::new(198, 18, octet(caller / 250), octet(caller));
        let peer = SocketAddr::new(IpAddr::V4(address), 4_711);
        let mut request = Request::new(());
        *request.uri_mut() = http::Uri::from_static("/orders/1");
        // Where each layer looks for it.
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(peer);
        let fields = request.headers_mut();
        for (name, value) in FIELDS {
            fields.append(name, http::HeaderValue::from_static(value));
        }
        if let Some(key) = key {
            let header = json!({ "alg": "EdDSA", "kid": key.kid(), "typ": "JWT" });
            let claims = json!({
                "iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now_s, "exp": now_s + LIFETIME_S,
            });
            let token = format!("Bearer {}", key.sign_compact(&header, &claims));
            fields.extend(
                token
                    .parse()
                    .map(|token| (http::header::AUTHORIZATION, token)),
            );
        }
        let name = http::HeaderName::from_static(USER_FIELD);
        fields.extend(user.parse().map(|user| (name, user)));
        request
    };
    (0..KEYS).map(request).collect()
}

fn contender<S, B>(
    name: &'static str,
    does: &'static str,
    requests: &[Request<()>],
    service: S,
) -> Contender
where
    S: Service<Request<()>, Response = Response<B>> + Clone + 'static,
{
    let call: Call = Box::new(move |requests| {
        let mut service = service.clone();
        Box::pin(async move {
            let mut passed = 0;
            for request in requests {
                let Ok(ready) = service.ready().await else {
                    continue;
                };
                let answer = ready.call(request).await;
                passed += usize::from(answer.is_ok_and(|answer| answer.status() == StatusCode::OK));
            }
            passed
        })
    });
    Contender {
        name,
        does,
        requests: requests.to_vec(),
        call,
    }
}

/// The service within: an empty answer, at once.
#[derive(Clone)]
struct Answering;

impl Service<Request<()>> for Answering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(answer(StatusCode::OK)))
    }
}

fn answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

/// The peer's key: a field's value.
#[derive(Clone)]
struct UserField;

impl KeyExtractor for UserField {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let user = request.headers().get(USER_FIELD);
        let user = user.and_then(|user| user.to_str().ok());
        user.map(str::to_owned)
            .ok_or(GovernorError::UnableToExtractKey)
    }
}
