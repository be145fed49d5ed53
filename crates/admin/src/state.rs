//! What every endpoint works with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tollgate_engine::Engine;
use tollgate_engine::limiter::{Clock, Now};
use tollgate_store::Store;

use crate::console::Sessions;
use crate::counters::{AdminStats, Counters};
use crate::failures::{Failures, FailuresError};
use crate::keys::AdminKeys;
use crate::live::{Live, LiveError};
use crate::problem::{Answer, Kind, Problem};
use crate::repeats::Repeats;

/// Requests under way at once; more are refused.
pub const REQUESTS_MAX: usize = 32;
/// Of the console's visitors who have not signed in, besides.
const STRANGERS_MAX: usize = 4;
/// Of those, the ones that look through buckets: they take a processor each, as one does that reads policies.
pub const WORK_MAX: usize = 2;

/// What the admin API stands on. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

/// What an [`Admin`] is made of.
pub struct AdminParts {
    /// The policy in force is its snapshot's.
    pub engine: Arc<Engine>,
    /// Plans and limits of holders: the store, or nothing as long as it is not there. `None`: the policy has no
    /// store, and its endpoints say so.
    pub store: Option<watch::Receiver<Option<Store>>>,
    /// What is in the process's memory.
    pub live: Arc<dyn Live>,
    /// Who may call.
    pub keys: AdminKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Written once but for the keys, which [`Admin::replace_keys`] replaces, the budgets and counters.
pub(crate) struct Inner {
    engine: Arc<Engine>,
    store: Option<watch::Receiver<Option<Store>>>,
    live: Arc<dyn Live>,
    keys: ArcSwap<AdminKeys>,
    clock: Arc<dyn Clock>,
    pub(crate) failures: Failures,
    pub(crate) repeats: Repeats,
    pub(crate) sessions: Sessions,
    pub(crate) counters: Counters,
    pub(crate) requests: Semaphore,
    /// Those that go on though their request has ended.
    pub(crate) writes: Arc<Semaphore>,
    work: Arc<Semaphore>,
    /// What is done to the policy waits for no look at anything else.
    policy_work: Arc<Semaphore>,
    /// Requests of whoever has not shown a key or a session yet.
    pub(crate) strangers: Semaphore,
}

impl Admin {
    /// Puts the parts together.
    ///
    /// # Errors
    /// Without memory or random bytes.
    pub fn new(parts: AdminParts) -> Result<Self, FailuresError> {
        Ok(Self(Arc::new(Inner {
            engine: parts.engine,
            store: parts.store,
            live: parts.live,
            keys: ArcSwap::from_pointee(parts.keys),
            clock: parts.clock,
            failures: Failures::new()?,
            repeats: Repeats::default(),
            sessions: Sessions::new().map_err(|_| FailuresError::Randomness)?,
            counters: Counters::default(),
            requests: Semaphore::new(REQUESTS_MAX),
            writes: Arc::new(Semaphore::new(REQUESTS_MAX)),
            work: Arc::new(Semaphore::new(WORK_MAX)),
            policy_work: Arc::new(Semaphore::new(1)),
            strangers: Semaphore::new(STRANGERS_MAX),
        })))
    }

    /// Other keys from now on: what is not among them is refused at once.
    pub fn replace_keys(&self, keys: AdminKeys) {
        self.0.keys.store(Arc::new(keys));
    }

    /// What was counted since the start.
    #[must_use]
    pub fn stats(&self) -> AdminStats {
        self.0.counters.stats()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn now(&self) -> Now {
        self.0.clock.now()
    }

    pub(crate) fn keys(&self) -> Arc<AdminKeys> {
        self.0.keys.load_full()
    }

    pub(crate) fn store(&self) -> Answer<Store> {
        let detail = "the policy has no `store`: plans and limits come from the policy and from tokens alone";
        let none = || Problem::new(Kind::NoStore, detail);
        self.store_if_any()?.ok_or_else(none)
    }

    /// Where the names of files in a policy begin.
    pub(crate) fn policy_folder(&self) -> PathBuf {
        self.0.live.policy_folder()
    }

    /// `None` where the policy has none; a problem where it has one that is not there yet.
    pub(crate) fn store_if_any(&self) -> Answer<Option<Store>> {
        let Some(store) = &self.0.store else {
            return Ok(None);
        };
        match store.borrow().clone() {
            Some(store) => Ok(Some(store)),
            None => Err(Problem::store_away("the store has not been reached yet")),
        }
    }

    /// Work that takes a processor for a while: off the control plane's thread, a few at a time. It
    /// goes on to its end though nobody waits for it any more.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.work_within(&self.0.work, work).await
    }

    /// The same, for policies: one at a time.
    pub(crate) async fn policy_work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.work_within(&self.0.policy_work, work).await
    }

    async fn work_within<T: Send + 'static>(
        &self,
        permits: &Arc<Semaphore>,
        work: impl FnOnce(&Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let permit = Arc::clone(permits).acquire_owned().await;
        let permit: OwnedSemaphorePermit = permit.map_err(|_| Problem::busy())?;
        let admin = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&admin);
            drop(permit);
            done
        });
        let broken = |_| Problem::new(Kind::Failed, "a defect: the gateway's log says where");
        done.await.map_err(broken)?
    }

    /// What the process's memory is asked. It blocks: see [`Admin::work`].
    pub(crate) fn live_now(&self) -> &dyn Live {
        self.0.live.as_ref()
    }

    /// What is at hand in the process's memory: off the control plane's thread, and without a wait for a place.
    pub(crate) async fn at_hand<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Live) -> Result<T, LiveError> + Send + 'static,
    ) -> Answer<T> {
        let admin = self.clone();
        let done = tokio::task::spawn_blocking(move || Ok(ask(admin.live_now())?));
        let broken = |_| Problem::new(Kind::Failed, "a defect: the gateway's log says where");
        done.await.map_err(broken)?
    }

    /// The same, for what the process's memory is asked.
    pub(crate) async fn live<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Live) -> Result<T, LiveError> + Send + 'static,
    ) -> Answer<T> {
        self.work(move |admin| Ok(ask(admin.0.live.as_ref())?))
            .await
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("store", &self.0.store.is_some())
            .field("keys", &self.0.keys.load())
            .finish_non_exhaustive()
    }
}
