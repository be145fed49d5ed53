//! What requests share: the whole process, one worker, one client connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_engine::limiter::SystemClock;
use tollgate_engine::policy::Policy;
use tollgate_engine::{ClientCertificate, Engine, Refusals};

use crate::conn_state::ConnState;
use crate::error::{ProxyError, ReloadError};
use crate::observe::Observer;
use crate::request_id::RequestIds;
use crate::timer::LazyTimer;
use crate::upstream::Upstreams;
use crate::upstream::origin::Origin;

/// What all workers of a process share.
pub struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: SystemClock,
    pub(crate) observer: Arc<dyn Observer>,
    /// Written by [`Shared::reload`], read by every request.
    pub(crate) origin: ArcSwap<Origin>,
    /// Client connections, over all workers and listeners.
    pub(crate) connections: Arc<Semaphore>,
    /// Whether requests get `tracing` spans.
    pub(crate) spans: bool,
}

/// What the data plane needs beside the engine.
#[derive(Clone, Debug, Default)]
pub struct SharedOptions {
    /// Make a `tracing` span for every request; off, the hot path pays nothing for traces.
    pub spans: bool,
    /// The clock that decisions are made by; the same one must be given to whatever else shows
    /// counts.
    pub clock: SystemClock,
}

/// What the requests of one worker share.
#[derive(Debug)]
pub(crate) struct WorkerContext {
    pub(crate) upstreams: Mutex<Arc<Upstreams>>,
    pub(crate) ids: RequestIds,
    /// Tunnels and the like: what outlives the connection that it began on.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the drain begins: refusals are held back no longer.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the drain's time is up: tunnels end then.
    pub(crate) cut: CancellationToken,
}

/// What the requests of one client connection share.
#[derive(Debug)]
pub(crate) struct ConnContext {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: Arc<WorkerContext>,
    pub(crate) state: Arc<ConnState>,
    pub(crate) peer: SocketAddr,
    /// The peer's address as forwarding headers show it; made once a connection.
    pub(crate) peer_text: HeaderValue,
    pub(crate) tls: bool,
    /// What the client showed at the handshake; read once a connection.
    pub(crate) certificate: Option<ClientCertificate>,
    /// Header fields of one request; on HTTP/1.1 the gate has counted already.
    pub(crate) fields_max: usize,
    /// A timer to re-use: requests of a connection mostly come one after the other.
    pub(crate) timer: Mutex<LazyTimer>,
    /// Refused credentials so far; those that come too fast are answered late.
    pub(crate) refusals: Mutex<Refusals>,
    /// How late at most.
    pub(crate) late_max: Duration,
}

// === impl Shared ===

impl Shared {
    /// The data plane in front of the origin of `engine`'s policy.
    ///
    /// # Errors
    /// An origin that cannot be spoken to as configured.
    pub fn new(
        engine: Arc<Engine>,
        observer: Arc<dyn Observer>,
        options: SharedOptions,
    ) -> Result<Arc<Shared>, ProxyError> {
        let snapshot = engine.snapshot();
        let origin = Origin::new(snapshot.policy().origin(), None)?;
        let connections = snapshot.policy().sizes().connections;
        Ok(Arc::new(Shared {
            engine,
            clock: options.clock,
            observer,
            origin: ArcSwap::from_pointee(origin),
            connections: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            spans: options.spans,
        }))
    }

    /// Puts `policy` in force, in the engine and for what it says of the origin: both, or neither.
    ///
    /// Endpoints that stay keep their health; their connections are replaced as requests come.
    /// The cap on connections and the addresses listened on stay as they were at the start.
    ///
    /// # Errors
    /// An origin that cannot be spoken to as configured, or whatever the engine refuses; the policy in force
    /// then stays.
    pub fn reload(&self, policy: Policy) -> Result<(), ReloadError> {
        let current = self.origin.load_full();
        let origin = match current.config() == policy.origin() {
            true => None,
            false => Some(Origin::new(policy.origin(), Some(&current))?),
        };
        self.engine.reload(policy)?;
        if let Some(origin) = origin {
            self.origin.store(Arc::new(origin));
        }
        Ok(())
    }

    /// Whether [`Shared::reload`] would put `policy` in force.
    ///
    /// # Errors
    /// What it would fail for.
    pub fn try_policy(&self, policy: Policy) -> Result<(), ReloadError> {
        let current = self.origin.load_full();
        Origin::new(policy.origin(), Some(&current))?;
        Ok(self.engine.try_policy(policy)?)
    }

    /// The engine that decides.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The origin's endpoints as they stand: address, and whether requests go there.
    #[must_use]
    pub fn endpoints(&self) -> Vec<(String, bool)> {
        let origin = self.origin.load();
        origin
            .endpoints()
            .iter()
            .map(|endpoint| (endpoint.url().to_owned(), endpoint.health.is_usable()))
            .collect()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

// === impl WorkerContext ===

impl WorkerContext {
    pub(crate) fn new(
        shared: &Shared,
        draining: CancellationToken,
        cut: CancellationToken,
    ) -> Arc<WorkerContext> {
        Arc::new(WorkerContext {
            upstreams: Mutex::new(Upstreams::new(shared.origin.load_full())),
            ids: RequestIds::new(),
            tasks: TaskTracker::new(),
            draining,
            cut,
        })
    }

    /// The connections to the origin in force.
    pub(crate) fn upstreams(&self, shared: &Shared) -> Arc<Upstreams> {
        let origin = shared.origin.load();
        let mut current = self.upstreams.lock();
        if !Arc::ptr_eq(current.origin(), &origin) {
            *current = Upstreams::new(Arc::clone(&origin));
        }
        Arc::clone(&current)
    }
}

// === impl ConnContext ===

impl ConnContext {
    /// The connection's timer, or a fresh one if another stream has it.
    pub(crate) fn take_timer(&self) -> LazyTimer {
        std::mem::take(&mut *self.timer.lock())
    }

    /// Gives a timer back.
    pub(crate) fn put_timer(&self, timer: LazyTimer) {
        *self.timer.lock() = timer;
    }
}

#[cfg(test)]
impl ConnContext {
    /// A connection to a gateway of its own under `policy`.
    pub(crate) fn under(policy: &str, observer: Arc<dyn Observer>) -> ConnContext {
        let policy = Policy::parse("test.yaml", policy, std::path::Path::new("."));
        let policy = policy.unwrap_or_else(|wrong| panic!("{wrong}"));
        let late_max = crate::late::longest(policy.timeouts().body_idle);
        let engine = Engine::new(policy, tollgate_engine::EngineOptions::default()).unwrap();
        let shared = Shared::new(engine, observer, SharedOptions::default()).unwrap();
        let (draining, cut) = (CancellationToken::new(), CancellationToken::new());
        ConnContext {
            certificate: None,
            worker: WorkerContext::new(&shared, draining, cut),
            shared,
            state: Arc::new(ConnState::default()),
            peer: ([192, 0, 2, 7], 1).into(),
            peer_text: HeaderValue::from_static("192.0.2.7"),
            tls: false,
            fields_max: 100,
            timer: LazyTimer::new().into(),
            refusals: Mutex::default(),
            late_max,
        }
    }
}
