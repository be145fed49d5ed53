//! Bodies both ways: streamed with bounded memory, trailers kept, breakage told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_proxy::Ending;

use crate::client::{Client, ask, find};
use crate::harness::{Gateway, within};
use crate::origin::{Origin, Reply};

const MIB: u64 = 1024 * 1024;
const BLOCK_BYTES: usize = 1024 * 1024;

/// An origin that gives its first connection to `serve`.
async fn scripted<F, S>(serve: S) -> std::net::SocketAddr
where
    S: FnOnce(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await;
    });
    address
}

async fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while find(&bytes, b"\r\n\r\n").is_none() {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    let end = find(&bytes, b"\r\n\r\n").unwrap() + 4;
    bytes.split_off(end)
}

#[tokio::test]
async fn a_download_streams_and_a_slow_reader_holds_the_origin_back() {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let address = scripted(async move |mut stream: TcpStream| {
        read_head(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 64 * MIB);
        stream.write_all(head.as_bytes()).await.unwrap();
        let block = vec![7_u8; BLOCK_BYTES];
        for _ in 0..64 {
            stream.write_all(&block).await.unwrap();
            counter.fetch_add(MIB, Relaxed);
        }
    })
    .await;
    let gateway = Gateway::before(address, "");
    let mut client = Client::connect(gateway.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status, 200);
    // Nobody reads: what the origin got rid of is what sockets and the gateway hold, and that
    // stops growing. The kernel's buffers are most of it.
    let held = settled(|| sent.load(Relaxed)).await;
    assert!(held < 32 * MIB, "{held} bytes went into an unread answer");
    let mut read = 0;
    while read < 64 * MIB {
        let piece = client.take(64 * 1024).await;
        assert!(piece.iter().all(|&byte| byte == 7));
        read += piece.len() as u64;
    }
    let seen = gateway.seen_after(1).await;
    let told = (
        seen[0].ending,
        seen[0].request_bytes,
        seen[0].response_bytes,
    );
    assert_eq!(told, (Ending::Complete, 0, 64 * MIB));
}

/// The value at which `read` stands still.
async fn settled(read: impl Fn() -> u64) -> u64 {
    let mut last = u64::MAX;
    for _ in 0..500 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let now = read();
        if now == last && now > 0 {
            return now;
        }
        last = now;
    }
    panic!("it never stood still");
}

#[tokio::test]
async fn an_upload_streams_and_a_slow_origin_holds_the_client_back() {
    let (go, gate) = tokio::sync::oneshot::channel::<()>();
    let address = scripted(async move |mut stream: TcpStream| {
        let rest = read_head(&mut stream).await;
        gate.await.unwrap();
        let mut got = rest.len() as u64;
        let mut block = vec![0; BLOCK_BYTES];
        while got < 64 * MIB {
            got += stream.read(&mut block).await.unwrap() as u64;
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
            .unwrap();
        let _ = stream.read(&mut block).await;
    })
    .await;
    let gateway = Gateway::before(address, "");
    let client = Client::connect(gateway.address).await;
    let (mut reader, mut writer) = client.stream.into_split();
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let upload = tokio::spawn(async move {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            64 * MIB
        );
        writer.write_all(head.as_bytes()).await.unwrap();
        let block = vec![7_u8; BLOCK_BYTES];
        for _ in 0..64 {
            writer.write_all(&block).await.unwrap();
            counter.fetch_add(MIB, Relaxed);
        }
        writer
    });
    let held = settled(|| sent.load(Relaxed)).await;
    assert!(held < 32 * MIB, "{held} bytes went into an unread upload");
    go.send(()).unwrap();
    let _writer = within("the upload", upload).await.unwrap();
    let mut answer = vec![0; 12];
    within("the answer", reader.read_exact(&mut answer))
        .await
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 200");
    let seen = gateway.seen_after(1).await;
    assert_eq!(
        (seen[0].request_bytes, seen[0].response_bytes),
        (64 * MIB, 2)
    );
}

#[tokio::test]
async fn chunks_and_trailers_pass_both_ways() {
    let origin = Origin::answering(|_| {
        Reply::send(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n",
        )
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: x-in\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\nx-in: 2\r\nAuthorization: x\r\nX-Tollgate-Plan: gold\r\n\r\n",
        )
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.text().as_str(), answer.trailers.as_str()),
        ("hello world", "x-sum: 1\n")
    );
    let got = &origin.received()[0];
    assert_eq!(got.field("te"), Some("trailers"));
    assert_eq!(
        String::from_utf8_lossy(&got.body),
        "3\r\nabc\r\n0\r\nx-in: 2\r\n\r\n"
    );
    assert!(client.is_open().await);
    assert_eq!(
        origin.connections(),
        1,
        "the connection is kept after a chunked answer"
    );
}

#[tokio::test]
async fn case_116_an_origin_that_resets_or_hangs_up_is_502() {
    for script in [0, 1, 2] {
        let address = scripted(async move |mut stream: TcpStream| {
            read_head(&mut stream).await;
            match script {
                0 => {}
                1 => stream.write_all(b"HTTP/1.1 200 OK\r\ncont").await.unwrap(),
                _ => stream.set_zero_linger().unwrap(),
            }
        })
        .await;
        let gateway = Gateway::before(address, "");
        let answer = ask(gateway.address, "POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(answer.status, 502, "script {script}");
        assert_eq!(
            answer.field("content-type"),
            Some("application/problem+json")
        );
        let seen = gateway.seen_after(1).await;
        assert_eq!(seen[0].fault, Some("origin_broken"), "script {script}");
    }
}

#[tokio::test]
async fn case_116_an_answer_that_is_no_http_is_502() {
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ] {
        let origin = Origin::answering(move |_| Reply::send(answer)).await;
        let gateway = Gateway::before(origin.address, "");
        let got = ask(gateway.address, "POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(got.status, 502, "{answer:?}");
    }
}

#[tokio::test]
async fn case_116_a_body_that_breaks_off_breaks_the_clients_too() {
    // By the end of the connection, and by a chunk that is none and comes with the head.
    for (answer, received) in [
        ("content-length: 100\r\n\r\nhalf", "half"),
        (
            "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nno chunk\r\n",
            "4\r\nhalf\r\n",
        ),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}");
        let origin =
            Origin::answering(move |_| Reply::SendAndClose(answer.clone().into_bytes())).await;
        let gateway = Gateway::before(origin.address, "");
        let mut client = Client::connect(gateway.address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.head().await.status, 200);
        // Cut short, never padded or closed clean.
        assert_eq!(client.end().await, received.as_bytes());
        let seen = gateway.seen_after(1).await;
        assert_eq!(
            (seen[0].status, seen[0].ending),
            (200, Ending::OriginAborted)
        );
    }
}

#[tokio::test]
async fn case_116_a_client_that_leaves_is_recorded_as_gone() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    crate::harness::eventually("the request", || {
        (!origin.received().is_empty()).then_some(())
    })
    .await;
    drop(client);
    let seen = gateway.seen_after(1).await;
    assert_eq!(
        (seen[0].status, seen[0].ending),
        (499, Ending::ClientAborted)
    );
}

#[tokio::test]
async fn case_116_interim_answers_are_taken_and_the_final_one_passes() {
    let origin = Origin::answering(|_| {
        Reply::send(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n\
             HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        )
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let answer = ask(gateway.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
}

#[tokio::test]
async fn case_116_an_answer_before_the_upload_is_over_passes_at_once() {
    let address = scripted(async move |mut stream: TcpStream| {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
            .await
            .unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await;
    let gateway = Gateway::before(address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhalf")
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (409, "no"));
    client.end().await;
}

#[tokio::test]
async fn a_client_that_breaks_off_its_upload_breaks_the_origins_request() {
    let (told, heard) = tokio::sync::oneshot::channel::<Vec<u8>>();
    let address = scripted(async move |mut stream: TcpStream| {
        let mut got = read_head(&mut stream).await;
        let _ = stream.read_to_end(&mut got).await;
        told.send(got).unwrap();
    })
    .await;
    let gateway = Gateway::before(address, "");
    let mut client = Client::connect(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        .await;
    drop(client);
    let got = within("the origin's view", heard).await.unwrap();
    assert!(
        !String::from_utf8_lossy(&got).contains("0\r\n\r\n"),
        "{got:?}"
    );
}
