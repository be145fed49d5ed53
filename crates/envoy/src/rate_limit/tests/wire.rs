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
use crate::messages::rate_limit::{PATH, RateLimitDescriptor, RateLimitResponse};
use crate::testing::{Bench, is_ok, request};

fn framed(flag: u8, length: usize, message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(flag);
    bytes.put_u32(u32::try_from(length).unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}

/// The status of a call with these bytes: its `grpc-status`.
async fn call(bench: &Bench, path: &str, body: Bytes) -> String {
    answered(bench, path, body).await.0
}

/// The status of a call with these bytes, and the message that it is answered with.
async fn answered(bench: &Bench, path: &str, body: Bytes) -> (String, Bytes) {
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .body(Full::new(body))
        .unwrap();
    let response = bench.services.clone().oneshot(request).await.unwrap();
    let in_head = response.headers().get("grpc-status").cloned();
    let body = response.into_body().collect().await.unwrap();
    let in_trailers = body
        .trailers()
        .and_then(|map| map.get("grpc-status").cloned());
    let status = in_head.or(in_trailers).unwrap();
    let message = body.to_bytes();
    let message = message.slice(message.len().min(5)..);
    (status.to_str().unwrap().to_owned(), message)
}

const INVALID_ARGUMENT: &str = "3";
const RESOURCE_EXHAUSTED: &str = "8";
const UNIMPLEMENTED: &str = "12";

#[tokio::test]
async fn case_117_messages_too_large_or_too_many_are_the_caller_s_fault_and_no_text_is_over_limit()
{
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
    let stats = bench.services.stats();
    assert_eq!(stats.rate_limit_errors.get(), 3);
    // A value that a client has written, and that is no UTF-8: an error would let it through.
    let good = request("rules", &[&[("user", "alice")]]).encode_to_vec();
    let name = good.windows(5).position(|bytes| bytes == b"alice").unwrap();
    let mut no_text = good.clone();
    no_text[name] = 0xff;
    for message in [no_text, vec![0x0a, 2, 0xff, 0xfe], vec![0xff; 3]] {
        let (status, message) = answered(&bench, PATH, framed(0, message.len(), &message)).await;
        assert_eq!(status, "0");
        let answer = RateLimitResponse::decode(message).unwrap();
        assert!(!is_ok(&answer));
        let said = &answer.response_headers_to_add[0];
        assert_eq!(
            (&*said.key, &*said.value),
            ("x-tollgate-verdict", "bad_request")
        );
    }
    assert_eq!(
        (
            stats.rate_limit_errors.get(),
            stats.rate_limit_refused.get()
        ),
        (3, 3)
    );
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
