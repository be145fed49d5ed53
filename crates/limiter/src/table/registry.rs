//! The limits that a table counts by, each once, by the number that cells know them by.
//!
//! A cell says which limit counted in it last. So a decision under another limit (the plan
//! changed, the policy was reloaded) finds out what the state means, and carries it over.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU16;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::lock;
use super::{Partition, TableError};
use crate::clock::Nanos;
use crate::limit::{Kind, Limit};
use crate::sync::{AtomicU64, Ordering, fence};

/// Limits of one algorithm that a table can tell apart at a time.
pub const LIMITS_MAX: usize = (1 << INDEX_BITS) - 1;

const INDEX_BITS: u32 = 14;

/// A limit's number in a table: the algorithm in two bits, an index from 1 in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LimitId(NonZeroU16);

/// A limit that a table counts by; made by [`super::Table::register`], used in its checks.
///
/// As long as one of these is held the limit keeps its number and its overflow buckets.
#[derive(Debug)]
pub struct Registered {
    id: LimitId,
    limit: Limit,
    overflow: [Overflow; 2],
}

/// The bucket that a limit's keys share when their sets have no room: a lock and a state.
#[derive(Debug)]
pub(super) struct Overflow {
    lock: AtomicU64,
    state: AtomicU64,
}

/// An overflow bucket that this thread holds the lock of, until it is dropped.
pub(super) struct LockedOverflow<'a> {
    overflow: &'a Overflow,
    pub(super) time: u64,
}

/// All limits of one table.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Who registers or reclaims, one at a time; readers of `slots` do not wait for them.
    by_limit: Mutex<HashMap<Limit, Arc<Registered>>>,
    /// By kind and index.
    slots: RwLock<[Vec<Option<Arc<Registered>>>; 4]>,
}

// === impl LimitId ===

impl LimitId {
    fn new(kind: Kind, index: usize) -> Option<Self> {
        let index = u16::try_from(index + 1).ok()?;
        let kind = match kind {
            Kind::Rate => 0,
            Kind::Window => 1,
            Kind::Quota => 2,
            Kind::Concurrency => 3,
        };
        NonZeroU16::new(kind << INDEX_BITS | index).map(Self)
    }

    /// From a cell's name.
    #[inline]
    pub(super) fn from_name(name: u64) -> Option<Self> {
        let [low, high, ..] = name.to_le_bytes();
        NonZeroU16::new(u16::from_le_bytes([low, high])).map(Self)
    }

    /// Its part of a cell's name.
    #[inline]
    pub(super) fn to_name(self) -> u64 {
        u64::from(self.0.get())
    }

    #[inline]
    pub(super) fn kind(self) -> Kind {
        match self.0.get() >> INDEX_BITS {
            0 => Kind::Rate,
            1 => Kind::Window,
            2 => Kind::Quota,
            _ => Kind::Concurrency,
        }
    }

    fn slot(self) -> (usize, usize) {
        let index = self.0.get() & ((1 << INDEX_BITS) - 1);
        let kind = self.0.get() >> INDEX_BITS;
        (usize::from(kind), usize::from(index).saturating_sub(1))
    }
}

// === impl Registered ===

impl Registered {
    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> &Limit {
        &self.limit
    }

    #[inline]
    pub(super) fn id(&self) -> LimitId {
        self.id
    }

    #[inline]
    pub(super) fn overflow(&self, partition: Partition) -> &Overflow {
        &self.overflow[partition.index()]
    }
}

// === impl Overflow ===

impl Overflow {
    fn new() -> Self {
        Self {
            lock: AtomicU64::new(0),
            state: AtomicU64::new(0),
        }
    }

    pub(super) fn lock(&self, now: Nanos) -> LockedOverflow<'_> {
        LockedOverflow {
            overflow: self,
            time: lock::acquire(&self.lock, now.0),
        }
    }

    /// The state at some moment, for a snapshot.
    pub(super) fn peek(&self) -> u64 {
        self.state.load(Ordering::Relaxed)
    }
}

// === impl LockedOverflow ===

impl LockedOverflow<'_> {
    pub(super) fn state(&self) -> u64 {
        self.overflow.state.load(Ordering::Relaxed)
    }

    pub(super) fn write(&mut self, state: u64) {
        self.overflow.state.store(state, Ordering::Relaxed);
    }
}

impl Drop for LockedOverflow<'_> {
    fn drop(&mut self) {
        lock::release(&self.overflow.lock, self.time);
    }
}

// === impl Registry ===

impl Registry {
    /// Reads the limit of this number.
    pub(super) fn with<T>(&self, id: LimitId, read: impl FnOnce(&Registered) -> T) -> Option<T> {
        let (kind, index) = id.slot();
        let slots = self.slots.read();
        slots.get(kind)?.get(index)?.as_deref().map(read)
    }

    /// The registration of `limit`: the one there is, or a new one. When all numbers are taken,
    /// `forget` is given those that nobody holds; it clears vacant cells of theirs, and returns
    /// those that still stand in cells.
    pub(super) fn register(
        &self,
        limit: &Limit,
        forget: impl FnOnce(&HashSet<LimitId>) -> HashSet<LimitId>,
    ) -> Result<Arc<Registered>, TableError> {
        let mut by_limit = self.by_limit.lock();
        if let Some(known) = by_limit.get(limit) {
            return Ok(known.clone());
        }
        let kind = limit.kind();
        let index = match self.free_index(kind) {
            Some(index) => index,
            None => {
                self.reclaim(&mut by_limit, forget);
                self.free_index(kind).ok_or(TableError::TooManyLimits)?
            }
        };
        let id = LimitId::new(kind, index).ok_or(TableError::TooManyLimits)?;
        let registered = Arc::new(Registered {
            id,
            limit: limit.clone(),
            overflow: [Overflow::new(), Overflow::new()],
        });
        let mut slots = self.slots.write();
        let slots = &mut slots[id.slot().0];
        if slots.len() <= index {
            slots.resize(index + 1, None);
        }
        slots[index] = Some(registered.clone());
        by_limit.insert(limit.clone(), registered.clone());
        Ok(registered)
    }

    /// Every registration.
    pub(super) fn all(&self) -> Vec<Arc<Registered>> {
        self.by_limit.lock().values().cloned().collect()
    }

    fn free_index(&self, kind: Kind) -> Option<usize> {
        let slots = self.slots.read();
        let slots = &slots[LimitId::new(kind, 0)?.slot().0];
        let hole = slots.iter().position(Option::is_none);
        let next = (slots.len() < LIMITS_MAX).then_some(slots.len());
        next.or(hole)
    }

    /// Forgets limits that nobody holds and no cell knows.
    ///
    /// First who is held by nobody, then what the cells have: a limit that nobody holds cannot come
    /// into a cell any more, nor be asked for while `by_limit` is held. The other way round, a
    /// decision could write it into a cell that was looked at already, and let go of it.
    #[expect(
        clippy::mutable_key_type,
        reason = "what a calendar remembers of its last look is no part of its identity"
    )]
    fn reclaim(
        &self,
        by_limit: &mut HashMap<Limit, Arc<Registered>>,
        forget: impl FnOnce(&HashSet<LimitId>) -> HashSet<LimitId>,
    ) {
        // Held here and in `slots`.
        let unheld = |registered: &&Arc<Registered>| Arc::strong_count(registered) == 2;
        let mut unused: HashSet<_> = by_limit
            .values()
            .filter(unheld)
            .map(|held| held.id)
            .collect();
        // What the last to let go wrote into cells is seen by whoever saw that it let go.
        fence(Ordering::Acquire);
        for id in forget(&unused) {
            unused.remove(&id);
        }
        by_limit.retain(|_, registered| !unused.contains(&registered.id));
        for id in unused {
            let (kind, index) = id.slot();
            // One at a time, so that no decision waits for all of them.
            self.slots.write()[kind][index] = None;
        }
    }
}
