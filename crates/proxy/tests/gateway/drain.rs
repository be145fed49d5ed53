//! Stopping: nothing new is accepted, nothing in flight is lost, nothing waits for ever.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::harness::{Gateway, eventually, within};
use crate::origin::{Origin, Reply};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn requests_in_flight_finish_and_idle_connections_close() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let origin = std::thread::spawn({
        let listener = listener.into_std().unwrap();
        move || {
            use std::io::{Read, Write};
            listener.set_nonblocking(false).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut scratch = [0; 4096];
            let _ = stream.read(&mut scratch).unwrap();
            gate.lock().unwrap().recv().unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .unwrap();
        }
    });
    let mut gateway = Gateway::before(address, "");
    let mut busy = Client::connect(gateway.address).await;
    busy.send(GET).await;
    let mut idle = Client::connect(gateway.address).await;
    // Only once the gateway has read something of it is a connection its own.
    idle.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 405);
    gateway.drain();
    assert_eq!(idle.end().await, b"", "an idle connection closes at once");
    eventually("the listener to close", || {
        std::net::TcpStream::connect(gateway.address)
            .err()
            .map(|_| ())
    })
    .await;
    go.send(()).unwrap();
    let answer = busy.answer().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (200, Some("close"))
    );
    assert_eq!(busy.end().await, b"");
    gateway.join();
    origin.join().unwrap();
}

#[tokio::test]
async fn a_drain_under_load_loses_no_request_that_was_accepted() {
    let origin = Origin::start().await;
    let mut gateway = Gateway::before(origin.address, "");
    let address = gateway.address;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..20 {
        clients.spawn(async move {
            let mut served = 0_u32;
            let mut client = Client::connect(address).await;
            loop {
                client.send(GET).await;
                // Closed between two requests, before it saw the second.
                let Some(answer) = client.next_answer(false).await else {
                    return served;
                };
                assert_eq!(answer.status, 200);
                served += 1;
                if answer.field("connection") == Some("close") {
                    return served;
                }
            }
        });
    }
    eventually("load", || (gateway.seen().len() > 200).then_some(())).await;
    gateway.drain();
    let mut served = 0;
    while let Some(client) = within("the clients", clients.join_next()).await {
        served += client.unwrap();
    }
    gateway.join();
    assert!(served > 200);
    assert!(gateway.seen().iter().all(|seen| seen.status == 200));
}

#[tokio::test]
async fn what_does_not_end_is_cut_when_the_time_is_up() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let mut gateway = Gateway::before(origin.address, "timeouts: {drain: 100ms}");
    let mut client = Client::connect(gateway.address).await;
    client.send(GET).await;
    eventually("the request", || {
        (!origin.received().is_empty()).then_some(())
    })
    .await;
    let start = Instant::now();
    gateway.drain();
    assert_eq!(client.end().await, b"");
    gateway.join();
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(gateway.seen()[0].status, 499);
}

#[tokio::test]
async fn a_tunnel_lasts_into_the_drain_and_is_cut_at_its_end() {
    let origin = Origin::answering(|request| match request.number {
        0 => Reply::send(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        ),
        // What comes through the tunnel looks like a request, so that this origin can answer.
        _ => Reply::send("pong"),
    })
    .await;
    let mut gateway = Gateway::before(origin.address, "timeouts: {drain: 200ms}");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 101);
    let start = Instant::now();
    gateway.drain();
    eventually("the listener to close", || {
        std::net::TcpStream::connect(gateway.address)
            .err()
            .map(|_| ())
    })
    .await;
    client.send("ping\r\n\r\n").await;
    assert_eq!(client.take(4).await, b"pong");
    assert_eq!(client.end().await, b"");
    gateway.join();
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(gateway.seen()[0].status, 101);
}

#[tokio::test]
async fn a_panic_ends_one_connection_and_no_other() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut other = Client::connect(gateway.address).await;
    other.send(GET).await;
    assert_eq!(other.answer().await.status, 200);
    let mut client = Client::connect(gateway.address).await;
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", crate::harness::PANIC);
    client.send(request).await;
    client.end().await;
    assert!(other.is_open().await);
    assert!(Client::connect(gateway.address).await.is_open().await);
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_room() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "sizes: {connections: 1}");
    let mut first = Client::connect(gateway.address).await;
    first.send(GET).await;
    assert_eq!(first.answer().await.status, 200);
    let mut second = Client::connect(gateway.address).await;
    second.send(GET).await;
    // The first is served as often as it likes; the second is not even read.
    for _ in 0..20 {
        assert!(first.is_open().await);
    }
    assert_eq!(origin.received().len(), 21);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}
