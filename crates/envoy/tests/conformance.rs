//! The services for Envoy, in the suite of all front doors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::future::Future;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_conformance::{Abilities, Answer, Frontend, Request, Session, Stage, Verdict, run};
use tollgate_envoy::Services;
use tollgate_envoy::messages::proto::{Kind, Struct};
use tollgate_envoy::messages::rate_limit::{
    Entry, RateLimitDescriptor, RateLimitRequest, RateLimitServiceClient,
};

/// Runs what is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// A text in what Envoy gets for its logs.
fn said<'a>(metadata: &'a Struct, name: &str) -> Option<&'a str> {
    match metadata.fields.get(name)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

fn verdict(metadata: &Struct) -> Verdict {
    match said(metadata, "verdict").unwrap() {
        "allow" | "limit_shadow" | "own" => Verdict::Allow,
        "limit" => Verdict::Limit,
        "unauthenticated" => Verdict::Unauthenticated,
        "forbidden" => Verdict::Forbidden,
        "bad_request" => Verdict::BadRequest,
        _ => Verdict::Unavailable,
    }
}

/// The global rate limit service, told the caller's credential.
struct RateLimit;

struct OpenRateLimit(Services);

impl Frontend for RateLimit {
    fn name(&self) -> &'static str {
        "Envoy: global rate limit service"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            no_forwarded: Some("it names nobody to the origin"),
            not_these: &[
                (
                    "rewritten-paths",
                    "who only asks cannot rewrite a path: 400",
                ),
                (
                    "preflights",
                    "Envoy's cors filter answers them before it asks",
                ),
            ],
            ..Abilities::default()
        }
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        let engine = stage.engine("grpc: {domains: {api: {identity: token}}}");
        let clock = Arc::clone(&stage.clock);
        Box::new(OpenRateLimit(Services::new(engine, clock)))
    }
}

impl Session for OpenRateLimit {
    fn ask(&mut self, request: &Request) -> Answer {
        let entry = |key: &str, value: String| Entry {
            key: key.to_owned(),
            value,
        };
        let field = |name: &HeaderName| {
            let value = request.headers.get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let mut entries = vec![
            entry("method", request.method.to_string()),
            entry("path", request.target.clone()),
            entry("remote_address", request.client.to_string()),
        ];
        entries.extend(field(&AUTHORIZATION).map(|value| entry("authorization", value)));
        let id = HeaderName::from_static("x-ratelimit-user-id");
        entries.extend(field(&id).map(|value| entry("bucket_id", value)));
        let descriptor = RateLimitDescriptor {
            entries,
            ..RateLimitDescriptor::default()
        };
        let question = RateLimitRequest {
            domain: "api".to_owned(),
            descriptors: vec![descriptor],
            hits_addend: 0,
        };
        let mut client = RateLimitServiceClient::new(self.0.clone());
        let answer = now(client.should_rate_limit(question))
            .unwrap()
            .into_inner();
        let mut fields = HeaderMap::new();
        for field in &answer.response_headers_to_add {
            let value = HeaderValue::from_str(&field.value).unwrap();
            fields.append(field.key.parse::<HeaderName>().unwrap(), value);
        }
        let metadata = answer.dynamic_metadata.unwrap();
        Answer {
            verdict: verdict(&metadata),
            fields,
            forwarded: HeaderMap::new(),
            bucket: said(&metadata, "bucket_id").map(str::to_owned),
        }
    }
}

#[test]
fn the_global_rate_limit_service_decides_as_the_cases_say() {
    run(&RateLimit);
}
