//! The live key set of one issuer: one writer, many readers that never wait.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::SeqCst},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{
    LocalKeys,
    admission::KeyRefusal,
    set::{KeySet, KeySetError},
};

/// Holds the last good set. Written by [`super::keep_keys`] or once by a file or inline set;
/// read by every verification.
///
/// A holder without a keeper never goes stale and never refetches.
pub struct KeyHolder {
    source: String,
    state: ArcSwap<State>,
    /// A copy of the state's generation, for the hot path.
    generation: AtomicU64,
    gate: AtomicU8,
    /// Wakes the keeper.
    wanted: Notify,
    /// Counts ended fetches and installed sets; wakes those who wait for keys.
    ended: watch::Sender<u64>,
    record: Mutex<Record>,
}

/// What a verification sees: one consistent pair.
pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) keys: Option<Arc<KeySet>>,
}

/// Whether an unknown key id may cause a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Gate {
    /// Nobody fetches.
    NoKeeper = 0,
    /// The cooldown is over: the next unknown key id causes one.
    Open = 1,
    /// One is asked for.
    Wanted = 2,
    /// One is under way.
    Fetching = 3,
    /// The cooldown runs.
    Closed = 4,
}

#[derive(Default)]
struct Record {
    last_success_unix_s: Option<u64>,
    last_error: Option<String>,
    fetches: u64,
    failures: u64,
    held_rollbacks: u64,
    stale: bool,
    /// Counts keepers, so that one that ends late does not speak for its successor.
    keepers: u64,
}

/// How a key set is doing, for status pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Where the keys come from, as configured.
    pub source: String,
    /// Admitted keys now in use.
    pub keys: usize,
    /// Keys of the set that were ignored, by reason: each is worth an alert.
    pub ignored: Vec<(KeyRefusal, usize)>,
    /// Grows with each change of the set in use; 0 before the first.
    pub generation: u64,
    /// When the set was last confirmed, by the wall clock; for show, nothing depends on it.
    pub last_success_unix_s: Option<u64>,
    /// Why the last fetch failed, or `None` if it did not.
    pub last_error: Option<String>,
    /// Fetches begun.
    pub fetches: u64,
    /// Fetches without a usable answer.
    pub failures: u64,
    /// Answers that were an earlier set again and were not believed yet.
    pub held_rollbacks: u64,
    /// Whether the last good set was withdrawn because it was not confirmed for too long.
    pub stale: bool,
}

// === impl KeyHolder ===

impl KeyHolder {
    /// An empty holder; `source` names it in status pages.
    pub fn new(source: String) -> Arc<Self> {
        Arc::new(Self {
            source,
            state: ArcSwap::from_pointee(State {
                generation: 0,
                keys: None,
            }),
            generation: AtomicU64::new(0),
            gate: AtomicU8::new(Gate::NoKeeper as u8),
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
            record: Mutex::default(),
        })
    }

    /// A holder of the public keys of a file, which nobody fetches; there may be none.
    pub fn of_file(source: String, keys: LocalKeys) -> Arc<Self> {
        let holder = Self::new(source);
        holder.put(Arc::new(keys.into_public()));
        holder
    }

    /// Parses a JWK set and puts it in use; the number of its usable keys.
    ///
    /// The generation grows only if the keys differ, so that a refresh without news costs no
    /// cached verdict.
    ///
    /// # Errors
    /// When it is no usable key set; the one in use stays.
    pub fn install(&self, jwks_json: &[u8]) -> Result<usize, KeySetError> {
        match KeySet::parse(jwks_json) {
            Ok(set) => {
                let usable = set.len();
                self.put(Arc::new(set));
                Ok(usable)
            }
            Err(error) => {
                self.record.lock().last_error = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// The generation of the set in use; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    /// Asks for a fetch because of an unknown key id. Whether one is asked for or under way:
    /// `false` during the cooldown and where nobody fetches.
    pub fn request_refresh(&self) -> bool {
        let (open, wanted) = (Gate::Open as u8, Gate::Wanted as u8);
        if self
            .gate
            .compare_exchange(open, wanted, SeqCst, SeqCst)
            .is_ok()
        {
            self.wanted.notify_one();
            return true;
        }
        self.is_fetching()
    }

    /// Waits until the set is another than `since_generation` or no fetch is awaited any more.
    ///
    /// The caller bounds the wait: a hanging issuer holds it for [`super::FETCH_DEADLINE`].
    pub async fn changed(&self, since_generation: u64) {
        let mut ended = self.ended.subscribe();
        while self.generation() == since_generation && self.is_awaited() {
            // The sender lives as long as `self`.
            if ended.changed().await.is_err() {
                return;
            }
        }
    }

    /// How the key set is doing.
    pub fn status(&self) -> KeyStatus {
        let state = self.state.load();
        let record = self.record.lock();
        KeyStatus {
            source: self.source.clone(),
            keys: state.keys.as_ref().map_or(0, |set| set.len()),
            ignored: state
                .keys
                .as_ref()
                .map_or_else(Vec::new, |set| set.ignored().to_vec()),
            generation: state.generation,
            last_success_unix_s: record.last_success_unix_s,
            last_error: record.last_error.clone(),
            fetches: record.fetches,
            failures: record.failures,
            held_rollbacks: record.held_rollbacks,
            stale: record.stale,
        }
    }

    /// The keys in use and their generation, as one.
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<State>> {
        self.state.load()
    }

    /// Whether an answer about the keys is still to come.
    pub(crate) fn is_awaited(&self) -> bool {
        let record = self.record.lock();
        let first = record.last_success_unix_s.is_none() && record.failures == 0;
        first || self.is_fetching()
    }

    fn is_fetching(&self) -> bool {
        let gate = self.gate.load(SeqCst);
        gate == Gate::Wanted as u8 || gate == Gate::Fetching as u8
    }
}

// === what the keeper does ===

impl KeyHolder {
    pub(super) fn set_gate(&self, gate: Gate) {
        self.gate.store(gate as u8, SeqCst);
    }

    /// Lets one unknown key id through, unless one already was.
    pub(super) fn open_gate(&self) {
        let (closed, open) = (Gate::Closed as u8, Gate::Open as u8);
        let _ = self.gate.compare_exchange(closed, open, SeqCst, SeqCst);
    }

    /// Resolves once a fetch was asked for through the open gate.
    pub(super) async fn wanted(&self) {
        while self.gate.load(SeqCst) != Gate::Wanted as u8 {
            self.wanted.notified().await;
        }
    }

    pub(super) fn fetch_begins(&self) {
        self.set_gate(Gate::Fetching);
        self.record.lock().fetches += 1;
    }

    /// Closes the gate, then wakes those who waited for the answer.
    pub(super) fn fetch_ends(&self, error: Option<String>) {
        {
            let mut record = self.record.lock();
            record.failures += u64::from(error.is_some());
            record.last_error = error;
        }
        self.set_gate(Gate::Closed);
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// A keeper begins; its number.
    pub(super) fn keeper_begins(&self) -> u64 {
        let mut record = self.record.lock();
        record.keepers += 1;
        record.keepers
    }

    /// A keeper was dropped: nobody need wait for it, unless another took its place.
    pub(super) fn keeper_gone(&self, number: u64) {
        {
            let mut record = self.record.lock();
            if record.keepers != number {
                return;
            }
            record.failures += 1;
            record.last_error = Some("no longer refreshed".to_owned());
            self.set_gate(Gate::NoKeeper);
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    pub(super) fn rollback_held(&self) {
        self.record.lock().held_rollbacks += 1;
    }

    /// Puts a set in use, or confirms the one in use if it is the same.
    pub(super) fn put(&self, set: Arc<KeySet>) {
        {
            // Writers take turns under this lock; readers do not take it.
            let mut record = self.record.lock();
            record.last_success_unix_s = Some(wall_clock_s());
            record.last_error = None;
            record.stale = false;
            let state = self.state.load();
            let same = |current: &Arc<KeySet>| current.fingerprint() == set.fingerprint();
            // The ignored keys may differ even so: keep what was served last.
            let generation = state.generation + u64::from(!state.keys.as_ref().is_some_and(same));
            self.store(State {
                generation,
                keys: Some(set),
            });
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Confirms the set in use: it was served again, or stands unmodified.
    pub(super) fn confirmed(&self) {
        let mut record = self.record.lock();
        record.last_success_unix_s = Some(wall_clock_s());
        record.last_error = None;
    }

    /// Takes the set out of use: it was not confirmed for too long. The generation grows, so
    /// that no cached verdict outlives the keys. Whether there was one to take.
    pub(super) fn withdraw(&self) -> bool {
        let mut record = self.record.lock();
        let state = self.state.load();
        let taken = state.keys.is_some();
        if taken {
            record.stale = true;
            self.store(State {
                generation: state.generation + 1,
                keys: None,
            });
        }
        taken
    }

    fn store(&self, state: State) {
        let generation = state.generation;
        self.state.store(Arc::new(state));
        self.generation.store(generation, SeqCst);
    }
}

impl fmt::Debug for KeyHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHolder")
            .field("source", &self.source)
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

/// For status pages only: decisions take their time from the caller or from the keeper.
fn wall_clock_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
