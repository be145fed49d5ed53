//! The gate's verdicts: a table, random splits, and hyper as the oracle of counts.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::clocks::ConnTimeouts;
use super::follow::{Follower, Stop};
use super::gate::Gate;
use super::head::HeadLimits;
use super::refusal::Refusal;
use crate::conn_state::ConnState;

const LIMITS: HeadLimits = HeadLimits {
    bytes_max: 2048,
    fields_max: 20,
};

/// Feeds `stream` in pieces that end at `cuts`: bytes cleared, and the stop that ended it.
fn follow(stream: &[u8], cuts: &[usize]) -> (usize, Option<Stop>, u64) {
    let mut follower = Follower::new(LIMITS);
    let mut cleared = 0;
    let mut last = None;
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    for end in ends {
        while cleared < end {
            let (more, stop) = follower.follow(&stream[cleared..end]);
            cleared += more;
            last = stop;
            match stop {
                Some(Stop::RefusedHead(_) | Stop::RefusedBody(_)) => {
                    return (cleared, stop, follower.heads());
                }
                Some(Stop::Upgrade) => {}
                Some(Stop::Partial) => break,
                None => assert_eq!(cleared, end, "all is cleared or something stops it"),
            }
        }
    }
    (cleared, last, follower.heads())
}

fn refusal(stream: &str) -> Option<Refusal> {
    match follow(stream.as_bytes(), &[]).1 {
        Some(Stop::RefusedHead(refusal) | Stop::RefusedBody(refusal)) => Some(refusal),
        _ => None,
    }
}

#[test]
fn well_formed_streams_pass_whole() {
    for (stream, heads) in [
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", 1),
        ("GET / HTTP/1.0\r\n\r\n", 1),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        ("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA;x=\"y\"\r\n0123456789\r\n00\r\nx-sum: 1\r\ny:\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
        ),
        (
            "M-SEARCH / HTTP/1.1\r\nHost:a\r\nx:\t\u{e9} \r\nempty:\r\n\r\n",
            1,
        ),
    ] {
        assert_eq!(
            follow(stream.as_bytes(), &[]),
            (stream.len(), None, heads),
            "{stream:?}"
        );
    }
}

#[test]
fn every_ambiguity_is_refused_by_name() {
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
    let chunk = |body: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(2048));
    let many = post(&["x: y"; 20].join("\r\n"));
    let digits = format!("Content-Length: {}", "9".repeat(19));
    for (stream, expected) in [
        (
            post("Content-Length: 5\r\nTransfer-Encoding: chunked"),
            Refusal::LengthAndChunked,
        ),
        (
            post("Transfer-Encoding: chunked\r\nContent-Length: 5"),
            Refusal::LengthAndChunked,
        ),
        (
            post("Content-Length: 5\r\nContent-Length: 5"),
            Refusal::ContentLengthRepeated,
        ),
        (
            post("Content-Length: 5\r\ncontent-length: 6"),
            Refusal::ContentLengthRepeated,
        ),
        (post("Content-Length: 5, 5"), Refusal::ContentLength),
        (post("Content-Length: +5"), Refusal::ContentLength),
        (post("Content-Length: -5"), Refusal::ContentLength),
        (post("Content-Length: 0x5"), Refusal::ContentLength),
        (post("Content-Length: 5 5"), Refusal::ContentLength),
        (post("Content-Length:"), Refusal::ContentLength),
        (post(&digits), Refusal::ContentLength),
        (
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            Refusal::TransferEncoding,
        ),
        (
            post("Transfer-Encoding: chunked, chunked"),
            Refusal::TransferEncoding,
        ),
        (
            post("Transfer-Encoding: gzip, chunked"),
            Refusal::TransferEncoding,
        ),
        (
            post("Transfer-Encoding: identity"),
            Refusal::TransferEncoding,
        ),
        (post("Transfer-Encoding:"), Refusal::TransferEncoding),
        (
            post("Transfer-Encoding: \"chunked\""),
            Refusal::TransferEncoding,
        ),
        (
            post("Transfer-Encoding: chunked;q=1"),
            Refusal::TransferEncoding,
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            Refusal::TransferEncodingVersion,
        ),
        (post("Transfer-Encoding : chunked"), Refusal::FieldName),
        (post("X : y"), Refusal::FieldName),
        (post(": y"), Refusal::FieldName),
        (post("no colon"), Refusal::FieldName),
        (post("x\u{e9}: y"), Refusal::FieldName),
        (post("x: y\r\n folded"), Refusal::Folded),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n".into(), Refusal::Folded),
        (post("x: a\rb"), Refusal::BareCr),
        (post("x: a\0b"), Refusal::ControlByte),
        (post("x: a\u{7f}b"), Refusal::ControlByte),
        ("GET / HTTP/1.1\nHost: a\n\n".into(), Refusal::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n".into(), Refusal::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n".into(), Refusal::BareLf),
        (
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::LeadingWhitespace,
        ),
        (
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::LeadingWhitespace,
        ),
        (
            " GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::LeadingWhitespace,
        ),
        (
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::RequestLine,
        ),
        (
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::RequestLine,
        ),
        (
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n".into(),
            Refusal::RequestLine,
        ),
        (
            "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::RequestLine,
        ),
        ("GET /\r\n\r\n".into(), Refusal::RequestLine),
        (
            "GET / http/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::RequestLine,
        ),
        (
            "GET / HTTP/1.10\r\nHost: a\r\n\r\n".into(),
            Refusal::RequestLine,
        ),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n".into(), Refusal::Version),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n".into(), Refusal::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), Refusal::Version),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n".into(), Refusal::Method),
        (
            "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::Connect,
        ),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n".into(), Refusal::Target),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n".into(), Refusal::Target),
        (
            "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::Target,
        ),
        (
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::Target,
        ),
        (
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Refusal::Target,
        ),
        ("GET / HTTP/1.1\r\n\r\n".into(), Refusal::HostMissing),
        (post("host: b"), Refusal::HostRepeated),
        (
            "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n".into(),
            Refusal::HostRepeated,
        ),
        (long, Refusal::HeadTooLong),
        (many, Refusal::TooManyFields),
        (chunk("g\r\n"), Refusal::Chunk),
        (chunk("\r\n"), Refusal::Chunk),
        (chunk(" 5\r\nhello"), Refusal::Chunk),
        (chunk("0x5\r\nhello"), Refusal::Chunk),
        (chunk("5\nhello"), Refusal::Chunk),
        (chunk("5 \r\nhello"), Refusal::Chunk),
        (chunk("5;\n"), Refusal::Chunk),
        (chunk("5;a\rb"), Refusal::Chunk),
        (chunk("5\r\nhelloX"), Refusal::Chunk),
        (chunk("5\r\nhello\n0\r\n\r\n"), Refusal::Chunk),
        (chunk("1000000000000000\r\n"), Refusal::Chunk),
        (chunk("0\r\nbad name: x\r\n\r\n"), Refusal::Trailer),
        (chunk("0\r\nx: a\n\r\n"), Refusal::Trailer),
        (chunk("0\r\n folded: x\r\n\r\n"), Refusal::Trailer),
    ] {
        assert_eq!(refusal(&stream), Some(expected), "{stream:?}");
    }
}

#[test]
fn bytes_after_an_upgrade_request_wait_for_the_answer() {
    let head = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let stream = format!("{head}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut follower = Follower::new(LIMITS);
    assert_eq!(
        follower.follow(stream.as_bytes()),
        (head.len(), Some(Stop::Upgrade))
    );
}

/// Pieces of streams, good and bad, so that random streams reach deep.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::sample::select(vec![
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n1234567",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\nB\r\n0123456789a\r\n0\r\nx: y\r\n\r\n",
            "HEAD /y?q HTTP/1.1\r\nHost: a\r\nx: y\r\nz:  w \r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::sample::select(vec![
            "GET / HTTP/1.1\nHost: a\n\n", "\r\n", "x", "0\r\n", " ", "Host: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..40),
        1 => Just(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(2100)).into_bytes()),
    ]
}

proptest! {
    #[test]
    fn verdicts_do_not_depend_on_the_split(
        pieces in prop::collection::vec(piece(), 1..6),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let stream = pieces.concat();
        prop_assert_eq!(follow(&stream, &[]), follow(&stream, &cuts));
    }

    #[test]
    fn one_flipped_byte_never_panics(
        pieces in prop::collection::vec(piece(), 1..4),
        at in any::<usize>(),
        byte in any::<u8>(),
    ) {
        let mut stream = pieces.concat();
        let at = at % stream.len();
        stream[at] = byte;
        follow(&stream, &[]);
    }
}

/// Requests that hyper sees when it serves `stream` behind the gate.
async fn served(stream: Vec<u8>, split: usize) -> u64 {
    let (client, server) = tokio::io::duplex(256);
    let state = Arc::new(ConnState::default());
    let minute = Duration::from_secs(60);
    let times = ConnTimeouts {
        head: minute,
        body_idle: minute,
        keep_alive: minute,
    };
    let gate = Gate::new(server, BytesMut::new(), state, LIMITS, times);
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        counter.fetch_add(1, Relaxed);
        async move {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(http::Response::new(Empty::<bytes::Bytes>::new()))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(hyper_util::rt::TokioIo::new(gate), service);
    let (mut reader, mut writer) = tokio::io::split(client);
    let write = async move {
        for part in stream.chunks(split) {
            if writer.write_all(part).await.is_err() {
                break;
            }
        }
        let _ = writer.shutdown().await;
    };
    let read = async move {
        let mut answers = Vec::new();
        let _ = reader.read_to_end(&mut answers).await;
    };
    let _ = tokio::join!(connection, write, read);
    seen.load(Relaxed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn hyper_sees_the_requests_that_the_gate_counted(
        pieces in prop::collection::vec(piece(), 1..8),
        split in 1_usize..200,
    ) {
        let stream = pieces.concat();
        let (_, stop, heads) = follow(&stream, &[]);
        // In place of a refused head hyper sees the substitute.
        let substitute = u64::from(matches!(stop, Some(Stop::RefusedHead(_))));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        prop_assert_eq!(runtime.block_on(served(stream, split)), heads + substitute);
    }
}
