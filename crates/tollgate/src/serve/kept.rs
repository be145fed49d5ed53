//! What outlives the process: assigned plans and overrides, followed from the store into memory; usage,
//! written to it from time to time. No request waits for any of it.

mod follow;
mod notify;
mod standings;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tollgate_engine::{Engine, Standings};
use tollgate_limiter::Clock;
use tollgate_notices::{Channels, NoticeCounts};
use tollgate_policy::{FailMode, Policy, StoreConfig};
use tollgate_store::{Directory, Loaded, Location, Store, StoreError};

use self::follow::follow;
use self::notify::deliver;
use self::standings::DirectoryStandings;
use self::usage::Writer;
use super::activity::Activity;
use crate::failure::Failure;
use crate::stored_quotas::GivenBack;
use crate::stores;

/// Rows of usage that wait for the store, at most.
pub(super) const USAGE_ROWS_MAX: usize = 1 << 18;

/// What is kept, before there is a store to keep it in.
pub(super) struct Kept {
    config: StoreConfig,
    when_away: FailMode,
    location: Location,
    directory: Arc<Directory>,
    channels: Option<Channels>,
    pub(super) state: Arc<State>,
}

/// How that goes; read by metrics.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) reachable: AtomicBool,
    pub(super) changes: AtomicU64,
    pub(super) changes_failed: AtomicU64,
    pub(super) rows_written: AtomicU64,
    pub(super) rows_lost: AtomicU64,
    pub(super) writes_failed: AtomicU64,
    pub(super) holders: AtomicU64,
    pub(super) notices: Arc<NoticeCounts>,
    pub(super) given_back: Arc<GivenBack>,
}

/// The tasks that keep it, and the last thing to do.
pub(super) struct Keeping {
    store: watch::Receiver<Option<Store>>,
    following: JoinHandle<()>,
    writing: JoinHandle<()>,
    delivering: Option<JoinHandle<()>>,
    stop: CancellationToken,
}

// === impl Kept ===

impl Kept {
    /// What `policy` wants kept; `None` if nothing.
    pub(super) fn of(policy: &Policy) -> Result<Option<Self>, Failure> {
        let Some(config) = policy.store().cloned() else {
            return Ok(None);
        };
        let location = stores::location(&config.place)?;
        Ok(Some(Self {
            directory: Arc::new(Directory::new(config.holders)?),
            when_away: policy.on_failure().store,
            location,
            config,
            channels: policy.notices().map(Channels::load).transpose()?,
            state: Arc::default(),
        }))
    }

    /// For the engine.
    pub(super) fn standings(&self) -> Arc<dyn Standings> {
        Arc::new(DirectoryStandings(Arc::clone(&self.directory)))
    }

    /// Opens the store and takes over what is in it; `None` where it cannot be had and the policy says to
    /// serve without.
    pub(super) async fn open(&self, clock: Arc<dyn Clock>) -> Result<Option<Opened>, Failure> {
        match self.try_open(clock).await {
            Ok(opened) => {
                let Loaded { holders, .. } = opened.loaded;
                tracing::info!(store = %self.location, holders, "plans and overrides loaded");
                Ok(Some(opened))
            }
            Err(error) if self.when_away == FailMode::Open && error.is_passing() => {
                tracing::error!(
                    store = %self.location,
                    "the store cannot be had, serving with the plans that credentials name: {error}"
                );
                Ok(None)
            }
            Err(source) => Err(Failure::StoreAway {
                location: self.location.to_string(),
                source,
            }),
        }
    }

    async fn try_open(&self, clock: Arc<dyn Clock>) -> Result<Opened, StoreError> {
        let store = Store::open(&self.location, clock).await?;
        let loaded = self.directory.load(&store).await?;
        self.state.reachable.store(true, Ordering::Relaxed);
        self.count_holders();
        if loaded.unreadable > 0 {
            tracing::error!(
                records = loaded.unreadable,
                "records of the store cannot be read and are as none"
            );
        }
        Ok(Opened { store, loaded })
    }

    /// Starts the tasks on this runtime. Without a store yet, they try until there is one.
    pub(super) fn keep(
        mut self,
        opened: Option<Opened>,
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
        activity: Option<Arc<Activity>>,
    ) -> Keeping {
        let channels = self.channels.take();
        let kept = Arc::new(self);
        let stop = CancellationToken::new();
        let (found, store) = tokio::sync::watch::channel(None);
        let writer = Writer::new(
            engine,
            Arc::clone(&clock),
            Arc::clone(&kept.state),
            channels.is_some(),
            activity,
        );
        let flush = kept.config.flush;
        let delivering = channels.map(|channels| {
            let counts = Arc::clone(&kept.state.notices);
            let clock = Arc::clone(&clock);
            tokio::spawn(deliver(
                channels,
                store.clone(),
                clock,
                counts,
                stop.clone(),
            ))
        });
        Keeping {
            store: store.clone(),
            following: tokio::spawn(follow(kept, opened, clock, found)),
            writing: tokio::spawn(writer.run(store, flush, stop.clone())),
            delivering,
            stop,
        }
    }

    fn count_holders(&self) {
        let holders = self.directory.holders() as u64;
        self.state.holders.store(holders, Ordering::Relaxed);
    }
}

/// A store with what was in it taken over.
pub(super) struct Opened {
    store: Store,
    loaded: Loaded,
}

// === impl Keeping ===

impl Keeping {
    /// The store, as long as there is one.
    pub(super) fn store(&self) -> watch::Receiver<Option<Store>> {
        self.store.clone()
    }

    /// Writes what is left to write, and ends.
    pub(super) async fn finish(self) {
        self.stop.cancel();
        // Both end by themselves: every call to the store, and every attempt, has its time.
        let _ = self.writing.await;
        if let Some(delivering) = self.delivering {
            let _ = delivering.await;
        }
        self.following.abort();
    }
}
