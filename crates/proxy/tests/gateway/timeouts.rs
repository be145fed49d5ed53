//! Clients that are slow on purpose, and everybody else meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Client, ask};
use crate::harness::{Gateway, PATIENCE};
use crate::origin::{Origin, Reply};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// One limit that is to be met; by all others this machine may stand still.
const QUICK_HEADER: &str = "timeouts: {header: 100ms}";
const QUICK_BODY: &str = "timeouts: {body_idle: 100ms}";
const QUICK_KEPT: &str = "timeouts: {keep_alive: 100ms}";
const LEAST: Duration = Duration::from_millis(100);
/// For who must not meet it: pauses of a tenth, so many that together they are longer.
const WIDE: &str = "timeouts: {header: 2s, body_idle: 2s, keep_alive: 100ms}";
const WIDE_LEAST: Duration = Duration::from_secs(2);
const WIDE_PAUSE: Duration = Duration::from_millis(200);
const WIDE_PAUSES: usize = 20;

#[tokio::test]
async fn case_113_a_head_that_drips_is_cut_off_however_steadily_it_drips() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, WIDE);
    // Before the gateway can have begun to count.
    let start = Instant::now();
    let mut client = Client::connect(gateway.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n").await;
    // Others are served meanwhile, and each byte comes well within the limit.
    let answer = loop {
        tokio::select! {
            answer = client.answer() => break answer,
            () = tokio::time::sleep(WIDE_PAUSE) => {}
        }
        assert!(start.elapsed() < PATIENCE, "it drips for ever");
        client.send("x: y\r\n").await;
        assert_eq!(ask(gateway.address, GET).await.status, 200);
    };
    assert_eq!(answer.status, 408);
    client.end().await;
    assert!(start.elapsed() >= WIDE_LEAST);
}

#[tokio::test]
async fn case_113_a_connection_that_says_nothing_is_closed() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK_HEADER);
    let start = Instant::now();
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.end().await, b"");
    assert!(start.elapsed() >= LEAST);
}

#[tokio::test]
async fn an_idle_kept_connection_is_closed_without_a_word() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK_KEPT);
    let mut client = Client::connect(gateway.address).await;
    // It is idle from its answer on, at the earliest from now.
    let start = Instant::now();
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.end().await, b"");
    assert!(start.elapsed() >= LEAST);
}

#[tokio::test]
async fn case_113_a_body_that_stops_arriving_is_408() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, QUICK_BODY);
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
    let gateway = Gateway::before(origin.address, WIDE);
    let mut client = Client::connect(gateway.address).await;
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {WIDE_PAUSES}\r\n\r\n");
    client.send(&head).await;
    for _ in 0..WIDE_PAUSES {
        tokio::time::sleep(WIDE_PAUSE).await;
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
    let gateway = Gateway::before(origin.address, QUICK_BODY);
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
    let gateway = Gateway::before(origin.address, QUICK_BODY);
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
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {WIDE_PAUSES}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..WIDE_PAUSES {
            tokio::time::sleep(WIDE_PAUSE).await;
            stream.write_all(b"x").await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let gateway = Gateway::before(address, WIDE);
    let mut client = Client::connect(gateway.address).await;
    client.send(GET).await;
    let answer = client.answer().await;
    assert_eq!(answer.body, b"x".repeat(WIDE_PAUSES));
}
