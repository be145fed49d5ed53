//! The tower layer, the check endpoint in its dialects and the decision API, in the suite of all front doors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body_util::{BodyExt, Empty, Full};
use serde_json::{Map, Value, json};
use tollgate_conformance::{Abilities, Answer, Frontend, Request, Session, Stage, Verdict, run};
use tollgate_engine::limiter::{Clock, FakeClock, Now};
use tollgate_tower::{CheckService, Peer, TollgateLayer};
use tower::{Layer, ServiceExt, service_fn};

const ID: &str = "x-ratelimit-user-id";
const NO_REWRITE: (&str, &str) = (
    "rewritten-paths",
    "who only asks cannot rewrite a path: 400",
);
const REFUSED: (&str, &str) = (
    "other-limiters",
    "who only asks cannot take other limiters' fields off: 400",
);
const FORWARDED: (&str, &str) = (
    "other-limiters",
    "the program decides what else it forwards",
);

/// The stage's clock, for services that want one of their own.
#[derive(Clone)]
struct SharedClock(Arc<FakeClock>);

impl Clock for SharedClock {
    fn now(&self) -> Now {
        self.0.now()
    }
}

/// Runs what is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn bucket(forwarded: &HeaderMap) -> Option<String> {
    let id = forwarded.get(ID)?.to_str().unwrap();
    Some(id.to_owned()).filter(|id| !id.is_empty())
}

/// The request itself, as whoever asks about it sends it.
fn asked<B>(request: &Request, method: &Method, target: &str, body: B) -> http::Request<B> {
    let mut asked = http::Request::new(body);
    *asked.method_mut() = method.clone();
    *asked.uri_mut() = target.parse().unwrap();
    asked.headers_mut().clone_from(&request.headers);
    let peer = Peer(SocketAddr::new(request.peer, 4711));
    asked.extensions_mut().insert(peer);
    asked
}

struct Layered;

struct OpenLayer {
    layer: TollgateLayer,
}

impl Frontend for Layered {
    fn name(&self) -> &'static str {
        "tower layer"
    }

    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        let clock = SharedClock(Arc::clone(&stage.clock));
        let layer = TollgateLayer::new(stage.engine(""), clock);
        Box::new(OpenLayer { layer })
    }
}

impl Session for OpenLayer {
    fn ask(&mut self, request: &Request) -> Answer {
        let forwarded = Arc::new(Mutex::new((None, HeaderMap::new())));
        let seen = Arc::clone(&forwarded);
        let inner = service_fn(move |request: http::Request<Empty<Bytes>>| {
            let target = request.uri().to_string();
            *seen.lock().unwrap() = (Some(target), request.headers().clone());
            async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
        });
        let asked = asked(request, &request.method, &request.target, Empty::new());
        let answer = now(self.layer.layer(inner).oneshot(asked)).unwrap();
        let (target, forwarded) = forwarded.lock().unwrap().clone();
        let (parts, body) = answer.into_parts();
        Answer {
            fields: parts.headers,
            body: now(body.collect()).unwrap().to_bytes().to_vec(),
            bucket: bucket(&forwarded),
            forwarded,
            target,
            ..Answer::of(Verdict::of_status(parts.status.as_u16()))
        }
    }
}

#[derive(Clone, Copy)]
enum Dialect {
    Forwarded,
    Nginx,
    Envoy,
}

struct Check(Dialect);

struct OpenCheck {
    service: CheckService,
    dialect: Dialect,
}

fn check(stage: &Stage) -> CheckService {
    let policy = stage.policy("check: {}");
    let config = policy.check_endpoint().unwrap().clone();
    let clock = SharedClock(Arc::clone(&stage.clock));
    CheckService::new(stage.engine("check: {}"), clock, config)
}

impl Frontend for Check {
    fn name(&self) -> &'static str {
        match self.0 {
            Dialect::Forwarded => "check: Traefik, Caddy, HAProxy",
            Dialect::Nginx => "check: nginx",
            Dialect::Envoy => "check: Envoy over HTTP",
        }
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            not_these: &[NO_REWRITE, REFUSED],
            ..Abilities::default()
        }
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        Box::new(OpenCheck {
            service: check(stage),
            dialect: self.0,
        })
    }
}

impl Session for OpenCheck {
    fn ask(&mut self, request: &Request) -> Answer {
        let Request { method, target, .. } = request;
        let get = Method::GET;
        let (method, at, fields) = match self.dialect {
            Dialect::Envoy => (method, format!("/check/envoy{target}"), vec![]),
            Dialect::Forwarded => (
                &get,
                "/check".to_owned(),
                vec![
                    ("x-forwarded-method", method.to_string()),
                    ("x-forwarded-uri", target.clone()),
                ],
            ),
            Dialect::Nginx => (
                &get,
                "/check/nginx".to_owned(),
                vec![
                    ("x-original-method", method.to_string()),
                    ("x-original-uri", target.clone()),
                    ("x-real-ip", request.client.to_string()),
                ],
            ),
        };
        let mut question = asked(request, method, &at, Empty::<Bytes>::new());
        for (name, value) in fields {
            let value = HeaderValue::from_str(&value).unwrap();
            question.headers_mut().insert(name, value);
        }
        let answer = now(self.service.clone().oneshot(question)).unwrap();
        let fields = answer.headers();
        let real = fields.get("x-tollgate-status");
        let real = real.map(|status| status.to_str().unwrap().parse().unwrap());
        let verdict = Verdict::of_status(real.unwrap_or(answer.status().as_u16()));
        // What the proxies' configurations copy over the request's own.
        let mut forwarded = request.headers.clone();
        for (name, value) in fields {
            if name.as_str().starts_with("x-tollgate-") || name == ID {
                forwarded.insert(name.clone(), value.clone());
            }
        }
        let problem = fields.get("x-tollgate-problem");
        let problem = problem.map(|problem| problem.as_bytes().to_vec());
        let bucket = bucket(&forwarded);
        let (parts, body) = answer.into_parts();
        let body = now(body.collect()).unwrap().to_bytes().to_vec();
        Answer {
            fields: parts.headers,
            body: problem.unwrap_or(body),
            bucket,
            forwarded,
            ..Answer::of(verdict)
        }
    }
}

struct Decide;

struct OpenDecide(CheckService);

impl Frontend for Decide {
    fn name(&self) -> &'static str {
        "decision API"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            not_these: &[FORWARDED],
            ..Abilities::default()
        }
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        Box::new(OpenDecide(check(stage)))
    }
}

impl Session for OpenDecide {
    fn ask(&mut self, request: &Request) -> Answer {
        let mut headers = Map::new();
        for (name, value) in &request.headers {
            let text = String::from_utf8(value.as_bytes().to_vec()).unwrap();
            headers.insert(name.to_string(), json!(text));
        }
        let question = json!({
            "method": request.method.as_str(),
            "path": request.target,
            "remote_address": request.client,
            "headers": headers,
        });
        let body = Full::new(Bytes::from(question.to_string()));
        let mut post = http::Request::post("/v1/decide").body(body).unwrap();
        let json = HeaderValue::from_static("application/json");
        post.headers_mut().insert(CONTENT_TYPE, json);
        let peer = Peer(SocketAddr::new(request.peer, 4711));
        post.extensions_mut().insert(peer);
        let answer = now(async {
            let answer = self.0.clone().oneshot(post).await.unwrap();
            answer.into_body().collect().await.unwrap().to_bytes()
        });
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let status = answer["status"].as_u64().unwrap();
        let mut forwarded = request.headers.clone();
        for (name, value) in &fields(&answer["forward_headers"]) {
            forwarded.insert(name.clone(), value.clone());
        }
        let query = request.query().map(|query| format!("?{query}"));
        let path = answer["forward_path"].as_str();
        Answer {
            fields: fields(&answer["headers"]),
            body: answer["body"].to_string().into_bytes(),
            bucket: answer["bucket_id"].as_str().map(str::to_owned),
            forwarded,
            target: path.map(|path| format!("{path}{}", query.unwrap_or_default())),
            ..Answer::of(Verdict::of_status(u16::try_from(status).unwrap()))
        }
    }
}

/// Fields as the decision API tells them.
fn fields(told: &Value) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, values) in told.as_object().into_iter().flatten() {
        for value in values.as_array().unwrap() {
            let value = HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap();
            fields.append(name.parse::<HeaderName>().unwrap(), value);
        }
    }
    fields
}

#[test]
fn the_layer_decides_as_the_cases_say() {
    run(&Layered);
}

#[test]
fn the_check_endpoint_decides_as_the_cases_say() {
    for dialect in [Dialect::Forwarded, Dialect::Nginx, Dialect::Envoy] {
        run(&Check(dialect));
    }
}

#[test]
fn the_decision_api_decides_as_the_cases_say() {
    run(&Decide);
}
