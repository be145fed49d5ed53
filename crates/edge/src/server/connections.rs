//! One listener: accepts a bounded number of connections, serves each, and drains at the end.

use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::record::Entry;

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The head of a request; CloudFront takes 32,768 bytes of header fields and query.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// How long open requests may take to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept, as when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn serve(
    listener: StdListener,
    entry: Entry,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    // Registering with this runtime's reactor cannot fail for a bound socket.
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        converse(stream, peer.ip(), entry, &shared, &graceful, permit);
    }
    drop(listener);
    // Who does not end in time is cut off with the runtime.
    let _late = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
}

/// Serves one connection in a task of its own, which holds `permit` to its end.
fn converse(
    stream: TcpStream,
    client: std::net::IpAddr,
    entry: Entry,
    shared: &Arc<Shared>,
    graceful: &GracefulShutdown,
    permit: impl Send + 'static,
) {
    let _unsupported = stream.set_nodelay(true);
    let shared = Arc::clone(shared);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(entry, client, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX);
    builder.http2().timer(TokioTimer::new());
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        // An error here is a client that left.
        let _ended = watched.await;
        drop(permit);
    });
}
