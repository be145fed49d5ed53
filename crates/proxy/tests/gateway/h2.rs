//! HTTP/2 from clients: by prior knowledge, its own ambiguities, its own floods.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Gateway, eventually, within};
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

// === raw frames ===

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header block of literals, never indexed.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0x10);
        for text in [name, value] {
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

fn get(extra: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ];
    fields.extend_from_slice(extra);
    block(&fields)
}

/// A raw connection whose preface and settings are done.
struct Raw(TcpStream);

impl Raw {
    async fn connect(address: SocketAddr) -> Raw {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        Raw(stream)
    }

    /// Sends as long as the other side takes it; false once it does not.
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// The next frame: kind, flags, stream, payload; `None` at the end.
    async fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        within("a frame", self.0.read_exact(&mut head)).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        within("a payload", self.0.read_exact(&mut payload))
            .await
            .ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], stream, payload))
    }

    /// Reads until GOAWAY or the end: true for either.
    async fn is_dismissed(&mut self) -> bool {
        while let Some((kind, ..)) = self.frame().await {
            if kind == GOAWAY {
                return true;
            }
        }
        true
    }
}

#[tokio::test]
async fn case_068_malformed_heads_reset_the_stream_or_the_connection() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let bad: [Vec<(&str, &str)>; 9] = [
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "no-slash"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", ""),
        ],
        vec![
            (":method", "GET"),
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            (":path", "/b"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            ("x", "y"),
            (":path", "/"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("connection", "close"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("transfer-encoding", "chunked"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("X-Upper", "y"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("x", "a\r\nb"),
        ],
    ];
    for fields in bad {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(&frame(
            HEADERS,
            END_STREAM | END_HEADERS,
            1,
            &block(&fields),
        ))
        .await;
        let refused = loop {
            match raw.frame().await {
                None => break true,
                Some((RST_STREAM | GOAWAY, ..)) => break true,
                // 400 is in the static table: the first byte of the answer's block.
                Some((HEADERS, _, _, payload)) => break payload[0] == 0x8c,
                Some(_) => {}
            }
        };
        assert!(refused, "{fields:?}");
    }
    assert_eq!(origin.received().len(), 0);
}

#[tokio::test]
async fn case_110_rapid_resets_end_the_connection_and_leave_others_alone() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "");
    let mut raw = Raw::connect(gateway.address).await;
    let mut stream = 1;
    // CVE-2023-44487: open and reset at once, as many as one write holds.
    let mut burst = Vec::new();
    for _ in 0..2_000 {
        burst.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(&[])));
        burst.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        stream += 2;
    }
    raw.send(&burst).await;
    assert!(raw.is_dismissed().await);
    // What reached the origin at all is a fraction, and every connection to it is released.
    eventually("the exchanges to end", || {
        let seen = gateway.seen();
        seen.iter().all(|seen| seen.status == 499).then_some(())
    })
    .await;
    assert!(origin.received().len() < 200, "{}", origin.received().len());
    assert!(
        crate::client::Client::connect(gateway.address)
            .await
            .stream
            .peer_addr()
            .is_ok()
    );
}

#[tokio::test]
async fn case_110_resets_that_we_are_made_to_send_end_the_connection() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "sizes: {streams: 10000}");
    let mut raw = Raw::connect(gateway.address).await;
    // CVE-2025-8671: an illegal window update makes the server reset the stream.
    let mut stream = 1;
    let mut dismissed = false;
    'flood: for _ in 0..200 {
        let mut burst = Vec::new();
        for _ in 0..20 {
            burst.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(&[])));
            burst.extend(frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()));
            stream += 2;
        }
        if !raw.send(&burst).await {
            dismissed = true;
            break 'flood;
        }
    }
    assert!(raw.is_dismissed().await || dismissed);
}

#[tokio::test]
async fn case_111_floods_of_frames_that_cost_nothing_end_the_connection() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    // A header block that never ends (RUSTSEC-2024-0332).
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(&frame(HEADERS, END_STREAM, 1, &get(&[]))).await;
    let piece = frame(
        CONTINUATION,
        0,
        1,
        &block(&[("x", "y".repeat(100).as_str()); 50]),
    );
    for _ in 0..2_000 {
        if !raw.send(&piece).await {
            break;
        }
    }
    assert!(raw.is_dismissed().await);
    // Names that are sent in a few bytes and take many (an HPACK bomb).
    let mut raw = Raw::connect(gateway.address).await;
    let mut bomb = get(&[]);
    bomb.push(0x40);
    bomb.extend([1, b'x', 0x7f, 0x81, 0x1e]);
    bomb.extend([b'y'; 4000]);
    bomb.extend(std::iter::repeat_n(0xbe, 12_000));
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &bomb))
        .await;
    let answer = loop {
        match raw.frame().await {
            Some((HEADERS, _, _, payload)) => break Some(payload),
            Some((RST_STREAM | GOAWAY, ..)) | None => break None,
            Some(_) => {}
        }
    };
    // 431 has no place in the static table and is spelt out.
    assert!(
        answer
            .is_none_or(|block| crate::client::find(&block, b"431").is_some() || block[0] == 0x48)
    );
    // Pings and settings whose answers nobody reads: the queue is bounded by the connection's.
    let mut raw = Raw::connect(gateway.address).await;
    let flood = [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])]
        .concat()
        .repeat(1_000);
    let mut taken = true;
    for _ in 0..2_000 {
        match tokio::time::timeout(std::time::Duration::from_millis(500), raw.send(&flood)).await {
            Ok(true) => {}
            Ok(false) | Err(_) => {
                taken = false;
                break;
            }
        }
    }
    assert!(
        !taken,
        "44 MB of frames were taken in without their answers being read"
    );
    assert_eq!(origin.received().len(), 0);
}

#[tokio::test]
async fn streams_at_once_are_capped() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "sizes: {streams: 10}");
    let mut raw = Raw::connect(gateway.address).await;
    for number in 0..15 {
        raw.send(&frame(
            HEADERS,
            END_STREAM | END_HEADERS,
            1 + 2 * number,
            &get(&[]),
        ))
        .await;
    }
    let mut refused = 0;
    while refused < 5 {
        match raw.frame().await {
            Some((RST_STREAM, ..)) => refused += 1,
            Some((GOAWAY, ..)) | None => break,
            Some(_) => {}
        }
    }
    eventually("ten requests", || {
        (origin.received().len() == 10).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_drain_says_goaway_and_finishes_what_runs() {
    let (go, gate) = tokio::sync::oneshot::channel::<()>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let origin = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut scratch = [0; 4096];
        let _ = stream.read(&mut scratch).await.unwrap();
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
    eventually("the request", || {
        (gateway.shared.endpoints().len() == 1).then_some(())
    })
    .await;
    while let Some((kind, ..)) = raw.frame().await {
        if kind == SETTINGS {
            break;
        }
    }
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
