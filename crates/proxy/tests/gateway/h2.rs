//! HTTP/2 from clients: by prior knowledge, its own ambiguities, its own floods.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::frames::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, Raw, SETTINGS, frame, get};
use crate::harness::{Gateway, within};
use crate::origin::{Origin, Reply};

pub(crate) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>;

pub(crate) fn empty() -> Body {
    Empty::new().boxed_unsync()
}

pub(crate) fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

/// An HTTP/2 connection by prior knowledge.
pub(crate) async fn connect(address: SocketAddr) -> SendRequest<Body> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (handle, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    handle
}

#[tokio::test]
async fn many_streams_of_one_connection_reach_an_http_1_origin() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let handle = connect(gateway.address).await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..50 {
        let mut handle = handle.clone();
        asked.spawn(async move {
            let request = Request::post(format!("http://A.example:80/{number}"))
                .header("te", "trailers")
                .body(whole(format!("body {number}")))
                .unwrap();
            let answer = handle.send_request(request).await.unwrap();
            assert_eq!(
                (answer.status(), answer.version()),
                (StatusCode::OK, Version::HTTP_2)
            );
            answer.into_body().collect().await.unwrap().to_bytes()
        });
    }
    while let Some(body) = within("the answers", asked.join_next()).await {
        assert_eq!(body.unwrap(), "ok");
    }
    let received = origin.received();
    assert_eq!(received.len(), 50);
    for got in received {
        let number = got.line().split(['/', ' ']).nth(2).unwrap();
        assert_eq!(got.body, format!("body {number}").as_bytes());
        assert_eq!(got.fields("host"), ["a.example"]);
        assert_eq!(got.field("via"), Some("2.0 tollgate"));
    }
}

#[tokio::test]
async fn limits_and_refusals_on_one_stream_leave_the_others_alone() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "sizes: {body: 1KiB}");
    let mut handle = connect(gateway.address).await;
    let ask = |path: &str, body: Body| Request::post(format!("http://a{path}")).body(body).unwrap();
    let mut statuses = Vec::new();
    for (path, body) in [
        ("/limited", whole("x")),
        ("/limited", whole("y".repeat(100))),
        ("/", whole("z".repeat(1025))),
        ("/%2f", empty()),
        ("/", whole("fine")),
    ] {
        let answer = handle.send_request(ask(path, body)).await.unwrap();
        statuses.push(answer.status().as_u16());
        let _ = answer.into_body().collect().await;
    }
    assert_eq!(statuses, [200, 429, 413, 400, 200]);
    assert_eq!(origin.received().len(), 2);
}

#[tokio::test]
async fn case_068_hosts_that_differ_and_methods_not_offered() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut handle = connect(gateway.address).await;
    let request = |host: &str| {
        Request::get("http://a/")
            .header("host", host)
            .body(empty())
            .unwrap()
    };
    let answer = handle.send_request(request("b")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers().get("connection"), None);
    let answer = handle.send_request(request("A:80")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let trace = Request::builder()
        .method("TRACE")
        .uri("http://a/")
        .body(empty())
        .unwrap();
    let answer = handle.send_request(trace).await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(origin.received().len(), 1);
}

#[tokio::test]
async fn a_drain_says_goaway_and_finishes_what_runs() {
    let (go, gate) = tokio::sync::oneshot::channel::<()>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, arrival) = tokio::sync::oneshot::channel::<()>();
    let origin = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut scratch = [0; 4096];
        let _ = stream.read(&mut scratch).await.unwrap();
        arrived.send(()).unwrap();
        gate.await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
            .unwrap();
        stream
    });
    let mut gateway = Gateway::before(address, "");
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get(&[])))
        .await;
    while let Some((kind, ..)) = raw.frame().await {
        if kind == SETTINGS {
            break;
        }
    }
    within("the request", arrival).await.unwrap();
    gateway.drain();
    loop {
        let (kind, _, _, payload) = raw.frame().await.expect("GOAWAY before the end");
        match kind {
            GOAWAY => break,
            // hyper waits for a ping's answer before it names the last stream.
            PING => assert!(raw.send(&frame(PING, 1, 0, &payload)).await),
            _ => {}
        }
    }
    go.send(()).unwrap();
    let mut answered = false;
    while let Some((kind, _, stream, payload)) = raw.frame().await {
        match kind {
            HEADERS if stream == 1 => answered = true,
            PING => assert!(raw.send(&frame(PING, 1, 0, &payload)).await),
            _ => {}
        }
    }
    assert!(answered);
    gateway.join();
    drop(within("the origin", origin).await);
}

#[tokio::test]
async fn cookie_crumbs_become_one_field_and_heads_have_a_limit() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "sizes: {headers: 20}");
    let mut handle = connect(gateway.address).await;
    let crumbs = Request::get("http://a/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(empty())
        .unwrap();
    let answer = handle.send_request(crumbs).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(origin.received()[0].fields("cookie"), ["a=1; b=2"]);
    let mut many = Request::get("http://a/").body(empty()).unwrap();
    for number in 0..21 {
        let name = http::HeaderName::from_bytes(format!("x-{number}").as_bytes()).unwrap();
        many.headers_mut()
            .insert(name, http::HeaderValue::from_static("y"));
    }
    let answer = handle.send_request(many).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(origin.received().len(), 1);
}

#[tokio::test]
async fn a_connection_without_streams_is_dismissed_and_one_with_a_stream_is_not() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "timeouts: {keep_alive: 100ms}");
    let mut busy = Raw::connect(gateway.address).await;
    busy.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get(&[])))
        .await;
    let mut idle = Raw::connect(gateway.address).await;
    assert_eq!(idle.dismissal().await, Some(0), "NO_ERROR");
    assert_eq!(gateway.seen().len(), 0, "the busy one goes on");
}
