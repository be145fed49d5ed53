//! Connections over pipes under a clock that moves when everybody waits.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Context;

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, combinators::UnsyncBoxBody};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::observe::{Ending, Exchange, Observer};
use crate::serve::{Limits, serve_h1, serve_h2};

/// One refusal an hour is answered at once; all others wait as long as any does.
const STRICT: &str = "refusal_pace: 1/1h";
const GARBAGE: &str = "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer garbage\r\n\r\n";
const GOOD: &str = "GET /rate_limit HTTP/1.1\r\nhost: a\r\n\r\n";

/// Status, how it ended, milliseconds it was to be held, milliseconds since the start.
type Finished = (u16, Ending, u128, u128);

struct Recorder(Instant, Mutex<Vec<Finished>>);

impl Observer for Recorder {
    fn finished(&self, exchange: &Exchange) {
        self.1.lock().unwrap().push((
            exchange.status,
            exchange.ending,
            exchange.held.as_millis(),
            self.0.elapsed().as_millis(),
        ));
    }
}

/// A gateway's side of one connection.
struct Served {
    recorder: Arc<Recorder>,
    started: Instant,
    draining: CancellationToken,
    flag: watch::Sender<bool>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Serves one end of a pipe under a policy with these lines; gives the other end.
    fn start(identity: &str, rest: &str, h2: bool) -> (Served, DuplexStream) {
        let policy = format!(
            "
tollgate: 1
origin: http://127.0.0.1:9
identity:
  anonymous: {{plan: anonymous}}
  issuers:
    - {{issuer: https://i, audience: us, algorithms: [EdDSA], jwks: https://i/jwks}}
  {identity}
plans: {{anonymous: {{limits: [{{name: burst, rate: 1000000/s}}]}}}}
default_plan: anonymous
{rest}
"
        );
        let started = Instant::now();
        let recorder = Arc::new(Recorder(started, Mutex::default()));
        let observer: Arc<dyn Observer> = Arc::clone(&recorder) as _;
        let conn = Arc::new(ConnContext::under(&policy, observer));
        let draining = conn.worker.draining.clone();
        let limits = Limits::of(conn.shared.engine.snapshot().policy());
        let (flag, drains) = watch::channel(false);
        let (ours, theirs) = tokio::io::duplex(1024 * 1024);
        let served = tokio::spawn(async move {
            let kept = BytesMut::new();
            if h2 {
                serve_h2(ours, kept, conn, &limits, drains).await
            } else {
                serve_h1(ours, kept, conn, &limits, drains).await
            }
        });
        let served = Served {
            recorder,
            started,
            draining,
            flag,
            served,
        };
        (served, theirs)
    }

    fn at_ms(&self) -> u128 {
        self.started.elapsed().as_millis()
    }

    fn finished(&self) -> Vec<Finished> {
        self.recorder.1.lock().unwrap().clone()
    }

    /// As the worker does.
    fn drain(&self) {
        self.draining.cancel();
        self.flag.send(true).unwrap();
    }
}

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

async fn h2(pipe: DuplexStream) -> SendRequest<Body> {
    let shaken = handshake(TokioExecutor::new(), TokioIo::new(pipe)).await;
    let (handle, connection) = shaken.unwrap();
    tokio::spawn(connection);
    handle
}

/// Sends a request with garbage, or without any credential.
fn ask(
    handle: &SendRequest<Body>,
    served: &Served,
    bearer: Option<&str>,
    body: Body,
) -> JoinHandle<(Result<StatusCode, hyper::Error>, u128)> {
    let mut request = Request::post("http://a/rate_limit");
    if let Some(token) = bearer {
        request = request.header("authorization", format!("Bearer {token}"));
    } else {
        request = request.method("GET");
    }
    let request = request.body(body).unwrap();
    let (mut handle, started) = (handle.clone(), served.started);
    tokio::spawn(async move {
        let answer = handle.send_request(request).await;
        let status = answer.map(|answer| answer.status());
        (status, started.elapsed().as_millis())
    })
}

fn empty() -> Body {
    Empty::new().boxed_unsync()
}

/// The status of the next answer of an HTTP/1.1 connection, and its head.
async fn answer(pipe: &mut DuplexStream) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(pipe.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.split('\r').next().unwrap().parse().unwrap();
    pipe.read_exact(&mut vec![0; length]).await.unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head)
}

/// What waits beside a pending task gets its turns; no time passes.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn is_about(millis: u128, expected: u128) -> bool {
    // The timer ticks in milliseconds.
    (expected..=expected + 2).contains(&millis)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_beyond_the_pace_is_late_and_the_good_request_beside_it_is_not() {
    let (served, pipe) = Served::start(STRICT, "", true);
    let handle = h2(pipe).await;
    let (first, at) = ask(&handle, &served, Some("a"), empty()).await.unwrap();
    assert_eq!(first.unwrap(), 401);
    assert!(is_about(at, 0), "{at}");
    let late = ask(&handle, &served, Some("b"), empty());
    settle().await;
    let (good, at) = ask(&handle, &served, None, empty()).await.unwrap();
    assert_eq!(good.unwrap(), 200);
    assert!(is_about(at, 0), "{at}");
    let (late, at) = late.await.unwrap();
    assert_eq!(late.unwrap(), 401);
    assert!(is_about(at, 2_000), "{at}");
    settle().await;
    let held: Vec<u128> = served.finished().iter().map(|seen| seen.2).collect();
    assert_eq!(
        held,
        [0, 0, 2_000],
        "the late one finishes last, and says so"
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_of_many_streams_queue_behind_each_other() {
    // The gateway decides by the machine's clock: what passes by that one is off the waits.
    let (served, pipe) = Served::start("refusal_pace: {rate: 1/s, burst: 1}", "", true);
    let handle = h2(pipe).await;
    let streams = (0..10).map(|number| {
        let token = format!("garbage{number}");
        ask(&handle, &served, Some(&token), empty())
    });
    let mut at = Vec::new();
    for stream in streams.collect::<Vec<_>>() {
        at.push(stream.await.unwrap().1);
    }
    assert!(at[0] < at[1] && at[1] < at[2], "{at:?}");
    assert!(at.iter().all(|at| *at <= 2_002), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn on_http_1_the_connection_goes_on_after_a_late_refusal() {
    let (served, mut pipe) = Served::start(STRICT, "", false);
    for expected in [0, 2_000, 4_000] {
        pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
        let (status, head) = answer(&mut pipe).await;
        assert_eq!((status, head.contains("connection: close")), (401, false));
        let at = served.at_ms();
        assert!((expected..=expected + 5).contains(&at), "{at}");
    }
    pipe.write_all(GOOD.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut pipe).await.0, 200);
    assert!(served.at_ms() < 4_010);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_meanwhile_frees_everything_at_once() {
    let (served, mut pipe) = Served::start(STRICT, "", false);
    pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
    answer(&mut pipe).await;
    pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
    settle().await;
    drop(pipe);
    // That a client left is the connection's end, not its error.
    let _ = served.served.await.unwrap();
    let finished = served.recorder.1.lock().unwrap()[1];
    assert_eq!((finished.0, finished.1), (499, Ending::ClientAborted));
    assert!(is_about(finished.3, 0), "{finished:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_reset_meanwhile_is_freed_at_once() {
    let (served, pipe) = Served::start(STRICT, "", true);
    let handle = h2(pipe).await;
    let _ = ask(&handle, &served, Some("a"), empty()).await.unwrap();
    let late = ask(&handle, &served, Some("b"), empty());
    settle().await;
    assert_eq!(served.finished().len(), 1, "the other one waits");
    late.abort();
    settle().await;
    let finished = served.finished()[1];
    assert_eq!((finished.0, finished.1), (499, Ending::ClientAborted));
    assert!(is_about(finished.3, 0), "{finished:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_answers_what_waits_at_once() {
    let (served, mut pipe) = Served::start(STRICT, "", false);
    pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
    answer(&mut pipe).await;
    pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
    settle().await;
    served.drain();
    let (status, head) = answer(&mut pipe).await;
    assert_eq!((status, head.contains("connection: close")), (401, true));
    served.served.await.unwrap().unwrap();
    assert!(served.started.elapsed() < Duration::from_millis(10));

    let (served, pipe) = Served::start(STRICT, "", true);
    let handle = h2(pipe).await;
    let _ = ask(&handle, &served, Some("a"), empty()).await.unwrap();
    let late = ["b", "c", "d"].map(|token| ask(&handle, &served, Some(token), empty()));
    settle().await;
    served.drain();
    for late in late {
        let (status, at) = late.await.unwrap();
        assert_eq!(status.unwrap(), 401);
        assert!(is_about(at, 0), "{at}");
    }
    // The client hangs up by itself: how the connection ends is a race.
    let _ = served.served.await.unwrap();
    assert!(served.started.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn no_timer_of_the_connection_takes_the_wait_for_idleness() {
    let short = "timeouts: {header: 100ms, body_idle: 100ms, keep_alive: 50ms}";
    let (served, pipe) = Served::start(STRICT, short, true);
    let handle = h2(pipe).await;
    let _ = ask(&handle, &served, Some("a"), empty()).await.unwrap();
    let (late, at) = ask(&handle, &served, Some("b"), empty()).await.unwrap();
    assert_eq!(late.unwrap(), 401);
    // A stream may stand still for twice `body_idle`; nothing waits that long.
    assert!(is_about(at, 100), "{at}");

    let short = "timeouts: {header: 100ms, keep_alive: 50ms}";
    for is_h2 in [true, false] {
        let (served, mut pipe) = Served::start(STRICT, short, is_h2);
        if is_h2 {
            let handle = h2(pipe).await;
            let _ = ask(&handle, &served, Some("a"), empty()).await.unwrap();
            let (late, at) = ask(&handle, &served, Some("b"), empty()).await.unwrap();
            assert_eq!(late.unwrap(), 401);
            assert!(is_about(at, 2_000), "{at}");
        } else {
            pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
            answer(&mut pipe).await;
            pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
            assert_eq!(answer(&mut pipe).await.0, 401);
            assert!(is_about(served.at_ms(), 2_000));
        }
    }
}

/// A body that says when the last of it was taken.
struct Chunks {
    left: usize,
    taken: Arc<Mutex<Vec<u128>>>,
    started: Instant,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                let chunk = Bytes::from_static(&[b'x'; 16 * 1024]);
                Poll::Ready(Some(Ok(http_body::Frame::data(chunk))))
            }
            None => {
                let at = self.started.elapsed().as_millis();
                self.taken.lock().unwrap().push(at);
                Poll::Ready(None)
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_of_what_waits_take_no_credit_from_other_streams() {
    let (served, pipe) = Served::start(STRICT, "", true);
    let handle = h2(pipe).await;
    let _ = ask(&handle, &served, Some("a"), empty()).await.unwrap();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let body = || Chunks {
        left: 15,
        taken: Arc::clone(&taken),
        started: served.started,
    };
    // Together twice the connection's credit.
    let late = (0..9).map(|number| {
        let token = format!("late{number}");
        ask(&handle, &served, Some(&token), body().boxed_unsync())
    });
    for late in late.collect::<Vec<_>>() {
        let (status, at) = late.await.unwrap();
        assert_eq!(status.unwrap(), 401);
        assert!(is_about(at, 2_000), "{at}");
    }
    let taken = taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 9);
    assert!(taken.iter().all(|at| is_about(*at, 0)), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_pace_every_refusal_is_immediate() {
    let (served, mut pipe) = Served::start("refusal_pace: off", "", false);
    for _ in 0..100 {
        pipe.write_all(GARBAGE.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut pipe).await.0, 401);
    }
    assert!(served.at_ms() <= 10, "{}", served.at_ms());
}
