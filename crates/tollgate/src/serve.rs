//! `tollgate serve`: binds, starts the data plane's threads, and runs the control plane until told
//! to stop.
//!
//! Data plane: one thread a core, each with its own runtime, listeners and upstream pool. Control
//! plane: one thread for the admin listener, key refresh, reload, health checks and signals, so
//! that none of them can hold up a request.

mod access_log;
mod activity;
mod admin;
mod admin_api;
mod counts;
mod exchange;
mod fronts;
mod kept;
mod live;
mod metrics;
mod policies;
mod reload;
mod traces;
mod workers;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_admin::{Admin, AdminKeys, AdminParts};
use tollgate_engine::EngineOptions;
use tollgate_fetch::Keepers;
use tollgate_policy::Policy;
use tollgate_proxy::{Shared, SharedOptions, check_health};
use tollgate_store::Store;

use self::access_log::{AccessLog, Writer};
use self::activity::Activity;
use self::exchange::{ExchangeCounts, Recorder};
use self::fronts::Services;
use self::kept::{Keeping, Kept, Opened, USAGE_ROWS_MAX};
use self::live::GatewayLive;
pub(crate) use self::live::explain::explained;
use self::metrics::Sources;
use self::policies::Policies;
use self::reload::{LOOK_INTERVAL, ReloadCounts, Reloader};
use self::workers::Workers;
use crate::cli::ServeArgs;
use crate::environment;
use crate::failure::Failure;
use crate::telemetry::Telemetry;

/// For work that was begun when the gateway was told to end.
const LAST_WORK_MAX: Duration = Duration::from_secs(5);

/// A gateway whose sockets are bound and whose data plane runs.
pub(crate) struct Gateway {
    runtime: Runtime,
    plane: ControlPlane,
}

struct ControlPlane {
    config: PathBuf,
    shared: Arc<Shared>,
    sources: Sources,
    workers: Workers,
    admin: Option<TcpListener>,
    admin_api: Option<(admin_api::Bound, AdminKeys)>,
    access_log: Option<Writer>,
    counts: Option<counts::Keeper>,
    kept: Option<(Kept, Option<Opened>)>,
    drain: CancellationToken,
    draining: Arc<AtomicBool>,
}

/// Why the control plane woke up.
enum Event {
    Look,
    Hangup,
    Changed,
    Stop(&'static str),
}

/// Runs the gateway in the foreground until SIGTERM or SIGINT.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let policy = Policy::load(&args.policy.config).map_err(Failure::Policy)?;
    let otlp = policy.observability().otlp.clone();
    let telemetry = Telemetry::install(&args.log, args.log_format, otlp.as_ref())?;
    if !policy.warnings().is_empty() {
        tracing::warn!("the policy has warnings:\n{}", policy.warnings());
    }
    let gateway = Gateway::start(&args.policy.config, policy, args.workers.map(usize::from))?;
    for address in gateway.addresses() {
        tracing::info!(%address, "listening");
    }
    for (name, address) in gateway.plane.workers.asked_at() {
        tracing::info!(%address, "{name}: for other proxies");
    }
    if let Some(address) = gateway.admin_address() {
        tracing::info!(%address, "admin: /metrics, /healthz, /readyz");
    }
    if let Some(address) = gateway.admin_api_address() {
        tracing::info!(%address, "admin API");
    }
    tracing::info!(
        workers = gateway.plane.workers.count(),
        after_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "serving"
    );
    gateway.run(&CancellationToken::new())?;
    telemetry.shutdown();
    Ok(())
}

// === impl Gateway ===

impl Gateway {
    /// Binds every socket of `policy` and starts the workers; `config` is where to reload from.
    pub(crate) fn start(
        config: &Path,
        policy: Policy,
        workers: Option<usize>,
    ) -> Result<Self, Failure> {
        let workers = workers.unwrap_or_else(cores);
        let observability = policy.observability().clone();
        let (admin, admin_api) = (policy.admin(), policy.admin_api().cloned());
        let kept = Kept::of(&policy)?;
        let options = EngineOptions {
            threads: workers,
            table: None,
            bucket_keys: environment::bucket_keys()?,
            standings: kept.as_ref().map(Kept::standings),
            usage_rows: NonZeroUsize::new(USAGE_ROWS_MAX)
                .filter(|_| kept.is_some() || admin_api.is_some()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::system("start the control plane"))?;
        let (engine, clock) = counts::engine(policy, options)?;
        let store = match &kept {
            Some(kept) => runtime.block_on(kept.open(Arc::new(clock.clone())))?,
            None => None,
        };
        let keeper = counts::Keeper::new(&engine, &clock);
        let (log, writer) = AccessLog::open(&observability.access_log)?.unzip();
        let counts = Arc::new(ExchangeCounts::new());
        let recorder = Recorder {
            counts: counts.clone(),
            access_log: log,
            clock: clock.clone(),
            engine: engine.clone(),
        };
        let options = SharedOptions {
            spans: observability.otlp.is_some(),
            clock: clock.clone(),
        };
        let shared = Shared::new(engine, Arc::new(recorder), options)?;
        let admin = admin
            .map(|address| bind_admin(&runtime, address))
            .transpose()?;
        let bind = |config| admin_api::Bound::new(config, &runtime);
        let admin_api = admin_api.as_ref().map(bind).transpose()?;
        let drain = CancellationToken::new();
        let services = Services::new(shared.engine(), &clock);
        let workers = Workers::start(&shared, &services, workers, &drain)?;
        // Only now: who could not bind has not touched the counts of who did.
        if let Some(keeper) = &keeper {
            keeper.try_out()?;
        }
        let plane = ControlPlane {
            config: config.to_owned(),
            workers,
            sources: Sources {
                shared: shared.clone(),
                clock: Arc::new(clock),
                reloads: Arc::new(ReloadCounts::default()),
                gateway: counts,
                counts: keeper.clone(),
                kept: kept.as_ref().map(|kept| kept.state.clone()),
                admin_api: Arc::default(),
                services,
            },
            kept: kept.map(|kept| (kept, store)),
            shared,
            admin,
            admin_api,
            access_log: writer,
            counts: keeper,
            drain,
            draining: Arc::new(AtomicBool::new(false)),
        };
        Ok(Self { runtime, plane })
    }

    /// The addresses that clients connect to.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.plane.workers.addresses()
    }

    /// The admin listener's address.
    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.plane
            .admin
            .as_ref()
            .and_then(|admin| admin.local_addr().ok())
    }

    /// The address of the admin API and the console.
    pub(crate) fn admin_api_address(&self) -> Option<SocketAddr> {
        let bound = self.plane.admin_api.as_ref();
        bound.and_then(|(bound, _)| bound.address())
    }

    /// Runs the control plane on this thread until a signal or `stop`, then drains.
    pub(crate) fn run(self, stop: &CancellationToken) -> Result<(), Failure> {
        let ended = self.runtime.block_on(self.plane.run(stop));
        // A question of the admin API may be at it still.
        self.runtime.shutdown_timeout(LAST_WORK_MAX);
        ended
    }
}

// === impl ControlPlane ===

impl ControlPlane {
    async fn run(mut self, stop: &CancellationToken) -> Result<(), Failure> {
        let mut keepers = Keepers::new()?;
        let engine = self.shared.engine().clone();
        keepers.follow(&engine.snapshot());
        if let Some(admin) = self.admin.take() {
            let (sources, draining) = (self.sources.clone(), self.draining.clone());
            tokio::spawn(admin::serve(admin, sources, draining));
        }
        let health = tokio::spawn(check_health(self.shared.clone()));
        tokio::spawn(self.sources.services.clone().tick());
        let saving = self.counts.clone().map(|keeper| tokio::spawn(keeper.run()));
        let clock = self.sources.clock.clone();
        let activity = Activity::new(engine.clone(), clock.clone());
        let activity = self.admin_api.is_some().then(|| Arc::new(activity));
        let keeping = self.kept.take();
        let keep = |(kept, store): (Kept, _)| {
            kept.keep(store, engine.clone(), clock.clone(), activity.clone())
        };
        let keeping = keeping.map(keep);
        let reloads = self.sources.reloads.clone();
        let reloader = Reloader::new(&self.config, self.shared.clone(), reloads);
        let policies = Policies::new(&self.config, self.shared.clone(), clock, reloader);
        let policies = Arc::new(policies);
        let store = keeping.as_ref().map(Keeping::store);
        let mut admin_api = self.serve_admin_api(activity, &policies, store)?;
        let mut events = Events::new()?;
        loop {
            let event = events.next(stop, &policies).await;
            keepers.report();
            if let Some(admin_api) = &mut admin_api {
                admin_api.look();
            }
            let looked = match event {
                Event::Look => policies.look(),
                Event::Hangup => policies.hangup(),
                Event::Changed => true,
                Event::Stop(why) => {
                    tracing::info!(why, "draining");
                    break;
                }
            };
            if looked {
                keepers.follow(&engine.snapshot());
                // Whatever became of the policy: a mistake there must not let a certificate
                // expire.
                self.workers.reload_certificates();
                if let Some(admin_api) = &admin_api {
                    admin_api.reload_certificate();
                }
            }
        }
        self.draining.store(true, Ordering::Relaxed);
        self.sources.services.drain();
        self.drain.cancel();
        // A second signal means: now.
        let in_time = tokio::select! {
            () = self.workers.ended() => true,
            _ = events.interrupted() => false,
        };
        health.abort();
        if let Some(keeping) = keeping {
            keeping.finish().await;
        }
        if let (Some(keeper), Some(saving)) = (&self.counts, saving) {
            saving.abort();
            keeper.save();
        }
        tracing::info!(in_time, "stopped");
        if in_time && let Some(writer) = self.access_log.take() {
            drop((self.shared, self.sources));
            writer.finish();
        }
        Ok(())
    }
}

impl ControlPlane {
    /// Serves the admin API, if the policy has one, on this runtime.
    fn serve_admin_api(
        &mut self,
        activity: Option<Arc<Activity>>,
        policies: &Arc<Policies>,
        store: Option<watch::Receiver<Option<Store>>>,
    ) -> Result<Option<admin_api::Serving>, Failure> {
        let (Some((bound, keys)), Some(activity)) = (self.admin_api.take(), activity) else {
            return Ok(None);
        };
        let engine = self.shared.engine().clone();
        let clock = self.sources.clock.clone();
        tokio::spawn(activity.clone().run(store.is_none()));
        let live = GatewayLive {
            engine: engine.clone(),
            clock: clock.clone(),
            activity,
            policies: policies.clone(),
            store: store.clone(),
            kept: self.sources.kept.clone(),
            given_back: match &self.sources.kept {
                Some(kept) => kept.given_back.clone(),
                None => Arc::default(),
            },
            runtime: Handle::current(),
        };
        let admin = Admin::new(AdminParts {
            engine,
            store,
            live: Arc::new(live),
            keys,
            clock,
        })?;
        self.sources.admin_api.get_or_init(|| admin.clone());
        Ok(Some(bound.serve(admin)))
    }
}

/// What wakes the control plane.
struct Events {
    look: tokio::time::Interval,
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Events {
    fn new() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(Failure::system("listen for signals"));
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Ok(Self {
            look,
            hangup: on(SignalKind::hangup())?,
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self, stop: &CancellationToken, policies: &Policies) -> Event {
        tokio::select! {
            () = policies.changed.notified() => Event::Changed,
            _ = self.look.tick() => Event::Look,
            _ = self.hangup.recv() => Event::Hangup,
            _ = self.terminate.recv() => Event::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Event::Stop("SIGINT"),
            () = stop.cancelled() => Event::Stop("asked to"),
        }
    }

    async fn interrupted(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn bind_admin(control: &Runtime, address: SocketAddr) -> Result<TcpListener, Failure> {
    let doing = format!("listen on {address} for admin");
    control
        .block_on(TcpListener::bind(address))
        .map_err(Failure::system(doing))
}
