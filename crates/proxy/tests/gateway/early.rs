//! Answers given before the request's body has come: the next request is never read from it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::{Client, ask};
use crate::frames::{END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, Raw, block, frame};
use crate::harness::{Gateway, within};
use crate::origin::Origin;

/// A gateway at which `POST /limited` is used up.
async fn exhausted(policy: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, policy);
    let first = "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(ask(gateway.address, first).await.status, 200);
    (gateway, origin)
}

#[tokio::test]
async fn case_108_a_small_body_is_drained_and_the_next_request_is_its_own() {
    let (gateway, origin) = exhausted("").await;
    let mut client = Client::connect(gateway.address).await;
    let body = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = format!(
        "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client
        .send(format!("{post}GET /next HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 429);
    assert!(answer.field("retry-after").is_some());
    assert_eq!(client.answer().await.status, 200);
    let lines: Vec<_> = origin
        .received()
        .iter()
        .map(|got| got.line().to_owned())
        .collect();
    assert_eq!(lines[1..], ["GET /next HTTP/1.1"]);
}

#[tokio::test]
async fn case_108_a_body_still_coming_is_drained_after_the_answer() {
    let (gateway, origin) = exhausted("").await;
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    // The answer does not wait for the body.
    assert_eq!(client.answer().await.status, 429);
    let line = "GET /smuggled HTTP/1.1\r\n\r\n";
    client.send(format!("{:x}\r\n{line}\r\n", line.len())).await;
    client
        .send("0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(origin.received().len(), 2);
    assert_eq!(origin.received()[1].line(), "GET /next HTTP/1.1");
}

#[tokio::test]
async fn case_108_a_large_body_closes_the_connection_without_a_reset() {
    let (gateway, origin) = exhausted("").await;
    let mut client = Client::connect(gateway.address).await;
    let head = "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    // More than is read at once lies unread when the answer is given.
    client
        .send(format!("{head}{}", smuggled.repeat(3_000)))
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (429, Some("close"))
    );
    assert_eq!(client.orderly_end().await, b"");
    // Closed on our side only, and read to the end: on some systems a reset would take the
    // answer with it before the client has seen it.
    for _ in 0..20 {
        let sent = client.stream.write_all(smuggled.as_bytes()).await;
        sent.expect("the connection is still read");
    }
    assert_eq!(origin.received().len(), 1);
}

#[tokio::test]
async fn case_108_an_endless_chunked_body_is_cut_off_and_the_answer_arrives() {
    let (gateway, _origin) = exhausted("").await;
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // Four chunks of 64 KiB are drained, then the connection closes under the fifth.
    for _ in 0..6 {
        client.send(&chunk).await;
    }
    assert_eq!(client.answer().await.status, 429);
    client.end().await;
}

#[tokio::test]
async fn case_109_a_denied_expectation_gets_the_final_answer_only() {
    let (gateway, _origin) = exhausted("").await;
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (429, Some("close"))
    );
    assert_eq!(client.end().await, b"");
}

#[tokio::test]
async fn a_granted_expectation_gets_100_and_then_the_answer() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 100);
    client.send("hello").await;
    assert_eq!(client.answer().await.status, 200);
    assert!(client.is_open().await);
    let got = &origin.received()[0];
    assert_eq!(
        (got.body.as_slice(), got.field("expect")),
        (&b"hello"[..], None)
    );
}

#[tokio::test]
async fn a_body_announced_too_large_is_413_at_once() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "sizes: {body: 1KiB}");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (413, Some("close"))
    );
    assert_eq!(client.end().await, b"");
    assert_eq!(origin.connections(), 0);
    let exact = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n{}",
        "x".repeat(1024)
    );
    assert_eq!(ask(gateway.address, &exact).await.status, 200);
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_413_in_mid_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(listener.local_addr().unwrap(), "sizes: {body: 1KiB}");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client
        .send(format!("400\r\n{}\r\n", "x".repeat(1024)))
        .await;
    let (mut upstream, _) = within("a connection", listener.accept()).await.unwrap();
    client.send("1\r\nx\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
    client.end().await;
    // The origin sees a body that breaks off, never one that seems complete.
    let mut got = Vec::new();
    let _ = within("the end", upstream.read_to_end(&mut got)).await;
    assert!(!got.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_refused_request_without_a_body_keeps_the_connection() {
    let (gateway, _origin) = exhausted("").await;
    let mut client = Client::connect(gateway.address).await;
    for _ in 0..3 {
        client
            .send("POST /limited HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.field("connection")), (429, None));
    }
    client
        .send("GET /rate_limit HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert!(client.is_open().await);
}

/// HTTP/2's frame type of body bytes.
const DATA: u8 = 0;

#[tokio::test]
async fn case_108_an_http_2_stream_is_not_reset_while_its_body_comes() {
    let (gateway, origin) = exhausted("").await;
    let mut raw = Raw::connect(gateway.address).await;
    let post = block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/limited"),
    ]);
    raw.send(&frame(HEADERS, END_HEADERS, 1, &post)).await;
    // The whole answer is here before the first byte of the body has gone.
    loop {
        let (_, flags, stream, _) = raw.frame().await.unwrap();
        if stream == 1 && flags & END_STREAM != 0 {
            break;
        }
    }
    raw.send(&frame(DATA, 0, 1, &[0; 10_000])).await;
    raw.send(&frame(DATA, END_STREAM, 1, b"")).await;
    raw.send(&frame(PING, 0, 0, b"finished")).await;
    loop {
        let (kind, _, _, payload) = raw.frame().await.unwrap();
        assert_ne!(kind, RST_STREAM, "curl and httpx take it for a failure");
        if kind == PING && payload == b"finished" {
            break;
        }
    }
    assert_eq!(origin.received().len(), 1);
}
