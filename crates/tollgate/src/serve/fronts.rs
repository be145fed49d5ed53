//! The listeners of those who ask about requests that they forward themselves: each worker serves its share of
//! them on its own runtime, as it does its clients.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_policy::Timeouts;
use tollgate_proxy::{ServerTls, accept, shake_hands};

/// Streams of one HTTP/2 connection: a proxy asks for all of its clients on a few connections.
const STREAMS_MAX: u32 = 1_024;
/// A connection is asked so often whether its other end is still there, and has so long to say so.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// One worker's share of a listener.
pub(super) struct Front<S> {
    /// From [`tollgate_proxy::bind_reuseport`].
    pub(super) socket: StdListener,
    /// With it the listener speaks TLS.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// What answers.
    pub(super) service: S,
    /// Connections at once, of all workers.
    pub(super) room: Arc<Semaphore>,
    /// The policy's, as it was at the start.
    pub(super) timeouts: Timeouts,
}

/// What a service is told of the connection, in the way of its own.
pub(super) trait Introduce {
    /// Puts the peer's address into the request's extensions.
    fn introduce<B>(request: &mut Request<B>, peer: SocketAddr);
}

// === impl Front ===

impl<S, B> Front<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>>
        + Introduce
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Serves until `drain` is cancelled, then lets what was asked be answered, and cuts what is left when the
    /// policy's drain time is up.
    pub(super) async fn run(self, drain: CancellationToken) {
        let socket = match TcpListener::from_std(self.socket) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::error!(%error, "a worker cannot take a listener over");
                return;
            }
        };
        let mut connections = JoinSet::new();
        loop {
            let next = async {
                // Room first, connection then: one that waits in the kernel costs us nothing.
                let room = Arc::clone(&self.room).acquire_owned().await;
                (room, accept(&socket).await)
            };
            tokio::select! {
                (Ok(room), (stream, peer)) = next => {
                    let (service, tls) = (self.service.clone(), self.tls.clone());
                    let (timeouts, drain) = (self.timeouts.clone(), drain.clone());
                    connections.spawn(async move {
                        let introduced = Introduced { service, peer };
                        match tls {
                            None => converse(stream, introduced, &timeouts, &drain).await,
                            Some(tls) => {
                                let shaken = shake_hands(stream, &tls, timeouts.handshake).await;
                                if let Ok(stream) = shaken {
                                    converse(stream, introduced, &timeouts, &drain).await;
                                }
                            }
                        }
                        drop(room);
                    });
                }
                Some(_) = connections.join_next() => {}
                () = drain.cancelled() => break,
            }
        }
        drop(socket);
        let ended = async { while connections.join_next().await.is_some() {} };
        // What is left is cut when the set is dropped.
        let _in_time = tokio::time::timeout(self.timeouts.drain, ended).await;
    }
}

/// A service on one connection.
#[derive(Clone)]
struct Introduced<S> {
    service: S,
    peer: SocketAddr,
}

impl<S, B> tower::Service<Request<B>> for Introduced<S>
where
    S: tower::Service<Request<B>> + Introduce,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        S::introduce(&mut request, self.peer);
        self.service.call(request)
    }
}

/// Until the other end is done, or the gateway drains.
async fn converse<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Introduced<S>,
    timeouts: &Timeouts,
    drain: &CancellationToken,
) where
    S: tower::Service<Request<Incoming>, Response = Response<B>>
        + Introduce
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        // From the last answer to the next head: proxies keep connections for later.
        .header_read_timeout(timeouts.keep_alive);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let service = TowerToHyperService::new(service);
    let conversation = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(conversation);
    tokio::select! {
        // What goes wrong is the other end's own: it hung up, or spoke no HTTP.
        _ = conversation.as_mut() => return,
        () = drain.cancelled() => conversation.as_mut().graceful_shutdown(),
    }
    let _ = conversation.await;
}
