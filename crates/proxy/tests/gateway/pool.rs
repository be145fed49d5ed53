//! Connections to the origin: kept, chosen, replaced; and what is tried again.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::client::{Client, ask};
use crate::harness::{Gateway, Setup, eventually};
use crate::origin::{Origin, Received, Reply, read_request};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// An address at which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn several(origins: &[std::net::SocketAddr]) -> String {
    let urls: Vec<_> = origins
        .iter()
        .map(|origin| format!("\"http://{origin}\""))
        .collect();
    format!("[{}]", urls.join(", "))
}

#[tokio::test]
async fn requests_of_different_clients_share_connections() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    for _ in 0..20 {
        assert_eq!(ask(gateway.address, GET).await.status, 200);
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn an_origin_that_closes_after_each_answer_is_connected_anew() {
    let origin = Origin::answering(|_| {
        Reply::SendAndClose(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_vec(),
        )
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    for _ in 0..5 {
        client.send(GET).await;
        assert_eq!(client.answer().await.status, 200);
    }
    assert_eq!(origin.connections(), 5);
}

/// Answers the first request of a connection, hangs up on the second.
fn second_hangs_up(request: &Received) -> Reply {
    if request.number == 0 {
        Reply::ok()
    } else {
        Reply::SendAndClose(Vec::new())
    }
}

#[tokio::test]
async fn a_get_on_a_kept_connection_that_breaks_is_sent_once_more() {
    let origin = Origin::answering(second_hangs_up).await;
    let gateway = Gateway::before(origin.address, "");
    assert_eq!(ask(gateway.address, GET).await.status, 200);
    assert_eq!(
        ask(
            gateway.address,
            "GET /again HTTP/1.1\r\nHost: a\r\nx: y\r\n\r\n"
        )
        .await
        .status,
        200
    );
    let received = origin.received();
    assert_eq!(received.len(), 3);
    assert_eq!(
        received[1].head, received[2].head,
        "the same head both times"
    );
}

#[tokio::test]
async fn a_get_is_sent_twice_at_most() {
    // Three connections that each answer once, all at the same time, and hang up on the second.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(listener.local_addr().unwrap(), "");
    let together = Arc::new(tokio::sync::Barrier::new(3));
    let hung_up = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&hung_up);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (together, counter) = (Arc::clone(&together), Arc::clone(&counter));
            tokio::spawn(async move {
                let mut buffer = Vec::new();
                read_request(&mut stream, &mut buffer).await.unwrap();
                together.wait().await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer).await.unwrap();
                if read_request(&mut stream, &mut buffer).await.is_some() {
                    counter.fetch_add(1, Relaxed);
                }
            });
        }
    });
    let address = gateway.address;
    let first = [0; 3].map(|_| tokio::spawn(ask(address, GET)));
    for asked in first {
        assert_eq!(asked.await.unwrap().status, 200);
    }
    assert_eq!(ask(address, GET).await.status, 502);
    assert_eq!(hung_up.load(Relaxed), 2);
}

#[tokio::test]
async fn what_is_not_idempotent_or_has_a_body_is_never_sent_twice() {
    for request in [
        "POST /once HTTP/1.1\r\nHost: a\r\n\r\n",
        "PATCH /once HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /once HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let origin = Origin::answering(second_hangs_up).await;
        let gateway = Gateway::before(origin.address, "");
        assert_eq!(ask(gateway.address, GET).await.status, 200);
        assert_eq!(
            ask(gateway.address, request).await.status,
            502,
            "{request:?}"
        );
        assert_eq!(origin.received().len(), 2, "{request:?}");
    }
}

#[tokio::test]
async fn a_get_on_a_fresh_connection_that_breaks_is_not_sent_again() {
    let origin = Origin::answering(|_| Reply::SendAndClose(Vec::new())).await;
    let gateway = Gateway::before(origin.address, "");
    assert_eq!(ask(gateway.address, GET).await.status, 502);
    assert_eq!(origin.received().len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_refuses_connections_is_passed_over() {
    let origin = Origin::start().await;
    let gateway = Gateway::start(Setup {
        origin: several(&[nobody().await, origin.address]),
        ..Setup::before(origin.address, "")
    });
    for _ in 0..20 {
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(ask(gateway.address, post).await.status, 200);
    }
    assert!(origin.received().iter().all(|got| got.body == b"hi"));
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_502() {
    let gateway = Gateway::before(nobody().await, "");
    let answer = ask(gateway.address, GET).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("\"status\":502"));
    // However often: the last endpoint is never ejected.
    for _ in 0..5 {
        assert_eq!(ask(gateway.address, GET).await.status, 502);
    }
}

#[tokio::test]
async fn requests_go_where_the_least_is_in_flight() {
    let slow = Origin::answering(|_| Reply::Nothing).await;
    let quick = Origin::start().await;
    let gateway = Gateway::start(Setup {
        origin: several(&[slow.address, quick.address]),
        ..Setup::before(slow.address, "")
    });
    // The first to the slow one is stuck there; from then on the quick one has less in flight.
    let mut stuck = Vec::new();
    while slow.received().is_empty() {
        let mut client = Client::connect(gateway.address).await;
        client.send(GET).await;
        let before = slow.received().len() + quick.received().len();
        eventually("the request to arrive", || {
            (slow.received().len() + quick.received().len() > before || !slow.received().is_empty())
                .then_some(())
        })
        .await;
        stuck.push(client);
    }
    for _ in 0..20 {
        assert_eq!(ask(gateway.address, GET).await.status, 200);
    }
    assert_eq!(slow.received().len(), 1);
}

#[tokio::test]
async fn health_checks_take_an_endpoint_out_and_bring_it_back() {
    let healthy = Arc::new(AtomicUsize::new(1));
    let state = Arc::clone(&healthy);
    let origin = Origin::answering(move |request| {
        if request.line() == "GET /health HTTP/1.1" && state.load(Relaxed) == 0 {
            Reply::send("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n")
        } else {
            Reply::ok()
        }
    })
    .await;
    let gateway = Gateway::start(Setup {
        origin: format!(
            "{{urls: \"http://{}\", health: {{path: /health, interval: 10ms, unhealthy_after: 2, healthy_after: 2}}}}",
            origin.address
        ),
        ..Setup::before(origin.address, "")
    });
    let checks = tokio::spawn(tollgate_proxy::check_health(Arc::clone(&gateway.shared)));
    let usable = |wanted: bool| {
        let shared = Arc::clone(&gateway.shared);
        eventually("a change of health", move || {
            (shared.endpoints()[0].1 == wanted).then_some(())
        })
    };
    usable(true).await;
    assert_eq!(ask(gateway.address, GET).await.status, 200);
    healthy.store(0, Relaxed);
    usable(false).await;
    let answer = ask(gateway.address, GET).await;
    assert_eq!(
        (answer.status, answer.field("retry-after")),
        (503, Some("5"))
    );
    healthy.store(1, Relaxed);
    usable(true).await;
    assert_eq!(ask(gateway.address, GET).await.status, 200);
    checks.abort();
}

#[tokio::test]
async fn a_reload_moves_requests_to_another_origin() {
    let (one, two) = (Origin::start().await, Origin::start().await);
    let gateway = Gateway::before(one.address, "");
    let mut client = Client::connect(gateway.address).await;
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    let policy = crate::harness::parse(&Setup::before(two.address, "").text());
    gateway.shared.reload(policy).unwrap();
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!((one.received().len(), two.received().len()), (1, 1));
}

#[tokio::test]
async fn a_slow_answer_is_504_and_its_connection_is_not_kept() {
    let hang = Arc::new(Mutex::new(true));
    let state = Arc::clone(&hang);
    let origin = Origin::answering(move |_| {
        if std::mem::take(&mut *state.lock().unwrap()) {
            Reply::Nothing
        } else {
            Reply::ok()
        }
    })
    .await;
    let gateway = Gateway::start(Setup {
        origin: format!(
            "{{urls: \"http://{}\", response_timeout: 2s}}",
            origin.address
        ),
        ..Setup::before(origin.address, "")
    });
    let start = tokio::time::Instant::now();
    assert_eq!(ask(gateway.address, GET).await.status, 504);
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert_eq!(ask(gateway.address, GET).await.status, 200);
    assert_eq!(origin.connections(), 2);
}
