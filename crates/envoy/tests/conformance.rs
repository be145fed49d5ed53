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
use tollgate_envoy::messages::authz;
use tollgate_envoy::messages::proto::{Kind, Struct};
use tollgate_envoy::messages::rate_limit::{
    Entry, RateLimitDescriptor, RateLimitRequest, RateLimitServiceClient,
};

const NO_REWRITE: (&str, &str) = (
    "rewritten-paths",
    "who only asks cannot rewrite a path: 400",
);

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
            fields,
            body: answer.raw_body,
            bucket: said(&metadata, "bucket_id").map(str::to_owned),
            ..Answer::of(verdict(&metadata))
        }
    }
}

/// External authorization.
struct Authorization;

struct OpenAuthorization(Services);

impl Frontend for Authorization {
    fn name(&self) -> &'static str {
        "Envoy: external authorization"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            not_these: &[NO_REWRITE],
            ..Abilities::default()
        }
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        let engine = stage.engine("grpc: {}");
        let clock = Arc::clone(&stage.clock);
        Box::new(OpenAuthorization(Services::new(engine, clock)))
    }
}

impl Session for OpenAuthorization {
    fn ask(&mut self, request: &Request) -> Answer {
        let line = |(name, value): (&HeaderName, &HeaderValue)| authz::HeaderValue {
            key: name.to_string(),
            value: String::new(),
            raw_value: value.as_bytes().to_vec(),
        };
        let socket = authz::SocketAddress {
            address: request.peer.to_string(),
            ..authz::SocketAddress::default()
        };
        let source = authz::Peer {
            address: Some(authz::Address {
                address: Some(authz::address::Address::SocketAddress(socket)),
            }),
            ..authz::Peer::default()
        };
        let http = authz::HttpRequest {
            method: request.method.to_string(),
            path: request.target.clone(),
            header_map: Some(authz::HeaderMap {
                headers: request.headers.iter().map(line).collect(),
            }),
            ..authz::HttpRequest::default()
        };
        let attributes = authz::AttributeContext {
            source: Some(source),
            request: Some(authz::Request {
                http: Some(http),
                ..authz::Request::default()
            }),
            ..authz::AttributeContext::default()
        };
        let question = authz::CheckRequest {
            attributes: Some(attributes),
        };
        let mut client = authz::AuthorizationClient::new(self.0.clone());
        let answer = now(client.check(question)).unwrap().into_inner();
        let metadata = answer.dynamic_metadata.unwrap();
        let mut forwarded = request.headers.clone();
        let (status, fields, body) = match answer.http_response.unwrap() {
            authz::HttpResponse::OkResponse(ok) => {
                for name in &ok.headers_to_remove {
                    forwarded.remove(name.as_str());
                }
                for (name, value) in &put(&ok.headers) {
                    forwarded.insert(name.clone(), value.clone());
                }
                (200, put(&ok.response_headers_to_add), String::new())
            }
            authz::HttpResponse::DeniedResponse(denied) => {
                let status = denied.status.unwrap().code;
                let status = u16::try_from(status).unwrap();
                (status, put(&denied.headers), denied.body)
            }
            other => panic!("{other:?}"),
        };
        Answer {
            fields,
            body: body.into_bytes(),
            forwarded,
            bucket: said(&metadata, "bucket_id").map(str::to_owned),
            ..Answer::of(Verdict::of_status(status))
        }
    }
}

/// Fields that Envoy is to set.
fn put(options: &[authz::HeaderValueOption]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for option in options {
        let field = option.header.as_ref().unwrap();
        let value = HeaderValue::from_bytes(field.value.as_bytes()).unwrap();
        fields.append(field.key.parse::<HeaderName>().unwrap(), value);
    }
    fields
}

#[test]
fn external_authorization_decides_as_the_cases_say() {
    run(&Authorization);
}

#[test]
fn the_global_rate_limit_service_decides_as_the_cases_say() {
    run(&RateLimit);
}
