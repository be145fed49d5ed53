use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use http::Request as HttpCall;
use http_body_util::{BodyExt, Full};
use prost::Message;
use serde_json::Value;
use tower::ServiceExt;

use crate::messages::authz::{
    Address, AttributeContext, AuthorizationClient, CheckRequest, CheckResponse,
    DeniedHttpResponse, HeaderMap, HeaderValue, HeaderValueOption, HttpRequest, HttpResponse,
    OkHttpResponse, PATH, Peer, Request, SocketAddress, address,
};
use crate::messages::proto::Kind;
use crate::testing::Bench;

const POLICY: &str = "
identity:
  issuers:
    - issuer: https://i
      audience: us
      algorithms: [EdDSA]
      jwks: https://i/jwks
  anonymous: {plan: anonymous}
  token_cookie: session
  trusted_proxies: [198.51.100.0/24]
routes: [GET /orders, POST /pkg.Svc/Method, GET /busy]
plans:
  anonymous:
    limits: [{name: burst, rate: 1/10s, burst: 2, per: network}]
  standard:
    limits: [{name: burst, rate: 1/10s, burst: 2}]
    routes:
      GET /busy: [{name: at_once, concurrency: 1}, {name: burst, rate: 1000/s}]
default_plan: standard
";

const CLIENT: &str = "192.0.2.7";

fn bench() -> Bench {
    Bench::new(POLICY).with_keys()
}

fn question(method: &str, path: &str, peer: &str, fields: &[(&str, &str)]) -> CheckRequest {
    let line = [(":path", path), (":method", method)];
    let headers = fields.iter().chain(&line);
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let http = HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.collect(),
        ..HttpRequest::default()
    };
    asked(http, peer)
}

fn asked(http: HttpRequest, peer: &str) -> CheckRequest {
    let socket = SocketAddress {
        address: peer.to_owned(),
        ..SocketAddress::default()
    };
    let source = Peer {
        address: Some(Address {
            address: Some(address::Address::SocketAddress(socket)),
        }),
        ..Peer::default()
    };
    let attributes = AttributeContext {
        source: Some(source),
        request: Some(Request {
            http: Some(http),
            ..Request::default()
        }),
        ..AttributeContext::default()
    };
    CheckRequest {
        attributes: Some(attributes),
    }
}

async fn check(bench: &Bench, question: CheckRequest) -> CheckResponse {
    let mut client = AuthorizationClient::new(bench.services.clone());
    client.check(question).await.unwrap().into_inner()
}

fn ok(response: &CheckResponse) -> &OkHttpResponse {
    match response.http_response.as_ref().unwrap() {
        HttpResponse::OkResponse(ok) => ok,
        other => panic!("{other:?}"),
    }
}

fn denied(response: &CheckResponse) -> (i32, &DeniedHttpResponse) {
    match response.http_response.as_ref().unwrap() {
        HttpResponse::DeniedResponse(denied) => {
            assert_ne!(
                response.status.as_ref().unwrap().code,
                0,
                "Envoy goes by this"
            );
            (denied.status.as_ref().unwrap().code, denied)
        }
        other => panic!("{other:?}"),
    }
}

fn status(response: &CheckResponse) -> i32 {
    match response.http_response.as_ref().unwrap() {
        HttpResponse::OkResponse(_) => 0,
        _ => denied(response).0,
    }
}

#[expect(deprecated, reason = "what versions of Envoy look at")]
fn field<'r>(fields: &'r [HeaderValueOption], name: &str) -> Option<&'r str> {
    let field = fields
        .iter()
        .find(|field| field.header.as_ref().unwrap().key == name)?;
    assert!(!field.append.as_ref().unwrap().value, "{name} replaces");
    assert_eq!(field.append_action, 2, "{name} replaces");
    Some(&field.header.as_ref().unwrap().value)
}

fn metadata(response: &CheckResponse) -> HashMap<&str, &str> {
    let fields = &response.dynamic_metadata.as_ref().unwrap().fields;
    let text = |value: &'_ crate::messages::proto::Value| match &value.kind {
        Some(Kind::StringValue(_)) => (),
        other => panic!("{other:?}"),
    };
    fields
        .iter()
        .map(|(name, value)| {
            text(value);
            let Some(Kind::StringValue(value)) = &value.kind else {
                panic!("checked");
            };
            (name.as_str(), value.as_str())
        })
        .collect()
}

#[tokio::test]
async fn a_request_goes_on_with_the_verified_identity_and_without_what_claimed_one() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("alice"));
    let fields = [
        ("authorization", bearer.as_str()),
        ("x-tollgate-subject", "mallory"),
        ("x-tollgate-account", "other"),
        ("x_tollgate_plan", "gold"),
        ("ratelimit-remaining", "9"),
        ("cookie", "a=1; session=forged; b=2"),
        ("x-other", "stays"),
    ];
    let response = check(&bench, question("GET", "/orders?x=1", CLIENT, &fields)).await;
    let ok = ok(&response);
    assert_eq!(response.status.as_ref().unwrap().code, 0);
    assert_eq!(field(&ok.headers, "x-tollgate-subject"), Some("alice"));
    assert_eq!(field(&ok.headers, "x-tollgate-plan"), Some("standard"));
    assert_eq!(field(&ok.headers, "cookie"), Some("a=1; b=2"));
    assert_eq!(ok.headers.len(), 3, "{:?}", ok.headers);
    let mut gone = ok.headers_to_remove.clone();
    gone.sort();
    assert_eq!(
        gone,
        [
            "ratelimit-remaining",
            "x-tollgate-account",
            "x_tollgate_plan"
        ]
    );
    let left = field(&ok.response_headers_to_add, "ratelimit");
    assert_eq!(left, Some("\"burst\";r=1;t=10"));
    let metadata = metadata(&response);
    assert_eq!(
        (metadata["verdict"], metadata["plan"]),
        ("allow", "standard")
    );
    assert_eq!(metadata["route"], "GET /orders");
    assert!(metadata["bucket_id"].starts_with("standard."));
    assert!(!format!("{metadata:?}").contains("alice"));
}

#[tokio::test]
async fn refusals_are_the_gateways_with_their_fields_and_body() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("alice"));
    let good = [("authorization", bearer.as_str())];
    let ask = async |path: &str, fields: &[(&str, &str)]| {
        check(&bench, question("GET", path, CLIENT, fields)).await
    };
    for _ in 0..2 {
        assert_eq!(status(&ask("/orders", &good).await), 0);
    }
    let limited = ask("/orders", &good).await;
    let (code, answer) = denied(&limited);
    assert_eq!(code, 429);
    assert_eq!(field(&answer.headers, "retry-after"), Some("10"));
    assert_eq!(
        field(&answer.headers, "content-type"),
        Some("application/problem+json")
    );
    assert_eq!(
        field(&answer.headers, "ratelimit"),
        Some("\"burst\";r=0;t=10")
    );
    assert!(field(&answer.headers, "content-length").is_none());
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["violated-policies"][0], "burst");
    assert_eq!(metadata(&limited)["violated"], "burst");

    let garbage = ask("/orders", &[("authorization", "Bearer garbage")]).await;
    let (code, answer) = denied(&garbage);
    assert_eq!(code, 401);
    assert!(
        field(&answer.headers, "www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    // Envoy cannot rewrite the path.
    assert_eq!(status(&ask("/orders//7", &good).await), 400);
    assert_eq!(status(&ask("/orders%2F7", &good).await), 400);
    let own = ask("/rate_limit", &good).await;
    let (code, answer) = denied(&own);
    assert_eq!(code, 200, "answered by Tollgate, and forwarded to nobody");
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["plan"], "standard");
    let stats = bench.services.stats();
    let counts = [
        &stats.authz_ok,
        &stats.authz_limited,
        &stats.authz_unauthenticated,
        &stats.authz_refused,
    ];
    assert_eq!(counts.map(crate::Counter::get), [2, 1, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn without_an_issuers_keys_nobody_passes_by_a_token() {
    let bench = Bench::new(POLICY);
    let bearer = format!("Bearer {}", bench.token("alice"));
    let fields = [("authorization", bearer.as_str())];
    let response = check(&bench, question("GET", "/orders", CLIENT, &fields)).await;
    let (code, answer) = denied(&response);
    assert_eq!(
        (code, field(&answer.headers, "retry-after")),
        (503, Some("5"))
    );
    assert_eq!(bench.services.stats().authz_unavailable.get(), 1);
}

#[tokio::test]
async fn grpc_callers_are_refused_with_a_status_of_grpc() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("alice"));
    let fields = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/grpc"),
    ];
    let ask = async || check(&bench, question("POST", "/pkg.Svc/Method", CLIENT, &fields)).await;
    for _ in 0..2 {
        assert_eq!(metadata(&ask().await)["route"], "POST /pkg.Svc/Method");
    }
    let limited = ask().await;
    let (code, answer) = denied(&limited);
    // Envoy makes 200 of it for a gRPC caller, and keeps the status that stands here.
    assert_eq!((code, &*answer.body), (429, ""));
    assert_eq!(field(&answer.headers, "grpc-status"), Some("8"));
    assert_eq!(
        field(&answer.headers, "grpc-message"),
        Some("retry after 10 s")
    );
    assert_eq!(
        field(&answer.headers, "grpc-retry-pushback-ms"),
        Some("10000")
    );
}

#[tokio::test]
async fn clients_are_told_apart_by_their_connections_and_trusted_hops() {
    let bench = bench();
    let passed = async |peer: &str, hops: &str| {
        let fields = [("x-forwarded-for", hops)];
        let mut passed = 0;
        for _ in 0..4 {
            let response = check(&bench, question("GET", "/orders", peer, &fields)).await;
            passed += u32::from(status(&response) == 0);
        }
        passed
    };
    assert_eq!(passed("192.0.2.1", "203.0.113.1, 192.0.2.1").await, 2);
    assert_eq!(
        passed("192.0.2.1", "203.0.113.2, 192.0.2.1").await,
        0,
        "what a client wrote"
    );
    assert_eq!(passed("198.51.100.1", "203.0.113.1, 198.51.100.1").await, 2);
    assert_eq!(
        passed("198.51.100.2", "203.0.113.1, 198.51.100.2").await,
        0,
        "the same client"
    );
    assert_eq!(passed("198.51.100.2", "203.0.113.2, 198.51.100.2").await, 2);
}

#[tokio::test]
async fn limits_on_requests_under_way_count_nothing() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("alice"));
    let fields = [("authorization", bearer.as_str())];
    for _ in 0..5 {
        let response = check(&bench, question("GET", "/busy", CLIENT, &fields)).await;
        assert_eq!(status(&response), 0);
    }
}

#[tokio::test]
async fn raw_fields_are_read_line_by_line() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("alice"));
    let raw = |fields: &[(&str, &[u8])]| {
        let field = |(name, value): &(&str, &[u8])| HeaderValue {
            key: (*name).to_owned(),
            raw_value: value.to_vec(),
            ..HeaderValue::default()
        };
        let http = HttpRequest {
            method: "GET".to_owned(),
            path: "/orders".to_owned(),
            header_map: Some(HeaderMap {
                headers: fields.iter().map(field).collect(),
            }),
            ..HttpRequest::default()
        };
        asked(http, CLIENT)
    };
    let one = ("authorization", bearer.as_bytes());
    let response = check(
        &bench,
        raw(&[one, ("x-odd", b"\xff\xfe"), (":authority", b"a")]),
    )
    .await;
    assert_eq!(
        field(&ok(&response).headers, "x-tollgate-subject"),
        Some("alice")
    );
    assert_eq!(
        status(&check(&bench, raw(&[one, one])).await),
        400,
        "two credentials"
    );
    assert_eq!(status(&check(&bench, raw(&[("a b", b"1")])).await), 400);
    assert_eq!(status(&check(&bench, raw(&[("a", b"1\n2")])).await), 400);
    let many = vec![("x-many", b"1".as_slice()); 1_001];
    assert_eq!(status(&check(&bench, raw(&many)).await), 431);
}

#[tokio::test]
async fn a_question_about_no_request_is_refused_to_the_client() {
    let bench = bench();
    let mut nobody = question("GET", "/orders", CLIENT, &[]);
    nobody.attributes.as_mut().unwrap().source = None;
    for question in [
        CheckRequest::default(),
        asked(HttpRequest::default(), CLIENT),
        question("G T", "/orders", CLIENT, &[]),
        question("GET", "orders", CLIENT, &[]),
        question("GET", "/orders#x", CLIENT, &[]),
        question("GET", "/orders", "/var/run/envoy.sock", &[]),
        nobody,
    ] {
        let response = check(&bench, question.clone()).await;
        assert_eq!(status(&response), 400, "{question:?}");
    }
    assert_eq!(bench.services.stats().authz_errors.get(), 7);
}

/// The `grpc-status` of a call with these bytes, and the message that it is answered with.
async fn wire(bench: &Bench, message: &[u8]) -> (String, Bytes) {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.put_slice(message);
    let call = HttpCall::post(PATH).header("content-type", "application/grpc");
    let call = call.body(Full::<Bytes>::from(bytes.freeze())).unwrap();
    let response = bench.services.clone().oneshot(call).await.unwrap();
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

/// Answered with a refusal to the client: an error would be Envoy's to decide on.
fn assert_denied((status, message): (String, Bytes)) {
    let answer = CheckResponse::decode(message).unwrap();
    assert_eq!((&*status, denied(&answer).0), ("0", 400));
}

#[tokio::test]
async fn case_117_questions_too_large_are_the_callers_fault_and_too_deep_or_no_text_are_denied() {
    let bench = bench();
    assert_eq!(wire(&bench, &vec![0; 5 << 20]).await.0, "8");
    // A path of two bytes that are no UTF-8: attributes > request > http > path.
    let http = [0x22, 2, 0xff, 0xfe];
    let request = [&[0x12, 4][..], &http].concat();
    let attributes = [&[0x22, 6][..], &request].concat();
    assert_denied(wire(&bench, &[&[0x0a, 8][..], &attributes].concat()).await);
    // A field that a client has written, in a whole question.
    let fields = [("authorization", "Bearer alice")];
    let mut field = question("GET", "/orders", CLIENT, &fields).encode_to_vec();
    let name = field
        .windows(5)
        .position(|bytes| bytes == b"alice")
        .unwrap();
    field[name] = 0xff;
    assert_denied(wire(&bench, &field).await);
    // Metadata within metadata: a Struct that holds itself 10,000 times.
    let mut deep: Vec<u8> = Vec::new();
    for _ in 0..10_000 {
        // Value.struct_value, in an entry's value, in Struct.fields.
        for tag in [0x2a, 0x12, 0x0a] {
            deep = within(tag, &deep);
        }
    }
    // In an entry's value, in Metadata.filter_metadata, in attributes.metadata_context.
    let whole = [0x12, 0x0a, 0x5a, 0x0a];
    let whole = whole.iter().fold(deep, |inner, tag| within(*tag, &inner));
    assert!(whole.len() < super::MESSAGE_BYTES_MAX, "{}", whole.len());
    assert_denied(wire(&bench, &whole).await);
    let many = (0..100_000).map(|index| (index.to_string(), String::new()));
    let mut fields = question("GET", "/orders", CLIENT, &[]);
    let attributes = fields.attributes.as_mut().unwrap();
    attributes.context_extensions = many.collect();
    assert_eq!(wire(&bench, &fields.encode_to_vec()).await.0, "8");
    let stats = bench.services.stats();
    assert_eq!(
        (stats.authz_errors.get(), stats.authz_refused.get()),
        (2, 3)
    );
    // As large as Envoy lets a head be is understood.
    let large = "x".repeat(60 * 1024);
    let large = question("GET", "/orders", CLIENT, &[("x-large", &large)]);
    assert_eq!(status(&check(&bench, large).await), 0);
}

/// A message as a field of another.
fn within(tag: u8, inner: &[u8]) -> Vec<u8> {
    let mut outer = vec![tag];
    prost::encoding::encode_varint(inner.len() as u64, &mut outer);
    outer.extend_from_slice(inner);
    outer
}
