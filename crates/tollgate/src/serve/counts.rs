//! Counts on disk: taken up at start, written every minute and at the end, so that a restart gives
//! nobody a fresh burst or quota.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_engine::{Engine, EngineError, EngineOptions, SavedCounts};
use tollgate_limiter::{Clock, SystemClock};
use tollgate_policy::Policy;

use crate::failure::Failure;
use crate::private_file;

/// How often counts are written while serving: what a crash loses at most.
pub(super) const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// An engine, and the clock that its buckets are counted by.
type Counting = (Arc<Engine>, SystemClock);

/// Why saved counts cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Counts(EngineError),
    #[error(transparent)]
    Policy(EngineError),
}

impl From<EngineError> for Unusable {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Snapshot(_) => Self::Counts(error),
            _ => Self::Policy(error),
        }
    }
}

/// Where an engine's counts are kept, and how that went.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    engine: Arc<Engine>,
    clock: SystemClock,
    /// Held while writing, so that two threads never write at once.
    place: Arc<Mutex<Place>>,
    failures: Arc<AtomicU64>,
}

/// The place on disk, as far as it is ours.
#[derive(Debug, Default)]
struct Place {
    /// The lock file, locked: no other process writes here meanwhile.
    ours: Option<File>,
    /// Whether the last write failed.
    failing: bool,
}

/// An engine under `policy`, with the counts of the run before if there are any, and the clock that
/// they are counted by.
///
/// Counts that cannot be used are kept aside under another name, and counting begins anew: that is
/// said in the log, and is no reason not to serve.
pub(super) fn engine(policy: Policy, options: EngineOptions) -> Result<Counting, EngineError> {
    let path = policy.counting().snapshot.clone();
    let Some(path) = path else {
        return Ok((Engine::new(policy, options)?, SystemClock::new()));
    };
    match resumed(&path, &policy, options.clone()) {
        Ok(Some(resumed)) => return Ok(resumed),
        Ok(None) => tracing::info!(path = %path.display(), "no saved counts yet"),
        // What is wrong with the policy is not the counts' fault.
        Err(Unusable::Policy(error)) => return Err(error),
        Err(error) => {
            let aside = private_file::with_ending(&path, "unusable");
            let kept = fs::rename(&path, &aside).is_ok();
            tracing::error!(
                path = %path.display(),
                aside = kept.then(|| aside.display().to_string()),
                "saved counts cannot be used, counting begins anew: {error}"
            );
        }
    }
    Ok((Engine::new(policy, options)?, SystemClock::new()))
}

fn resumed(
    path: &Path,
    policy: &Policy,
    options: EngineOptions,
) -> Result<Option<Counting>, Unusable> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let counts = SavedCounts::read(bytes)?;
    let clock = SystemClock::resuming(counts.taken_at());
    let (engine, restored) = Engine::resume(policy.clone(), options, &counts, clock.now())?;
    tracing::info!(
        path = %path.display(),
        buckets = restored.buckets,
        full_again = restored.expired,
        lost = restored.lost,
        "counts restored"
    );
    Ok(Some((engine, clock)))
}

// === impl Keeper ===

impl Keeper {
    /// A keeper of `engine`'s counts; `None` when the policy wants none kept.
    pub(super) fn new(engine: &Arc<Engine>, clock: &SystemClock) -> Option<Self> {
        let path = engine.snapshot().policy().counting().snapshot.clone()?;
        Some(Self {
            path,
            engine: engine.clone(),
            clock: clock.clone(),
            place: Arc::default(),
            failures: Arc::default(),
        })
    }

    /// Writes the counts, all of them or none: a crash in between leaves those of the last time.
    ///
    /// Takes as long as the disk does; not for a thread that serves.
    pub(super) fn save(&self) {
        let path = self.path.display();
        let mut place = self.place();
        match self.write(&mut place) {
            Ok(buckets) if place.failing => tracing::info!(%path, buckets, "counts saved again"),
            Ok(buckets) => tracing::debug!(%path, buckets, "counts saved"),
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                // Said once, not every minute.
                if !place.failing {
                    tracing::error!(%path, "counts not saved, the file of before stays: {error}");
                }
                place.failing = true;
                return;
            }
        }
        place.failing = false;
    }

    /// As [`Keeper::save`], at start: where counts cannot be written at all, that is said at once.
    ///
    /// Where another process keeps its counts still, as while one gateway takes over from another,
    /// this one serves and saves once the other has ended.
    pub(super) fn try_out(&self) -> Result<(), Failure> {
        let mut place = self.place();
        match self.write(&mut place) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                tracing::warn!(path = %self.path.display(), "counts not saved yet: {error}");
                place.failing = true;
                Ok(())
            }
            written => {
                let doing = format!("write the counts to {}", self.path.display());
                written.map(|_| ()).map_err(Failure::system(doing))
            }
        }
    }

    /// How often counts could not be written.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Saves every [`SAVE_INTERVAL`], until it is dropped.
    pub(super) async fn run(self) {
        let mut tick = tokio::time::interval(SAVE_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tick.tick().await;
            let keeper = self.clone();
            // Off the control plane, so that a slow disk holds up neither a reload nor a scrape.
            let _ = tokio::task::spawn_blocking(move || keeper.save()).await;
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, place: &mut Place) -> io::Result<u64> {
        if place.ours.is_none() {
            place.ours = Some(self.claim()?);
        }
        // The key of all buckets is in it.
        let saved =
            private_file::replace(&self.path, |out| self.engine.save(self.clock.now(), out))?;
        Ok(saved.buckets)
    }

    /// The lock file, locked until this process ends. It is never removed: of two processes one
    /// could then hold the old file and the other a new one.
    fn claim(&self) -> io::Result<File> {
        let path = private_file::with_ending(&self.path, "lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("another process holds {}", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
