//! What comes over the wire, whatever it is: bounded, and answered with whose fault it is.

use bytes::{BufMut, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, Full};
use prost::Message;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceExt;

use super::RULES;
use crate::messages::rate_limit::{PATH, RateLimitDescriptor};
use crate::testing::{Bench, request};

fn framed(flag: u8, length: usize, message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(flag);
    bytes.put_u32(u32::try_from(length).unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}

/// The status of a call with these bytes: its `grpc-status`.
async fn call(bench: &Bench, path: &str, body: Bytes) -> String {
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .body(Full::new(body))
        .unwrap();
    let response = bench.services.clone().oneshot(request).await.unwrap();
    let in_head = response.headers().get("grpc-status").cloned();
    let trailers = response.into_body().collect().await.unwrap();
    let in_trailers = trailers
        .trailers()
        .and_then(|map| map.get("grpc-status").cloned());
    let status = in_head.or(in_trailers).unwrap();
    status.to_str().unwrap().to_owned()
}

const INVALID_ARGUMENT: &str = "3";
const RESOURCE_EXHAUSTED: &str = "8";
const UNIMPLEMENTED: &str = "12";

#[tokio::test]
async fn case_117_messages_too_large_too_many_or_no_text_are_the_caller_s_fault() {
    let bench = Bench::new(RULES);
    // Five megabytes, refused by their prefix: the rest is never read.
    let large = vec![0; 5 << 20];
    assert_eq!(
        call(&bench, PATH, framed(0, large.len(), &large)).await,
        RESOURCE_EXHAUSTED
    );
    let mut many = request("rules", &[]);
    many.descriptors = vec![RateLimitDescriptor::default(); 100_000];
    let many = many.encode_to_vec();
    assert_eq!(
        call(&bench, PATH, framed(0, many.len(), &many)).await,
        RESOURCE_EXHAUSTED
    );
    let mut fitting = request("rules", &[]);
    fitting.descriptors = vec![RateLimitDescriptor::default(); 20_000];
    let fitting = fitting.encode_to_vec();
    assert_eq!(
        call(&bench, PATH, framed(0, fitting.len(), &fitting)).await,
        RESOURCE_EXHAUSTED
    );
    // A domain of two bytes that are no UTF-8.
    let no_text = [0x0a, 2, 0xff, 0xfe];
    assert_eq!(
        call(&bench, PATH, framed(0, 4, &no_text)).await,
        INVALID_ARGUMENT
    );
    assert_eq!(bench.services.stats().rate_limit_errors.get(), 4);
}

#[tokio::test]
async fn frames_that_are_no_single_message_are_refused() {
    let bench = Bench::new(RULES);
    let good = request("rules", &[&[("user", "alice")]]).encode_to_vec();
    assert_eq!(call(&bench, PATH, framed(0, good.len(), &good)).await, "0");
    let cases = [
        (Bytes::new(), INVALID_ARGUMENT),
        (framed(0, good.len() + 1, &good), INVALID_ARGUMENT),
        (framed(0, good.len() - 1, &good), INVALID_ARGUMENT),
        (framed(1, good.len(), &good), UNIMPLEMENTED),
        (framed(0, 3, &[0xff, 0xff, 0xff]), INVALID_ARGUMENT),
    ];
    for (bytes, status) in cases {
        assert_eq!(call(&bench, PATH, bytes.clone()).await, status, "{bytes:?}");
    }
    assert_eq!(
        call(&bench, "/no.such.Service/Method", Bytes::new()).await,
        UNIMPLEMENTED
    );
    let plain = Request::get("/").body(Full::new(Bytes::new())).unwrap();
    let response = bench.services.clone().oneshot(plain).await.unwrap();
    assert_eq!(response.status(), 415);
}

#[tokio::test]
async fn health_is_serving_until_the_drain() {
    let bench = Bench::new(RULES);
    let mut client = HealthClient::new(bench.services.clone());
    let asked = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let mut changes = client.watch(asked("")).await.unwrap().into_inner();
    let seen = changes.message().await.unwrap().unwrap();
    assert_eq!(seen.status(), ServingStatus::Serving);
    let one = "envoy.service.ratelimit.v3.RateLimitService";
    let answer = client.check(asked(one)).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    bench.services.health().drain();
    let seen = changes.message().await.unwrap().unwrap();
    assert_eq!(seen.status(), ServingStatus::NotServing);
    let answer = client.check(asked("")).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::NotServing);
    let unknown = client.check(asked("other")).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
}
