//! Switching protocols: one charge, nothing early, bytes both ways.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_proxy::Ending;

use crate::client::{Client, find};
use crate::harness::{Gateway, within};
use crate::origin::{Origin, Reply};

const ASK: &str = "GET /limited HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// An origin that switches on demand and then echoes in upper case; it tells what came before
/// it had switched.
async fn echo(
    switch: tokio::sync::oneshot::Receiver<()>,
) -> (std::net::SocketAddr, tokio::sync::oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, early) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        let mut scratch = [0; 4096];
        let mut switch = std::pin::pin!(switch);
        loop {
            tokio::select! {
                read = stream.read(&mut scratch) => got.extend_from_slice(&scratch[..read.unwrap()]),
                _ = &mut switch, if find(&got, b"\r\n\r\n").is_some() => break,
            }
        }
        told.send(String::from_utf8(got).unwrap()).unwrap();
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: y\r\n\r\nfirst")
            .await
            .unwrap();
        while let Ok(length @ 1..) = stream.read(&mut scratch).await {
            stream
                .write_all(&scratch[..length].to_ascii_uppercase())
                .await
                .unwrap();
        }
    });
    (address, early)
}

#[tokio::test]
async fn case_072_a_websocket_is_charged_once_and_no_byte_goes_early() {
    let (go, switch) = tokio::sync::oneshot::channel();
    let (address, early) = echo(switch).await;
    let gateway = Gateway::before(address, "");
    let mut client = Client::connect(gateway.address).await;
    // RUSTSEC-2026-0033: what looks like a request behind the upgrade must reach nobody before
    // the origin has agreed, and then only as bytes of the new protocol.
    client
        .send(format!("{ASK}get /early HTTP/1.1\r\n\r\n"))
        .await;
    go.send(()).unwrap();
    let head = client.head().await;
    assert_eq!(head.status, 101);
    assert_eq!(head.field("upgrade"), Some("websocket"));
    assert_eq!(head.field("sec-websocket-accept"), Some("y"));
    let early = within("the origin's view", early).await.unwrap();
    assert!(
        early.ends_with("\r\n\r\n") && !early.contains("early"),
        "{early}"
    );
    assert!(early.contains("sec-websocket-key: x\r\n") && early.contains("upgrade: websocket\r\n"));
    let echoed = b"firstGET /EARLY HTTP/1.1\r\n\r\n";
    assert_eq!(client.take(echoed.len()).await, echoed);
    for _ in 0..3 {
        client.send("ping").await;
        assert_eq!(client.take(4).await, b"PING");
    }
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.end().await, b"");
    let seen = gateway.seen_after(1).await;
    assert_eq!((seen[0].status, seen[0].ending), (101, Ending::Complete));
    // The one charge: the route's burst is one.
    let mut second = Client::connect(gateway.address).await;
    second.send(ASK).await;
    assert_eq!(second.answer().await.status, 429);
}

#[tokio::test]
async fn an_upgrade_pipelined_behind_another_request_is_held_until_its_own_answer() {
    let origin = Origin::answering(|request| match request.line() {
        "GET /first HTTP/1.1" => Reply::ok(),
        "GET /ws HTTP/1.1" => Reply::send(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        ),
        // Through the tunnel: as it was sent, and no request of ours.
        _ => Reply::Send(request.head.clone().into_bytes()),
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    let early = "GET /early HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    let ask = ASK.replace("/limited", "/ws");
    client
        .send(format!(
            "GET /first HTTP/1.1\r\nHost: a\r\n\r\n{ask}{early}"
        ))
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.head().await.status, 101);
    assert_eq!(client.take(early.len()).await, early.as_bytes());
}

#[tokio::test]
async fn an_origin_that_does_not_switch_leaves_the_connection_to_http() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    let ask = ASK.replace("/limited", "/other");
    client
        .send(format!("{ask}GET /next HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 200);
    assert!(client.is_open().await);
}

#[tokio::test]
async fn a_refused_websocket_leaves_the_connection_to_http() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("GET /limited HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    client
        .send(format!("{ASK}GET /next HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 429);
    assert_eq!(client.answer().await.status, 200);
    let lines: Vec<_> = origin
        .received()
        .iter()
        .map(|got| got.line().to_owned())
        .collect();
    assert_eq!(lines, ["GET /limited HTTP/1.1", "GET /next HTTP/1.1"]);
}

#[tokio::test]
async fn other_protocols_are_not_switched_to_and_their_request_is_plain() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 200);
    let got = &origin.received()[0];
    assert_eq!(
        (got.field("upgrade"), got.field("http2-settings")),
        (None, None)
    );
}

#[tokio::test]
async fn an_upgrade_with_a_body_or_another_method_is_refused() {
    let origin = Origin::answering(|_| Reply::ok()).await;
    let gateway = Gateway::before(origin.address, "");
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let mut client = Client::connect(gateway.address).await;
        client.send(request).await;
        assert_eq!(client.answer().await.status, 400);
        assert_eq!(client.end().await, b"");
    }
    assert_eq!(origin.received().len(), 0);
}
