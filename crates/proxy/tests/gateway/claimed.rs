//! What a client says of its request by other means than the request itself: another method,
//! another target, another peer, a certificate.

use http::Request;

use crate::client::{Client, ask};
use crate::h2::{connect, empty};
use crate::harness::{Gateway, Setup, within};
use crate::origin::Origin;

const TRUSTING: &str = "{anonymous: {plan: anonymous}, trusted_proxies: [127.0.0.0/8]}";

/// Fields that name another target or method to some servers.
const OTHER_TARGETS: [&str; 10] = [
    "X-Forwarded-Uri: /free",
    "X-Forwarded-Url: /free",
    "X-Forwarded-Path: /free",
    "X-Forwarded-Method: GET",
    "X-Original-URI: /free",
    "X-Original-URL: /free",
    "X-Original-Method: GET",
    "X-Rewrite-URL: /free",
    "X_Original_URI: /free",
    "X-Forwarded-Prefix: /free",
];

/// Fields by which a client asks a framework for another method.
const OTHER_METHODS: [&str; 4] = [
    "X-HTTP-Method-Override: GET",
    "X-HTTP-Method: GET",
    "X-Method-Override: GET",
    "X_HTTP_Method_Override: GET",
];

/// A policy in which `POST /limited` passes once.
const ROUTES: &str = "routes: [GET /free, POST /limited, GET /limited, GET /one]";

/// Sends `POST /limited` with each field, twice: the route that it was counted on is always the
/// request's own, and so its one bucket is empty after the first.
async fn counts_as_sent(fields: &[&str], identity: &str) -> Vec<String> {
    let origin = Origin::start().await;
    let mut got = Vec::new();
    for field in fields {
        let gateway = Gateway::start(Setup {
            identity,
            ..Setup::before(origin.address, ROUTES)
        });
        let request = format!("POST /limited HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        assert_eq!(ask(gateway.address, &request).await.status, 200, "{field}");
        assert_eq!(ask(gateway.address, &request).await.status, 429, "{field}");
        for seen in gateway.seen_after(2).await {
            assert_eq!(seen.route.as_deref(), Some("POST /limited"), "{field}");
        }
        let received = origin.received().pop().unwrap();
        assert_eq!(received.line(), "POST /limited HTTP/1.1", "{field}");
        got.push(received.head);
    }
    assert_eq!(origin.received().len(), fields.len());
    got
}

#[tokio::test]
async fn case_053_other_targets_and_methods_of_a_client_are_not_what_is_classified() {
    let heads = counts_as_sent(&OTHER_TARGETS, "{anonymous: {plan: anonymous}}").await;
    for (head, field) in heads.iter().zip(OTHER_TARGETS) {
        // An origin that believes its proxy must not hear of it from the client.
        let name = field.split(':').next().unwrap().to_ascii_lowercase();
        assert!(!head.contains(&format!("{name}:")), "{head}");
    }
}

#[tokio::test]
async fn case_053_a_trusted_proxy_names_no_other_target_either() {
    counts_as_sent(&OTHER_TARGETS, TRUSTING).await;
}

/// The method that is counted is the one that is forwarded. The field passes: it is the client's
/// word to the application, and an application that obeys it does so on the route that it names.
#[tokio::test]
async fn case_055_a_method_override_does_not_change_the_method() {
    let heads = counts_as_sent(&OTHER_METHODS, "{anonymous: {plan: anonymous}}").await;
    assert!(heads[0].contains("x-http-method-override: GET"));
}

/// The bytes that a load balancer would put in front of the first request.
fn proxy_protocol() -> Vec<(&'static str, Vec<u8>)> {
    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    let v2 = |command: u8, family: u8, length: u16, rest: &[u8]| {
        [V2, &[command, family], &length.to_be_bytes(), rest].concat()
    };
    let addresses = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0, 80];
    let large_tlv = [&addresses[..], &[0xe0, 0xff, 0xf0], &vec![7; 0xfff0]].concat();
    let long_v1 = format!("PROXY UNKNOWN {}\r\n", "f".repeat(200));
    vec![
        (
            "v1, TCP4",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n".to_vec(),
        ),
        (
            "v1, TCP6",
            b"PROXY TCP6 2001:db8::1 2001:db8::2 12345 80\r\n".to_vec(),
        ),
        ("v1, UNKNOWN", b"PROXY UNKNOWN\r\n".to_vec()),
        ("v1, too long", long_v1.into_bytes()),
        ("v1, truncated", b"PROXY TCP4 203.0.113.9\r\n".to_vec()),
        (
            "v1, lower case",
            b"proxy tcp4 203.0.113.9 10.0.0.1 12345 80\r\n".to_vec(),
        ),
        ("v2, PROXY, TCP over IPv4", v2(0x21, 0x11, 12, &addresses)),
        ("v2, LOCAL", v2(0x20, 0x00, 0, b"")),
        ("v2, PROXY, unspecified", v2(0x21, 0x00, 0, b"")),
        ("v2, truncated signature", V2[..8].to_vec()),
        (
            "v2, truncated addresses",
            v2(0x21, 0x11, 12, &addresses[..4]),
        ),
        ("v2, version 3", v2(0x31, 0x11, 12, &addresses)),
        ("v2, 64 KB of TLV", v2(0x21, 0x11, 0xffff, &large_tlv)),
    ]
}

#[tokio::test]
async fn case_056_a_proxy_protocol_header_ends_the_connection_and_gives_no_address() {
    let origin = Origin::start().await;
    // Also where the peer may speak for others: it may do so in fields, not in front of them.
    for identity in ["{anonymous: {plan: anonymous}}", TRUSTING] {
        let gateway = Gateway::start(Setup {
            identity,
            ..Setup::before(origin.address, "")
        });
        for (what, bytes) in proxy_protocol() {
            let mut client = Client::connect(gateway.address).await;
            client.send(&bytes).await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(client.answer().await.status, 400, "{what}");
            assert_eq!(client.end().await, b"", "{what}");
        }
    }
    assert_eq!(origin.received().len(), 0, "nothing was forwarded");
}

const CERTIFICATE: &str = "By=spiffe://a/ns/b;Hash=00;Subject=\"CN=alice\";URI=spiffe://a/alice";

#[tokio::test]
async fn case_057_a_clients_certificate_field_does_not_reach_the_origin() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    for name in [
        "X-Forwarded-Client-Cert",
        "x-forwarded-client-cert",
        "X_Forwarded_Client_Cert",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: {CERTIFICATE}\r\n\r\n");
        assert_eq!(ask(gateway.address, &request).await.status, 200);
        let got = origin.received().pop().unwrap();
        assert!(!got.head.contains("alice"), "{}", got.head);
    }
    let mut handle = connect(gateway.address).await;
    let request = Request::get("http://a/")
        .header("x-forwarded-client-cert", CERTIFICATE)
        .body(empty())
        .unwrap();
    let answer = within("the answer", handle.send_request(request)).await;
    assert_eq!(answer.unwrap().status(), 200);
    assert!(!origin.received().pop().unwrap().head.contains("alice"));
}

/// Fields by which proxies that log users in tell who they are.
#[tokio::test]
async fn case_058_a_clients_word_for_its_user_does_not_reach_the_origin() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    for name in [
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X_Forwarded_User",
        "X-Tollgate-Subject",
        "X_Tollgate_Subject",
        "X-RateLimit-User-Id",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: alice\r\n\r\n");
        assert_eq!(ask(gateway.address, &request).await.status, 200);
        let got = origin.received().pop().unwrap();
        assert!(!got.head.contains("alice"), "{}", got.head);
    }
}

#[tokio::test]
async fn case_057_a_trusted_proxys_certificate_field_passes_and_identifies_nobody_here() {
    let origin = Origin::start().await;
    let gateway = Gateway::start(Setup {
        identity: TRUSTING,
        ..Setup::before(origin.address, "")
    });
    let request =
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: {CERTIFICATE}\r\n\r\n");
    assert_eq!(ask(gateway.address, &request).await.status, 200);
    let got = origin.received().pop().unwrap();
    assert_eq!(got.field("x-forwarded-client-cert"), Some(CERTIFICATE));
    assert_eq!(got.field("x-tollgate-subject"), None);
    assert_eq!(got.field("x-tollgate-plan"), Some("anonymous"));
}
