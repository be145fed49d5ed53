//! One client connection: TLS, protocol, hyper, and its end.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tollgate_engine::limiter::Clock;
use tollgate_engine::policy::{Policy, SizeLimits, Timeouts};

use crate::certificate_end::CertificateEnd;
use crate::conn_state::ConnState;
use crate::context::{ConnContext, Shared, WorkerContext};
use crate::framing::clocks::ConnTimeouts;
use crate::framing::gate::Gate;
use crate::framing::head::HeadLimits;
use crate::handshake::shake_hands;
use crate::late;
use crate::service::answer;
use crate::stall::StreamExecutor;
use crate::timer::LazyTimer;
use crate::tls::{ServerTls, chose_h2, client_leaf};

/// What opens an HTTP/2 connection by prior knowledge (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes that hyper may buffer of one HTTP/1.1 connection, at least.
const BUFFER_BYTES_MIN: usize = 64 * 1024;
/// Header fields that hyper holds without allocating.
const FIELDS_INLINE: usize = 100;
/// Credit for one upload in flight.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// Credit for all uploads of a connection in flight.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of an answer queued for one stream.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Streams that a client may reset before we have looked at them (CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 20;
/// Streams that a client may make us reset (CVE-2025-8671).
const RESETS_LOCAL_MAX: usize = 256;
/// Pings find clients that have vanished.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long a ping may go unanswered.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What a connection needs from its listener.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: Arc<WorkerContext>,
    pub(crate) tls: Option<Arc<ServerTls>>,
    /// Turns true when the worker drains.
    pub(crate) draining: watch::Receiver<bool>,
}

/// The limits of one connection, as the policy stood when it was accepted.
pub(crate) struct Limits {
    pub(crate) sizes: SizeLimits,
    pub(crate) timeouts: Timeouts,
}

// === impl Limits ===

impl Limits {
    pub(crate) fn of(policy: &Policy) -> Limits {
        Limits {
            sizes: policy.sizes().clone(),
            timeouts: policy.timeouts().clone(),
        }
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, listening: Listening) {
    if let Err(error) = serve_stream(stream, peer, listening).await {
        tracing::debug!(%peer, %error, "a client connection ended early");
    }
}

async fn serve_stream(stream: TcpStream, peer: SocketAddr, listening: Listening) -> io::Result<()> {
    let limits = Limits::of(listening.shared.engine.snapshot().policy());
    let mut conn = ConnContext {
        shared: listening.shared,
        worker: listening.worker,
        state: Arc::new(ConnState::default()),
        peer,
        peer_text: peer_text(peer),
        tls: listening.tls.is_some(),
        certificate: None,
        fields_max: limits.sizes.header_count,
        timer: LazyTimer::new().into(),
        refusals: Mutex::default(),
        late_max: late::longest(limits.timeouts.body_idle),
    };
    let draining = listening.draining;
    match listening.tls {
        Some(tls) => {
            let shaken = shake_hands(stream, &tls, limits.timeouts.handshake);
            let stream = Box::pin(shaken).await?;
            let session = stream.get_ref().1;
            let h2 = chose_h2(session);
            conn.certificate =
                client_leaf(session).map(|der| conn.shared.engine.client_certificate(der));
            let conn = Arc::new(conn);
            if h2 {
                serve_h2(stream, BytesMut::new(), conn, &limits, draining).await
            } else {
                serve_h1(stream, BytesMut::new(), conn, &limits, draining).await
            }
        }
        None => {
            let mut stream = stream;
            let sniffed = tokio::time::timeout(limits.timeouts.header, sniff(&mut stream));
            let (kept, preface) = sniffed.await.map_err(|_| io::ErrorKind::TimedOut)??;
            let conn = Arc::new(conn);
            if preface {
                serve_h2(stream, kept, conn, &limits, draining).await
            } else {
                serve_h1(stream, kept, conn, &limits, draining).await
            }
        }
    }
}

/// The peer's address as forwarding headers show it; a mapped IPv4 address is an IPv4 address.
fn peer_text(peer: SocketAddr) -> HeaderValue {
    HeaderValue::from_str(&peer.ip().to_canonical().to_string())
        .unwrap_or(HeaderValue::from_static("unknown"))
}

/// Reads until it is clear whether the client opens with HTTP/2's preface.
async fn sniff(stream: &mut TcpStream) -> io::Result<(BytesMut, bool)> {
    let mut kept = BytesMut::with_capacity(4 * 1024);
    loop {
        let known = kept.len().min(PREFACE.len());
        if kept[..known] != PREFACE[..known] {
            return Ok((kept, false));
        }
        if known == PREFACE.len() {
            return Ok((kept, true));
        }
        if stream.read_buf(&mut kept).await? == 0 {
            // An unfinished preface is the gate's to judge.
            return Ok((kept, false));
        }
    }
}

pub(crate) async fn serve_h1<S>(
    io: S,
    kept: BytesMut,
    conn: Arc<ConnContext>,
    limits: &Limits,
    draining: watch::Receiver<bool>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head = HeadLimits {
        bytes_max: limits.sizes.request_head_bytes,
        fields_max: limits.sizes.header_count,
    };
    let state = Arc::clone(&conn.state);
    let gate = Gate::new(io, kept, state, head, conn_timeouts(&limits.timeouts));
    let mut end = CertificateEnd::of(conn.certificate.as_ref(), conn.shared.clock.now());
    let next = Cell::new(0_u64);
    let service = service_fn(move |request: Request<Incoming>| {
        let index = next.replace(next.get() + 1);
        answer(Arc::clone(&conn), index, request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The gate times heads and idle connections, each with its own limit; hyper's one
        // timer would bound both alike and be armed anew for every request.
        .header_read_timeout(None)
        .half_close(false)
        .max_buf_size((2 * limits.sizes.request_head_bytes).max(BUFFER_BYTES_MIN));
    // No `pipeline_flush`: it holds an answer back while more requests lie in the buffer, and
    // forgets it when that answer closes the connection (hyper 1.12).
    if limits.sizes.header_count > FIELDS_INLINE {
        builder.max_headers(limits.sizes.header_count);
    }
    let connection = builder
        .serve_connection(TokioIo::new(gate), service)
        .with_upgrades();
    drive(connection, draining, move |cx| end.poll(cx)).await
}

pub(crate) async fn serve_h2<S>(
    io: S,
    kept: BytesMut,
    conn: Arc<ConnContext>,
    limits: &Limits,
    draining: watch::Receiver<bool>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let state = Arc::clone(&conn.state);
    let times = conn_timeouts(&limits.timeouts);
    let gate = Gate::transparent(io, kept, Arc::clone(&state), times);
    let mut end = CertificateEnd::of(conn.certificate.as_ref(), conn.shared.clock.now());
    let service =
        service_fn(move |request: Request<Incoming>| answer(Arc::clone(&conn), 0, request));
    let still_max = times.body_idle * 2;
    let head_bytes = u32::try_from(limits.sizes.request_head_bytes).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(StreamExecutor { still_max })
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.sizes.streams_per_connection)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_LOCAL_MAX)
        .max_header_list_size(head_bytes)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .serve_connection(TokioIo::new(gate), service);
    let mut idle_since = Some(Instant::now());
    let mut timer = LazyTimer::new();
    // Pings keep a connection alive that nobody uses; this ends it.
    let over = move |cx: &mut Context<'_>| {
        if end.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if state.is_active() {
            idle_since = None;
            return Poll::Pending;
        }
        let since = *idle_since.get_or_insert_with(Instant::now);
        timer.poll_deadline(cx, since + times.keep_alive)
    };
    drive(connection, draining, over).await
}

fn conn_timeouts(timeouts: &Timeouts) -> ConnTimeouts {
    ConnTimeouts {
        head: timeouts.header,
        body_idle: timeouts.body_idle,
        keep_alive: timeouts.keep_alive,
    }
}

/// A hyper connection that can be asked to end well.
trait Graceful: Future<Output = hyper::Result<()>> {
    fn shut_down(self: Pin<&mut Self>);
}

impl<I, S> Graceful for http1::UpgradeableConnection<I, S>
where
    http1::UpgradeableConnection<I, S>: Future<Output = hyper::Result<()>>,
    S: hyper::service::HttpService<Incoming>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S::ResBody: 'static,
    <S::ResBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn shut_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, E> Graceful for http2::Connection<I, S, E>
where
    http2::Connection<I, S, E>: Future<Output = hyper::Result<()>>,
    S: hyper::service::HttpService<Incoming>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S::ResBody: 'static,
    <S::ResBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, S::ResBody>,
{
    fn shut_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs a connection; asks it to end when the worker drains or `over` says so.
async fn drive<C: Graceful>(
    connection: C,
    mut draining: watch::Receiver<bool>,
    mut over: impl FnMut(&mut Context<'_>) -> Poll<()>,
) -> io::Result<()> {
    let mut connection = pin!(connection);
    // A second view, because the first is borrowed for as long as its change is awaited.
    let flag = draining.clone();
    let mut changed = pin!(draining.changed());
    let mut watching = false;
    let mut ending = *flag.borrow();
    if ending {
        connection.as_mut().shut_down();
    }
    poll_fn(|cx| {
        if !ending {
            // Polled once to leave the task's waker there; later a look at the flag suffices.
            let drains = if watching {
                flag.has_changed().unwrap_or(true)
            } else {
                watching = true;
                changed.as_mut().poll(cx).is_ready()
            };
            if drains {
                ending = true;
                connection.as_mut().shut_down();
            }
        }
        let polled = connection.as_mut().poll(cx);
        if polled.is_pending() && !ending && over(cx).is_ready() {
            ending = true;
            connection.as_mut().shut_down();
            return connection.as_mut().poll(cx);
        }
        polled
    })
    .await
    .map_err(io::Error::other)
}
