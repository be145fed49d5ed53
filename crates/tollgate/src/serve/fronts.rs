//! The listeners of those who ask about requests that they forward themselves: each worker serves its share of
//! them on its own runtime, as it does its clients.

use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_engine::Engine;
use tollgate_limiter::SystemClock;
use tollgate_policy::{CheckEndpoint, GrpcConfig, Listener, Policy, Timeouts};
use tollgate_proxy::{Offers, ServerTls, accept, shake_hands};
use tollgate_tower::{CheckService, Peer};
use tower::Service as _;

use super::workers::bind;
use crate::failure::Failure;

/// Between two looks at what is due by the clock.
const TICK: Duration = Duration::from_secs(1);
/// Streams of one HTTP/2 connection: a proxy asks for all of its clients on a few connections.
const STREAMS_MAX: u32 = 1_024;
/// A connection is asked so often whether its other end is still there, and has so long to say so.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// What answers other proxies, one of each for all workers.
#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    pub(super) check: Option<CheckService>,
    pub(super) grpc: Option<tollgate_envoy::Services>,
}

/// What is bound for all workers.
pub(super) struct Bound {
    /// One for each worker.
    pub(super) shares: Vec<Share>,
    /// Where, and what for.
    pub(super) addresses: Vec<(&'static str, SocketAddr)>,
    pub(super) certificates: Vec<Arc<ServerTls>>,
}

/// One worker's listeners.
#[derive(Default)]
pub(super) struct Share {
    check: Option<Front<CheckService>>,
    grpc: Option<Front<tollgate_envoy::Services>>,
}

/// One worker's share of a listener.
struct Front<S> {
    /// From [`tollgate_proxy::bind_reuseport`].
    socket: StdListener,
    /// With it the listener speaks TLS.
    tls: Option<Arc<ServerTls>>,
    /// What answers.
    service: S,
    /// Connections at once, of all workers.
    room: Arc<Semaphore>,
    /// The policy's, as it was at the start.
    timeouts: Timeouts,
    /// Who may stay: others get one answer, and no time.
    knows: Knows,
}

type Knows = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// What answers on the connections of a listener.
trait Answer: Clone + Send + Sync + 'static {
    /// The listener's name.
    const NAME: &'static str;
    /// What is spoken on it.
    const OFFERS: Offers;

    /// Until the other end is done or asks nothing any more, or the gateway drains.
    fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        timeouts: &Timeouts,
        drain: &CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

impl Answer for CheckService {
    const NAME: &'static str = "check";
    const OFFERS: Offers = Offers::Http;

    async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        timeouts: &Timeouts,
        drain: &CancellationToken,
    ) {
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
        let asked = AtomicU64::new(0);
        let service = service_fn(|mut request: Request<Incoming>| {
            asked.fetch_add(1, Ordering::Relaxed);
            request.extensions_mut().insert(Peer(peer));
            self.clone().call(request)
        });
        let mut conversation = pin!(server.serve_connection(TokioIo::new(stream), service));
        // Without a request in time it is nobody's: hyper waits for the first bytes for ever.
        let (mut seen, mut patience) = (0, timeouts.header);
        loop {
            tokio::select! {
                // What goes wrong is the other end's own: it hung up, or spoke no HTTP.
                _ = conversation.as_mut() => return,
                () = drain.cancelled() => break,
                () = tokio::time::sleep(patience) => {}
            }
            match asked.load(Ordering::Relaxed) {
                0 => return,
                // Nothing new for so long; a stream that is under way goes on to its end.
                count if count == seen => break,
                count => (seen, patience) = (count, timeouts.keep_alive),
            }
        }
        conversation.as_mut().graceful_shutdown();
        let _ = conversation.await;
    }
}

impl Answer for tollgate_envoy::Services {
    const NAME: &'static str = "grpc";
    const OFFERS: Offers = Offers::Http2;

    async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        timeouts: &Timeouts,
        drain: &CancellationToken,
    ) {
        let patience = tollgate_envoy::Patience {
            first: timeouts.header,
            next: timeouts.keep_alive,
        };
        Self::converse(&self, stream, peer, patience, drain.cancelled()).await;
    }
}

// === impl Services ===

impl Services {
    /// The services that the policy has.
    pub(super) fn new(engine: &Arc<Engine>, clock: &SystemClock) -> Self {
        let snapshot = engine.snapshot();
        let policy = snapshot.policy();
        let check = |config: &CheckEndpoint| {
            CheckService::new(Arc::clone(engine), clock.clone(), config.clone())
        };
        let grpc = |_: &GrpcConfig| {
            tollgate_envoy::Services::new(Arc::clone(engine), Arc::new(clock.clone()))
        };
        Self {
            check: policy.check_endpoint().map(check),
            grpc: policy.grpc().map(grpc),
        }
    }

    /// Binds their listeners for each of `count` workers.
    pub(super) fn bind(&self, policy: &Policy, count: usize) -> Result<Bound, Failure> {
        let mut bound = Bound {
            shares: (0..count).map(|_| Share::default()).collect(),
            addresses: Vec::new(),
            certificates: Vec::new(),
        };
        if let (Some(service), Some(config)) = (&self.check, policy.check_endpoint()) {
            let trusted = config.clone();
            let knows: Knows = Arc::new(move |peer| trusted.trusts(peer));
            let fronts = bound.fronts(service, (&config.listener, knows), policy)?;
            for (share, front) in bound.shares.iter_mut().zip(fronts) {
                share.check = Some(front);
            }
        }
        if let (Some(service), Some(config)) = (&self.grpc, policy.grpc()) {
            // Its certificate says who may ask, if anything does.
            let listener = (&config.listener, Arc::new(|_| true) as Knows);
            let fronts = bound.fronts(service, listener, policy)?;
            for (share, front) in bound.shares.iter_mut().zip(fronts) {
                share.grpc = Some(front);
            }
        }
        Ok(bound)
    }

    /// Tells those who ask whether we serve that we will not any more.
    pub(super) fn drain(&self) {
        if let Some(grpc) = &self.grpc {
            grpc.health().drain();
        }
    }

    /// Does what is due by the clock, each second until dropped.
    pub(super) async fn tick(self) {
        let Some(check) = self.check else { return };
        let mut seconds = tokio::time::interval(TICK);
        loop {
            seconds.tick().await;
            check.expire();
        }
    }
}

// === impl Bound ===

impl Bound {
    fn fronts<S: Answer>(
        &mut self,
        service: &S,
        (listener, knows): (&Listener, Knows),
        policy: &Policy,
    ) -> Result<Vec<Front<S>>, Failure> {
        let (sockets, tls) = bind(listener, S::OFFERS, self.shares.len())?;
        let address = sockets.first().and_then(|socket| socket.local_addr().ok());
        self.addresses
            .extend(address.map(|address| (S::NAME, address)));
        self.certificates.extend(tls.clone());
        let room = Arc::new(Semaphore::new(policy.sizes().connections));
        let fronts = sockets.into_iter().map(|socket| Front {
            socket,
            tls: tls.clone(),
            service: service.clone(),
            room: Arc::clone(&room),
            timeouts: policy.timeouts().clone(),
            knows: Arc::clone(&knows),
        });
        Ok(fronts.collect())
    }
}

// === impl Share ===

impl Share {
    /// Serves until `drain` is cancelled and what was asked is answered.
    pub(super) async fn run(self, drain: CancellationToken) {
        let check = async {
            if let Some(check) = self.check {
                check.run(drain.clone()).await;
            }
        };
        let grpc = async {
            if let Some(grpc) = self.grpc {
                grpc.run(drain.clone()).await;
            }
        };
        tokio::join!(check, grpc);
    }
}

// === impl Front ===

impl<S: Answer> Front<S> {
    /// Serves until `drain` is cancelled, then lets what was asked be answered, and cuts what is left when the
    /// policy's drain time is up.
    async fn run(self, drain: CancellationToken) {
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
                    let drain = drain.clone();
                    let mut timeouts = self.timeouts.clone();
                    if !(self.knows)(peer.ip()) {
                        timeouts.keep_alive = timeouts.keep_alive.min(timeouts.header);
                    }
                    connections.spawn(async move {
                        match tls {
                            None => service.converse(stream, peer, &timeouts, &drain).await,
                            Some(tls) => {
                                let shaken = shake_hands(stream, &tls, timeouts.handshake).await;
                                if let Ok(stream) = shaken {
                                    service.converse(stream, peer, &timeouts, &drain).await;
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
