//! What must never reach the origin: a table of raw requests and their answers.
//!
//! The rows of the comparison of bare proxies come first, then the classes of the desync
//! corpora. Every refused request closes the connection, and a request smuggled behind it is
//! never served.

use crate::client::Client;
use crate::harness::Gateway;
use crate::origin::Origin;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends each request, with another behind it: the status, a closed connection, nothing else
/// answered, and nothing at the origin.
async fn refused(cases: &[(&str, u16)]) {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    for (request, status) in cases {
        let mut client = Client::connect(gateway.address).await;
        client.send(format!("{request}{SMUGGLED}")).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, *status, "{request:?}");
        assert_eq!(answer.field("connection"), Some("close"), "{request:?}");
        assert_eq!(client.end().await, b"", "{request:?}");
    }
    let lines: Vec<_> = origin
        .received()
        .iter()
        .map(|got| got.line().to_owned())
        .collect();
    assert_eq!(lines, [""; 0]);
}

#[tokio::test]
async fn what_bare_proxies_let_through_is_refused() {
    refused(&[
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x-tollgate-subject\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET /%2F HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400),
    ])
    .await;
}

#[tokio::test]
async fn case_106_desync_classes_give_no_second_request() {
    let mut cases = Vec::new();
    // Spellings of Transfer-Encoding by which two servers may be made to differ.
    for te in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        " Transfer-Encoding: chunked",
        "X: X\nTransfer-Encoding: chunked",
        "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;",
        "Transfer-Encoding:\0chunked",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: CHUNKED, identity",
        "Transfer-Encoding: \u{ff}chunked",
        "X: a\rTransfer-Encoding: chunked",
        "transfer-encoding: chunked\r",
        "Transfer\u{0}Encoding: chunked",
    ] {
        cases.push(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n{te}\r\n\r\n0\r\n\r\n"
        ));
        cases.push(format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{te}\r\n\r\n0\r\n\r\n"
        ));
    }
    for length in [
        "",
        " ",
        "5,5",
        "5 6",
        "0x5",
        "5.0",
        "-0",
        "1e1",
        "\u{ff}5",
        "5;",
        "00000000000000000000005",
    ] {
        cases.push(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nhello"
        ));
    }
    for line in [
        "GET /a b HTTP/1.1",
        "GET / HTTP/1.1 x",
        "GET /\tHTTP/1.1",
        "GET",
        "/ HTTP/1.1",
        "GET / HTTP/ 1.1",
    ] {
        cases.push(format!("{line}\r\nHost: a\r\n\r\n"));
    }
    let cases: Vec<_> = cases.iter().map(|case| (case.as_str(), 400)).collect();
    refused(&cases).await;
}

#[tokio::test]
async fn case_107_conflicting_framing_is_400_and_close() {
    refused(&[
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ])
    .await;
}

/// RUSTSEC-2026-0034: a body without a length is no body, not one that lasts until the close.
#[tokio::test]
async fn case_107_a_body_without_a_length_is_the_next_request() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\n\r\nnot a request\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 400);
    assert_eq!(client.end().await, b"");
    assert_eq!(origin.received().len(), 1);
    assert_eq!(origin.received()[0].body, b"");
}

#[tokio::test]
async fn case_115_oversize_and_malformed_heads() {
    let many = "x: y\r\n".repeat(200);
    let long_value = format!("x: {}\r\n", "y".repeat(1024 * 1024));
    let long_name = format!("{}: y\r\n", "x".repeat(64 * 1024));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000));
    let head = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let cases = [
        (head(&many), 431),
        (head(&long_value), 431),
        (head(&long_name), 431),
        (long_target, 431),
        (head("x: a\0b\r\n"), 400),
        (head("x: a\rb\r\n"), 400),
        (head("x: a\nb\r\n"), 400),
        (head("x\0y: a\r\n"), 400),
        (head(": a\r\n"), 400),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(case, status)| (case.as_str(), *status))
        .collect();
    refused(&cases).await;
}

/// Bytes that no field's value can hold, within the credential: the head is refused, and nobody
/// looks at the token in it.
#[tokio::test]
async fn case_026_a_credential_with_control_bytes_is_no_field() {
    let values = [
        "Bearer a.b.c\0",
        "Bearer \0a.b.c",
        "Bearer a.\0b.c",
        "Bearer a.b.c\n",
        "Bearer a.b\n.c",
        "Bearer a.b.c\r",
        "Bearer\r\n a.b.c",
        "Bearer a.b.c\u{7f}",
    ];
    let cases: Vec<_> = values
        .iter()
        .map(|value| format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n"))
        .collect();
    let cases: Vec<_> = cases.iter().map(|case| (case.as_str(), 400)).collect();
    refused(&cases).await;
}

/// A token that no verifier should have to look at: the head is over its limit.
#[tokio::test]
async fn case_025_a_token_of_1_mb_is_431() {
    let token = "a".repeat(1024 * 1024);
    let case = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    refused(&[(case.as_str(), 431)]).await;
}

#[tokio::test]
async fn case_052_connection_cannot_nominate_what_we_rely_on() {
    let names = [
        "authorization",
        "cookie",
        "content-length",
        "transfer-encoding",
        "x-forwarded-proto",
        "X_Forwarded_For",
        "x_tollgate_user",
        "RateLimit",
        "forwarded",
        "x-request-id",
    ];
    let cases: Vec<_> = names
        .iter()
        .map(|name| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, {name}\r\n\r\n"))
        .collect();
    let cases: Vec<_> = cases.iter().map(|case| (case.as_str(), 400)).collect();
    refused(&cases).await;
}

#[tokio::test]
async fn versions_expectations_and_targets_that_are_not_ours() {
    refused(&[
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ])
    .await;
}

#[tokio::test]
async fn trace_is_not_offered_and_the_connection_goes_on() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 405);
    assert!(answer.field("allow").unwrap().starts_with("GET, "));
    assert!(!answer.text().contains("secret"));
    assert!(client.is_open().await);
}

#[tokio::test]
async fn earlier_pipelined_requests_are_answered_before_the_refusal() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    let good = "GET /good HTTP/1.1\r\nHost: a\r\n\r\n";
    let bad = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    client.send(format!("{good}{good}{bad}{good}")).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 200);
    let answer = client.answer().await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.field("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(client.end().await, b"");
    assert_eq!(origin.received().len(), 2);
    let seen = gateway.seen_after(3).await;
    assert_eq!((seen[2].status, seen[2].fault), (400, Some("framing")));
}

#[tokio::test]
async fn a_refusal_does_not_depend_on_how_the_bytes_arrive() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let bad =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    let stream = format!("GET /good HTTP/1.1\r\nHost: a\r\n\r\n{bad}0\r\n\r\n{SMUGGLED}");
    for cut in (1..stream.len()).step_by(7) {
        let mut client = Client::connect(gateway.address).await;
        client.send(&stream[..cut]).await;
        tokio::task::yield_now().await;
        client.send(&stream[cut..]).await;
        assert_eq!(client.answer().await.status, 200, "cut at {cut}");
        assert_eq!(client.answer().await.status, 400, "cut at {cut}");
        assert_eq!(client.end().await, b"", "cut at {cut}");
    }
    assert!(
        origin
            .received()
            .iter()
            .all(|got| got.line() == "GET /good HTTP/1.1")
    );
}

#[tokio::test]
async fn a_chunk_that_breaks_the_framing_breaks_the_request() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "5\r\nhelloX\r\n",
        "x\r\n",
        "5\r\nhello\r\n-1\r\n",
        "0\r\nbad name: x\r\n\r\n",
    ] {
        let mut client = Client::connect(gateway.address).await;
        client.send(format!("{head}{body}{SMUGGLED}")).await;
        assert_eq!(client.answer().await.status, 400, "{body:?}");
        assert_eq!(client.end().await, b"", "{body:?}");
    }
    assert_eq!(origin.received().len(), 0);
}
