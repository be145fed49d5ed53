//! Requests under way at `GET /one`, where one may be: counted from admission to the last byte of
//! the answer, and not a moment longer however they end.

use std::net::SocketAddr;

use crate::client::{Client, ask};
use crate::frames::{END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Raw, block, frame};
use crate::harness::{Gateway, PATIENCE, within};
use crate::origin::{Origin, Reply};

const ONE: &str = "GET /one HTTP/1.1\r\nHost: a\r\n\r\n";

/// An origin that answers `GET /one` as told, the first time; then with 200.
async fn origin(first: fn() -> Reply) -> Origin {
    let asked = std::sync::atomic::AtomicBool::new(false);
    Origin::answering(move |_| {
        if asked.swap(true, std::sync::atomic::Ordering::SeqCst) {
            Reply::ok()
        } else {
            first()
        }
    })
    .await
}

/// Half an answer: its head and five of ten bytes.
fn half() -> Reply {
    Reply::send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
}

async fn status(address: SocketAddr) -> u16 {
    ask(address, ONE).await.status
}

/// Waits until the place is free, which a request of its own shows.
async fn free(address: SocketAddr) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while status(address).await != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the place leaked");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_after_the_other_all_pass() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    for _ in 0..20 {
        client.send(ONE).await;
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_second_is_refused_until_the_first_has_had_its_last_byte() {
    let origin = origin(half).await;
    let gateway = Gateway::before(origin.address, "");
    let mut first = Client::connect(gateway.address).await;
    first.send(ONE).await;
    assert_eq!(first.head().await.status, 200);
    assert_eq!(first.take(5).await, b"hello");
    let refused = ask(gateway.address, ONE).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.field("retry-after"), None);
    assert_eq!(status(gateway.address).await, 429);
    // The client leaves in the middle of its answer.
    drop(first);
    free(gateway.address).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_frees_its_place() {
    let origin = origin(|| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "");
    let mut first = Client::connect(gateway.address).await;
    first.send(ONE).await;
    within("the request to arrive", async {
        while origin.received().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(status(gateway.address).await, 429);
    drop(first);
    free(gateway.address).await;
}

#[tokio::test]
async fn an_origin_that_breaks_off_frees_the_place() {
    let origin = origin(|| {
        Reply::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello".to_vec())
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let mut first = Client::connect(gateway.address).await;
    first.send(ONE).await;
    assert_eq!(first.head().await.status, 200);
    first.end().await;
    free(gateway.address).await;
}

#[tokio::test]
async fn an_origin_that_cannot_be_reached_frees_the_place() {
    let gone = Origin::start().await.address;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = taken.local_addr().unwrap();
    drop(taken);
    assert_ne!(gone, nobody);
    let gateway = Gateway::before(nobody, "");
    for _ in 0..3 {
        let status = status(gateway.address).await;
        assert!((502..=504).contains(&status), "{status}");
    }
}

#[tokio::test]
async fn a_reset_stream_frees_its_place() {
    let origin = origin(|| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Raw::connect(gateway.address).await;
    let head = block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/one"),
    ]);
    client
        .send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head))
        .await;
    within("the request to arrive", async {
        while origin.received().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(status(gateway.address).await, 429);
    client
        .send(&frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()))
        .await;
    free(gateway.address).await;
}

#[tokio::test]
async fn a_websocket_is_under_way_until_it_is_closed() {
    let origin = origin(|| {
        Reply::send(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        )
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send(
            "GET /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .await;
    assert_eq!(client.head().await.status, 101);
    assert_eq!(status(gateway.address).await, 429);
    drop(client);
    free(gateway.address).await;
}
