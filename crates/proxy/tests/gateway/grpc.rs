//! gRPC through the gateway: HTTP/2 both ways, streams in both directions, trailers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::h2::{Body, connect, whole};
use crate::harness::{Gateway, Setup, within};

/// A body of which frames are sent one by one.
struct Sent(mpsc::Receiver<Frame<Bytes>>);

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

fn channel() -> (mpsc::Sender<Frame<Bytes>>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Sent(receiver).boxed_unsync())
}

/// An HTTP/2 origin that echoes each frame as it comes and ends with a gRPC status.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(connection);
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/hang-up" {
        // A stream reset in place of an answer.
        std::future::pending::<()>().await;
    }
    if request.uri().path() == "/whole" {
        // No head before the whole request is there.
        let body = request.into_body().collect().await.unwrap();
        return Ok(Response::new(whole(body.to_bytes())));
    }
    assert_eq!(request.headers()["te"], "trailers");
    assert_eq!(request.uri().authority().unwrap(), "svc.example");
    assert!(!request.headers().contains_key("host"));
    let gathers = request.uri().path() == "/pkg.Svc/Gather";
    let (sender, body) = channel();
    let mut incoming = request.into_body();
    tokio::spawn(async move {
        if gathers {
            // The head at once, and a message when the whole request is there.
            let all = incoming.collect().await.unwrap().to_bytes();
            let _ = sender.send(Frame::data(all)).await;
            return;
        }
        while let Some(Ok(frame)) = incoming.frame().await {
            if let Ok(data) = frame.into_data()
                && sender.send(Frame::data(data)).await.is_err()
            {
                return;
            }
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    Ok(Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap())
}

fn http2(origin: SocketAddr) -> Setup<'static> {
    http2_that_answers_within(origin, "60s")
}

fn http2_that_answers_within(origin: SocketAddr, limit: &str) -> Setup<'static> {
    Setup {
        origin: format!(
            "{{urls: \"http://{origin}\", protocol: http2, response_timeout: {limit}}}"
        ),
        ..Setup::before(origin, "")
    }
}

fn call(path: &str, body: Body) -> Request<Body> {
    Request::post(format!("http://svc.example{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

#[tokio::test]
async fn a_bidirectional_stream_passes_frame_by_frame_and_keeps_its_trailers() {
    let origin = echo().await;
    let gateway = Gateway::start(http2(origin));
    let mut handle = connect(gateway.address).await;
    let (sender, body) = channel();
    let answer = within("the head", handle.send_request(call("/pkg.Svc/Echo", body)))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().contains_key("ratelimit"));
    let mut incoming = answer.into_body();
    for number in 0..10 {
        let message = Bytes::from(format!("message {number}"));
        sender.send(Frame::data(message.clone())).await.unwrap();
        // Each comes back before the next is sent: nothing is gathered on the way.
        let echoed = within("an echo", incoming.frame()).await.unwrap().unwrap();
        assert_eq!(echoed.into_data().unwrap(), message);
    }
    drop(sender);
    let end = within("the trailers", incoming.frame())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(end.into_trailers().unwrap()["grpc-status"], "0");
}

/// A stream that does not move ends after twice the limit of a body's pauses; these move, and for longer. One origin
/// says its head when it has read everything, the other at once.
#[tokio::test]
async fn an_upload_that_moves_may_take_longer_than_a_stream_may_stand_still() {
    let origin = echo().await;
    let gateway = Gateway::start(Setup {
        policy: "timeouts: {body_idle: 2s}",
        ..http2(origin)
    });
    let mut handle = connect(gateway.address).await;
    let mut uploads = Vec::new();
    let mut answers = Vec::new();
    for path in ["/whole", "/pkg.Svc/Gather"] {
        let (sender, body) = channel();
        let answer = handle.send_request(call(path, body));
        answers.push(tokio::spawn(async move {
            let body = answer.await.unwrap().into_body();
            body.collect().await.map(|whole| whole.to_bytes())
        }));
        uploads.push(sender);
    }
    for _ in 0..25 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for upload in &uploads {
            upload.send(Frame::data("x".into())).await.unwrap();
        }
    }
    drop(uploads);
    for answer in answers {
        let echoed = within("the answer", answer).await.unwrap().unwrap();
        assert_eq!(echoed, "x".repeat(25));
    }
}

#[tokio::test]
async fn a_stream_on_which_nothing_moves_either_way_is_cut_off() {
    let origin = echo().await;
    let gateway = Gateway::start(Setup {
        policy: "timeouts: {body_idle: 1s}",
        ..http2(origin)
    });
    let mut handle = connect(gateway.address).await;
    let (sender, body) = channel();
    let answer = handle.send_request(call("/pkg.Svc/Gather", body));
    let answer = within("the head", answer).await.unwrap();
    sender.send(Frame::data("x".into())).await.unwrap();
    let end = within("the end", answer.into_body().collect()).await;
    assert!(end.is_err(), "{end:?}");
}

#[tokio::test]
async fn many_calls_share_one_connection_to_the_origin() {
    let origin = echo().await;
    let gateway = Gateway::start(http2(origin));
    let handle = connect(gateway.address).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..40 {
        let mut handle = handle.clone();
        calls.spawn(async move {
            let message = format!("call {number}");
            let request = call("/pkg.Svc/Echo", whole(message.clone()));
            let body = handle.send_request(request).await.unwrap().into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes(), message);
        });
    }
    while let Some(done) = within("the calls", calls.join_next()).await {
        done.unwrap();
    }
}

#[tokio::test]
async fn an_origin_that_fails_is_a_grpc_status_to_a_grpc_caller() {
    let origin = echo().await;
    let gateway = Gateway::start(http2_that_answers_within(origin, "300ms"));
    let mut handle = connect(gateway.address).await;
    let answer = handle
        .send_request(call("/hang-up", whole("x")))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["grpc-status"], "4", "DEADLINE_EXCEEDED");
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let gateway = Gateway::start(http2(nobody));
    let mut handle = connect(gateway.address).await;
    let answer = handle
        .send_request(call("/pkg.Svc/Echo", whole("x")))
        .await
        .unwrap();
    assert_eq!(answer.headers()["grpc-status"], "14", "UNAVAILABLE");
}

#[tokio::test]
async fn a_limited_call_is_resource_exhausted() {
    let origin = echo().await;
    let gateway = Gateway::start(http2(origin));
    let mut handle = connect(gateway.address).await;
    let first = handle
        .send_request(call("/limited", whole("x")))
        .await
        .unwrap();
    assert!(!first.headers().contains_key("grpc-status"));
    let second = handle
        .send_request(call("/limited", whole("x")))
        .await
        .unwrap();
    assert_eq!(second.headers()["grpc-status"], "8");
}

#[tokio::test]
async fn http_1_clients_reach_an_http_2_origin() {
    let origin = echo().await;
    let gateway = Gateway::start(http2(origin));
    let answer = crate::client::ask(
        gateway.address,
        "POST /pkg.Svc/Echo HTTP/1.1\r\nHost: svc.example\r\nTE: trailers\r\nContent-Length: 5\r\n\r\nhello",
    )
    .await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
}
