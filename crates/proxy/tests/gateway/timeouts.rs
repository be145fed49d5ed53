//! Clients that are slow on purpose, and everybody else meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Client, ask};
use crate::harness::{Gateway, PATIENCE};
use crate::origin::{Origin, Reply};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const QUICK: &str = "timeouts: {header: 100ms, body_idle: 100ms, keep_alive: 100ms, handshake: 100ms, drain: 100ms}";
const LEAST: Duration = Duration::from_millis(100);

#[tokio::test]
async fn case_113_a_head_that_drips_is_cut_off_however_steadily_it_drips() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK);
    let mut client = Client::connect(gateway.address).await;
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n").await;
    // Others are served meanwhile, and each byte comes well within the limit.
    let answer = loop {
        tokio::select! {
            answer = client.answer() => break answer,
            () = tokio::time::sleep(LEAST / 10) => {}
        }
        assert!(start.elapsed() < PATIENCE, "it drips for ever");
        client.send("x: y\r\n").await;
        assert_eq!(ask(gateway.address, GET).await.status, 200);
    };
    assert_eq!(answer.status, 408);
    client.end().await;
    assert!(start.elapsed() >= LEAST);
}

#[tokio::test]
async fn case_113_a_connection_that_says_nothing_is_closed() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK);
    let start = Instant::now();
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.end().await, b"");
    assert!(start.elapsed() >= LEAST);
}

#[tokio::test]
async fn an_idle_kept_connection_is_closed_without_a_word() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK);
    let mut client = Client::connect(gateway.address).await;
    for _ in 0..3 {
        client.send(GET).await;
        assert_eq!(client.answer().await.status, 200);
    }
    let start = Instant::now();
    assert_eq!(client.end().await, b"");
    assert!(start.elapsed() >= LEAST * 9 / 10);
}

#[tokio::test]
async fn case_113_a_body_that_stops_arriving_is_408() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK);
    let mut client = Client::connect(gateway.address).await;
    let start = Instant::now();
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (408, Some("close"))
    );
    client.end().await;
    assert!(start.elapsed() >= LEAST);
}

#[tokio::test]
async fn a_body_that_drips_within_its_limit_is_fine() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK);
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n")
        .await;
    for _ in 0..20 {
        tokio::time::sleep(LEAST / 10).await;
        client.send("x").await;
    }
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn case_113_a_client_that_does_not_read_loses_its_connection() {
    let origin = Origin::answering(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n".to_vec();
        answer.resize(answer.len() + 64 * 1024 * 1024, 7);
        Reply::Send(answer)
    })
    .await;
    let gateway = Gateway::before(origin.address, QUICK);
    let mut client = Client::connect(gateway.address).await;
    client.send(GET).await;
    let seen = gateway.seen_after(1).await;
    assert_eq!(seen[0].ending, tollgate_proxy::Ending::ClientAborted);
    assert_eq!(client.head().await.status, 200);
    assert!(client.end().await.len() < 64 * 1024 * 1024);
}

#[tokio::test]
async fn an_answer_that_stops_arriving_breaks_off() {
    let origin =
        Origin::answering(|_| Reply::send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"))
            .await;
    let gateway = Gateway::before(origin.address, QUICK);
    let mut client = Client::connect(gateway.address).await;
    client.send(GET).await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.end().await, b"half");
    let seen = gateway.seen_after(1).await;
    assert_eq!(seen[0].ending, tollgate_proxy::Ending::OriginAborted);
}

#[tokio::test]
async fn a_long_answer_outlives_the_keep_alive_limit() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        crate::origin::read_request(&mut stream, &mut Vec::new())
            .await
            .unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
            .await
            .unwrap();
        for _ in 0..20 {
            tokio::time::sleep(LEAST / 5).await;
            stream.write_all(b"x").await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let gateway = Gateway::before(address, QUICK);
    let mut client = Client::connect(gateway.address).await;
    client.send(GET).await;
    let answer = client.answer().await;
    assert_eq!(answer.body, b"x".repeat(20));
}
