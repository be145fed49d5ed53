//! Conversations with a client of `h2`'s in memory, on a clock that moves when all wait.

use std::future::{pending, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Request;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tollgate_engine::KEY_WAIT_MAX;
use tonic_health::pb::HealthCheckRequest;

use super::Patience;
use super::call::{Upload, answer};
use crate::messages::quota;
use crate::messages::rate_limit::{PATH, RateLimitResponse};
use crate::services::{Call, Peer, Services};
use crate::testing::{Bench, is_ok, request};

const RULES: &str = "identity: {anonymous: {plan: a}}
plans: {a: {}}
grpc:
  domains:
    rules: {descriptors: [{key: user, rate_limit: {unit: minute, requests_per_unit: 3, name: per-user}}]}
";
const TOKENS: &str = "identity:
  issuers:
    - {issuer: https://i, audience: us, algorithms: [EdDSA], jwks: https://i/jwks}
plans: {a: {}}
default_plan: a
grpc: {domains: {edge: {identity: token}}}
";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const PATIENCE: Patience = Patience {
    first: Duration::from_secs(10),
    next: Duration::from_secs(75),
};
const PIPE_BYTES: usize = 64 * 1024;

fn peer() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9)
}

/// A client's connection that nobody polls.
type Silent = client::Connection<DuplexStream, Bytes>;

/// A conversation, and its other end.
struct Line {
    bench: Bench,
    client: SendRequest<Bytes>,
    /// Reads and writes for the client, until it is stopped.
    driver: JoinHandle<Option<Silent>>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    drain: Option<oneshot::Sender<()>>,
    /// Writes of the server's.
    writes: Arc<AtomicUsize>,
}

/// The server's end, with its writes counted.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl Line {
    async fn open() -> Self {
        Self::with(Bench::new(RULES), &client::Builder::new()).await
    }

    async fn with(bench: Bench, builder: &client::Builder) -> Self {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let writes = Arc::<AtomicUsize>::default();
        let (drain, drained) = oneshot::channel::<()>();
        let services = bench.services.clone();
        let stream = Counted(theirs, Arc::clone(&writes));
        let server = tokio::spawn(async move {
            let drained = async {
                if drained.await.is_err() {
                    pending::<()>().await;
                }
            };
            services.converse(stream, peer(), PATIENCE, drained).await;
        });
        let (client, connection) = builder.handshake(ours).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let driver = tokio::spawn(async move {
            let mut connection = connection;
            let stopped = async {
                if stopped.await.is_err() {
                    pending::<()>().await;
                }
            };
            tokio::select! {
                _ended = &mut connection => None,
                () = stopped => Some(connection),
            }
        });
        Self {
            bench,
            client: client.ready().await.unwrap(),
            driver,
            stop,
            server,
            drain: Some(drain),
            writes,
        }
    }

    /// Begins a call.
    fn begin(&mut self, path: &str) -> (ResponseFuture, SendStream<Bytes>) {
        let request = Request::post(format!("http://tollgate{path}"))
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        self.client.send_request(request, false).unwrap()
    }

    /// Begins a call with a whole message.
    fn send(&mut self, path: &str, message: Bytes) -> ResponseFuture {
        let (response, mut stream) = self.begin(path);
        stream.send_data(message, true).unwrap();
        response
    }

    /// Begins a stream of health's, which has no end of its own, and reads what it says first.
    async fn watch(&mut self) -> RecvStream {
        let response = self.send(WATCH, framed(&HealthCheckRequest::default()));
        let mut body = response.await.unwrap().into_body();
        let first = body.data().await.unwrap().unwrap();
        body.flow_control().release_capacity(first.len()).unwrap();
        body
    }
}

fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

fn question(user: &str) -> Bytes {
    framed(&request("rules", &[&[("user", user)]]))
}

/// All of an answer: its message, and its status.
async fn read(response: ResponseFuture) -> (RateLimitResponse, String) {
    let mut body = response.await.unwrap().into_body();
    let mut message = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        message.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    let status = trailers["grpc-status"].to_str().unwrap().to_owned();
    let answer = RateLimitResponse::decode(&message[5..]).unwrap();
    (answer, status)
}

#[tokio::test(start_paused = true)]
async fn what_comes_together_is_answered_together() {
    let mut line = Line::open().await;
    tokio::task::yield_now().await;
    let before = line.writes.load(Ordering::Relaxed);
    // `h2` would write a message of 256 bytes and more by itself.
    let users: Vec<String> = (0..14).map(|user| format!("user-{user}")).collect();
    let entries: Vec<_> = users.iter().map(|user| [("user", &**user)]).collect();
    let descriptors: Vec<&[(&str, &str)]> = entries.iter().map(|entry| &entry[..]).collect();
    let long = framed(&request("rules", &descriptors));
    let asked: Vec<_> = (0..16).map(|_| line.send(PATH, long.clone())).collect();
    let mut passed = 0;
    for response in asked {
        let (answer, status) = read(response).await;
        assert!(status == "0" && answer.encoded_len() > 256, "{answer:?}");
        passed += usize::from(is_ok(&answer));
    }
    let writes = line.writes.load(Ordering::Relaxed) - before;
    assert_eq!(passed, 3);
    assert!(writes <= 3, "{writes} writes for 16 answers");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_slowly_keeps_no_other_waiting() {
    let mut line = Line::open().await;
    let message = question("alice");
    let (slow, mut stream) = line.begin(PATH);
    stream.send_data(message.slice(..7), false).unwrap();
    for _ in 0..2 {
        let response = line.send(PATH, question("alice"));
        assert!(is_ok(&read(response).await.0));
    }
    stream.send_data(message.slice(7..), true).unwrap();
    let (answer, status) = read(slow).await;
    assert!(is_ok(&answer) && status == "0", "{answer:?}");
    let none_left = line.send(PATH, question("alice"));
    assert!(!is_ok(&read(none_left).await.0));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_comes_is_given_up() {
    let mut line = Line::open().await;
    let (response, _stream) = line.begin(PATH);
    let response = response.await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");
    let response = line.send(PATH, question("alice"));
    assert!(is_ok(&read(response).await.0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_reset_is_let_go_without_an_error() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL] {
        let mut line = Line::open().await;
        let (response, mut stream) = line.begin(quota::PATH);
        let _body = response.await.unwrap().into_body();
        let stats = Arc::clone(line.bench.services.stats());
        assert_eq!(stats.quota_streams.get(), 1);
        stream.send_reset(reason);
        let response = line.send(PATH, question("alice"));
        assert!(is_ok(&read(response).await.0));
        let seen = (stats.quota_streams.get(), stats.quota_errors.get());
        assert_eq!(seen, (0, 0), "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_reset_while_it_waits_is_let_go() {
    let bench = Bench::new(TOKENS);
    let stats = Arc::clone(bench.services.stats());
    let token = bench.token("alice");
    let entries = [("token", &*token), ("method", "GET"), ("path", "/")];
    let asked = framed(&request("edge", &[&entries]));
    let mut line = Line::with(bench, &client::Builder::new()).await;
    // Nobody has the issuer's keys, so each waits for them, and then is refused.
    for (reset, unavailable) in [(false, 1), (true, 1)] {
        let (response, mut stream) = line.begin(PATH);
        stream.send_data(asked.clone(), true).unwrap();
        tokio::time::sleep(KEY_WAIT_MAX / 2).await;
        if reset {
            stream.send_reset(Reason::CANCEL);
        }
        tokio::time::sleep(KEY_WAIT_MAX).await;
        assert_eq!(response.await.is_err(), reset);
        assert_eq!(stats.rate_limit_unavailable.get(), unavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_answered_before_it_has_come() {
    let mut line = Line::open().await;
    let (response, mut stream) = line.begin(PATH);
    let prefix = Bytes::from_static(&[0, 0, 0x10, 0, 0]);
    stream.send_data(prefix, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "8");
    let reset = poll_fn(|context| stream.poll_reset(context)).await;
    assert_eq!(reset.unwrap(), Reason::NO_ERROR);
    let response = line.send(PATH, question("alice"));
    assert!(is_ok(&read(response).await.0));
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_one_turn_takes_are_all_answered() {
    let mut patient = client::Builder::new();
    // This one reads no answer before all are there.
    patient.data_frame_budget(1 << 30);
    let mut line = Line::with(Bench::new(RULES), &patient).await;
    let calls = 3 * super::CALLS_PER_TURN;
    let asked: Vec<_> = (0..calls)
        .map(|call| line.send(PATH, question(&format!("user-{call}"))))
        .collect();
    for response in asked {
        assert!(is_ok(&read(response).await.0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_sent_as_fast_as_it_is_taken() {
    let mut narrow = client::Builder::new();
    narrow.initial_window_size(2);
    let mut line = Line::with(Bench::new(RULES), &narrow).await;
    let response = line.send(PATH, question("alice"));
    let (answer, status) = read(response).await;
    let limit = answer.statuses[0].current_limit.as_ref().unwrap();
    assert_eq!((&*limit.name, &*status), ("per-user", "0"));
    let response = line.send(WATCH, framed(&HealthCheckRequest::default()));
    let mut body = response.await.unwrap().into_body();
    let mut message = BytesMut::new();
    while message.len() < 7 {
        let data = body.data().await.unwrap().unwrap();
        assert!(data.len() <= 2);
        body.flow_control().release_capacity(data.len()).unwrap();
        message.extend_from_slice(&data);
    }
    assert_eq!(&message[..], [0, 0, 0, 0, 2, 8, 1], "serving");
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_asked_is_ended() {
    let began = Instant::now();
    let line = Line::open().await;
    line.server.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), PATIENCE.first.as_secs());

    let began = Instant::now();
    let mut line = Line::open().await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let response = line.send(PATH, question("alice"));
    assert!(is_ok(&read(response).await.0));
    line.server.await.unwrap();
    let expected = PATIENCE.first + PATIENCE.next;
    assert_eq!(began.elapsed().as_secs(), expected.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_kept_as_long_as_its_other_end_is_there() {
    let mut line = Line::open().await;
    let body = line.watch().await;
    tokio::time::sleep(10 * PATIENCE.next).await;
    assert!(!line.server.is_finished());
    drop(body);
    line.server.await.unwrap();

    let mut line = Line::open().await;
    let _body = line.watch().await;
    tokio::time::sleep(10 * PATIENCE.next).await;
    // It hangs up without a word.
    let began = Instant::now();
    line.driver.abort();
    line.server.await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_answers_no_ping_is_given_up() {
    let mut line = Line::open().await;
    let _body = line.watch().await;
    line.stop.send(()).unwrap();
    let silent = line.driver.await.unwrap();
    let began = Instant::now();
    line.server.await.unwrap();
    let took = began.elapsed();
    assert!(
        took >= super::PING_TIMEOUT && took <= 2 * super::PING_INTERVAL + super::PING_TIMEOUT,
        "{took:?}"
    );
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_what_was_asked_be_answered() {
    let mut line = Line::open().await;
    let message = question("alice");
    let (slow, mut stream) = line.begin(PATH);
    stream.send_data(message.slice(..7), false).unwrap();
    let before = line.send(PATH, question("alice"));
    assert!(is_ok(&read(before).await.0));
    line.drain.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!line.server.is_finished());
    let late = line.client.clone().ready().await;
    assert!(late.is_err(), "nothing more is taken");
    stream.send_data(message.slice(7..), true).unwrap();
    assert!(is_ok(&read(slow).await.0));
    line.server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_no_connection_that_says_nothing() {
    let bench = Bench::new(RULES);
    let began = Instant::now();
    let (_ours, theirs) = duplex(PIPE_BYTES);
    let services = &bench.services;
    services
        .converse(theirs, peer(), PATIENCE, std::future::ready(()))
        .await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_first_call_s_time_begins_with_the_connection() {
    let bench = Bench::new(RULES);
    let began = Instant::now();
    let (mut ours, theirs) = duplex(PIPE_BYTES);
    let late = tokio::spawn(async move {
        tokio::time::sleep(PATIENCE.first / 2).await;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        ours.write_all(preface).await.unwrap();
        pending::<()>().await;
    });
    let services = &bench.services;
    services.converse(theirs, peer(), PATIENCE, pending()).await;
    assert_eq!(began.elapsed().as_secs(), PATIENCE.first.as_secs());
    late.abort();
}

#[tokio::test(start_paused = true)]
async fn what_speaks_no_http_2_is_hung_up_on() {
    let bench = Bench::new(RULES);
    for (said, waited_s) in [
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", 0),
        ("PRI * HT", 10),
        ("", 10),
    ] {
        let began = Instant::now();
        let (mut ours, theirs) = duplex(PIPE_BYTES);
        ours.write_all(said.as_bytes()).await.unwrap();
        bench
            .services
            .converse(theirs, peer(), PATIENCE, pending())
            .await;
        assert_eq!(began.elapsed().as_secs(), waited_s, "{said:?}");
    }
}

/// glibc keeps blocks of up to 1,032 bytes at hand for each thread; others cost several times as much.
#[test]
fn a_call_fits_into_a_small_block() {
    type Reply = h2::server::SendResponse<Bytes>;
    fn size<F>(_: fn(Call<Upload>, Reply, &'static Services, Peer) -> F) -> usize {
        size_of::<F>()
    }
    assert!(size(answer) <= 1_032, "{} bytes", size(answer));
}

// === impl Counted ===

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
