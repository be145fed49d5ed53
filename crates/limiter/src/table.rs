//! The memory in which buckets live: fixed in size, set-associative, a lock in every set.
//!
//! A bucket is 16 bytes: a name (48 bits of its key, and which limit counted last) and a state.
//! Seven of them make a *set* of two cache lines with their lock. A key lives in its *home* set,
//! or, where that had no room when it came, in one of the seven sets behind it. A cell whose bucket
//! is full again says nothing that a fresh one does not, so it is reused freely; a cell that still
//! says something is never evicted. A newcomer without room shares the overflow bucket of its limit: it is not given a
//! fresh full bucket, and nobody else's is forgiven.

use std::collections::HashSet;
use std::sync::Arc;

use thiserror::Error;

use crate::carry::CarryOver;
use crate::clock::{Nanos, Now};
use crate::limit::Limit;
use crate::sync::{AtomicU64, Ordering};

use self::registry::{LimitId, Registry};
use self::set::{Locked, REACH, Set, WAYS, WORDS};

mod decide;
mod hold;
mod lease;
mod lock;
mod registry;
mod set;
mod settle;
mod snapshot;
#[cfg(test)]
mod tests;

pub use lease::Lease;
pub use registry::{LIMITS_MAX, Registered};
pub use settle::{Charged, Spent};
pub use snapshot::{Restored, Saved, SnapshotError};

/// The most limits that one decision may consult.
pub const CHECKS_MAX: usize = 16;

/// Sets that [`Table::occupancy`] looks at, so that a scrape costs the same at any table size.
const OCCUPANCY_SAMPLE: usize = 4_096;

/// The name of a bucket inside the process: a hash under a secret key.
///
/// Make it with a [`crate::KeyHasher`], or with another hash that clients do not know the key of:
/// the table relies on the bits being evenly spread and does not hash again. It tells two keys apart
/// by 48 bits and by where they live, so that one table of ten million live buckets in a million has
/// two keys that share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketKey(pub u64);

/// Which part of the table a bucket lives in: a flood of one kind cannot crowd out the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// Buckets of verified users and accounts, and global ones.
    #[default]
    Users,
    /// Buckets of anonymous client networks.
    Networks,
}

/// Whether a limit may refuse a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforcement {
    /// The limit refuses what it does not admit.
    #[default]
    Binding,
    /// The limit counts, and never refuses.
    Shadow,
}

/// One limit to consult for one request.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The bucket.
    pub key: BucketKey,
    /// Where the bucket lives.
    pub partition: Partition,
    /// What it is counted by, as registered with the table that decides.
    pub limit: &'a Arc<Registered>,
    /// Units that the request costs; 0 looks without spending.
    pub cost: u64,
    /// Whether the limit may refuse.
    pub enforcement: Enforcement,
    /// What the bucket takes along if another limit counted in it before.
    pub carry: CarryOver,
}

/// The outcome over all limits of one decision.
#[derive(Debug)]
#[must_use = "what counts requests under way is released when the lease is dropped"]
pub enum Verdict {
    /// Every binding limit admitted; all were charged. Keep the lease while the request is under
    /// way.
    Admitted(Lease),
    /// At least one binding limit refused; nothing was charged anywhere.
    Refused,
}

/// Capacity by partition, in live buckets.
///
/// The table takes 27.2 bytes for each: at the capacity it is 67 % full, and about one newcomer in
/// 20,000 finds no room.
#[derive(Clone, Copy, Debug)]
pub struct TableSize {
    /// Live buckets of users, accounts and global limits.
    pub users: usize,
    /// Live buckets of anonymous client networks.
    pub networks: usize,
}

/// Why a table cannot be had, or cannot take another limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TableError {
    /// The system does not have the memory.
    #[error("no memory for a table of {bytes} bytes")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// As many different limits of one algorithm are in use as a table can tell apart.
    #[error("more than {LIMITS_MAX} different limits of one kind are in use")]
    TooManyLimits,
}

/// How full a partition is, from a sample of its sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occupancy {
    /// Live buckets that the partition is meant for.
    pub capacity: usize,
    /// Live buckets over the capacity: above 1 the table is fuller than it was meant to be, and
    /// at 1.5 every cell is taken.
    pub used: f64,
}

/// A fixed number of buckets, shared by all threads.
///
/// Who writes: every thread that decides. A set's lock is held for some tens of nanoseconds and
/// never across anything that can wait. All memory is reserved at the start; the system hands out
/// its pages as they are used.
pub struct Table {
    /// The sets, after the words that bring the first of them to a cache line's start.
    words: Box<[AtomicU64]>,
    skip: usize,
    parts: [Part; 2],
    registry: Registry,
    overflowed: AtomicU64,
}

/// One partition's sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    capacity: usize,
    /// Its first set.
    first: usize,
    /// Sets that are somebody's home; [`REACH`] more follow that are nobody's.
    homes: usize,
}

/// Where the bucket of a key may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Address {
    home: usize,
    tag: u64,
}

// === impl Verdict ===

impl Verdict {
    /// True when the request may pass.
    #[must_use]
    pub const fn admitted(&self) -> bool {
        matches!(self, Self::Admitted(_))
    }
}

// === impl Check ===

impl<'a> Check<'a> {
    /// A binding limit for a verified user's bucket at a cost of 1.
    #[must_use]
    pub fn new(key: BucketKey, limit: &'a Arc<Registered>) -> Self {
        Self {
            key,
            partition: Partition::default(),
            limit,
            cost: 1,
            enforcement: Enforcement::default(),
            carry: CarryOver::default(),
        }
    }
}

// === impl Table ===

impl Table {
    /// A table of the given size.
    ///
    /// # Errors
    /// [`TableError::Memory`] when the system does not have that much.
    pub fn new(size: TableSize) -> Result<Arc<Self>, TableError> {
        let users = Part::new(size.users, 0);
        let networks = Part::new(size.networks, users.sets().end);
        let sets = networks.sets().end;
        // A set more, so that the first can begin at the start of a cache line.
        let words = sets.saturating_add(1).saturating_mul(WORDS);
        let error = TableError::Memory {
            bytes: words.saturating_mul(size_of::<AtomicU64>()),
        };
        let words = crate::sync::zeroed(words).ok_or(error)?;
        let into_set = words.as_ptr().addr() % (WORDS * size_of::<AtomicU64>());
        let skip = (WORDS - into_set / size_of::<AtomicU64>()) % WORDS;
        Ok(Arc::new(Self {
            words,
            skip,
            parts: [users, networks],
            registry: Registry::default(),
            overflowed: AtomicU64::new(0),
        }))
    }

    /// Makes a limit known to the table, for use in its checks. The same limit twice is one.
    ///
    /// For the control plane: waits for others that register.
    ///
    /// # Errors
    /// [`TableError::TooManyLimits`] when [`LIMITS_MAX`] limits of this algorithm are held, or
    /// still stand in cells.
    pub fn register(&self, limit: &Limit) -> Result<Arc<Registered>, TableError> {
        self.registry.register(limit, |unheld| self.forget(unheld))
    }

    /// Starts fetching the buckets of `checks` from memory, all of them at once.
    ///
    /// Changes no verdict. A large table does not fit a processor's caches, and a decision waits
    /// some 100 ns for its bucket. Whoever has several requests to decide (a batch, a log that is
    /// replayed) touches a few of them first and waits once for all; sixteen at a time is a good
    /// number, more than some dozens are lost again before they are used.
    pub fn touch(&self, checks: &[Check<'_>]) {
        let sets = self.sets();
        for check in checks {
            let address = self.address(check.key, check.partition);
            set::touch(&sets[address.home]);
        }
    }

    /// Requests, since the start, whose limit was decided in a shared overflow bucket.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Bytes that the table takes when all of it is in use.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val::<[AtomicU64]>(&self.words)
    }

    /// How full a partition is, estimated from at most 4,096 of its sets.
    #[must_use]
    pub fn occupancy(&self, partition: Partition, now: Now) -> Occupancy {
        let part = self.parts[partition.index()];
        let now = within_range(now);
        let step = part.sets().len().div_ceil(OCCUPANCY_SAMPLE);
        let (mut live, mut seen) = (0_u32, 0_u32);
        for index in part.sets().step_by(step) {
            seen += 1;
            if set::is_untouched(&self.sets()[index]) {
                continue;
            }
            let set = Locked::new(self.sets(), index, now.mono);
            let is_live = |way: &usize| set.is_live(*way, now, &self.registry);
            live += u32::try_from((0..WAYS).filter(is_live).count()).unwrap_or(0);
        }
        let a_set = f64::from(live) / f64::from(seen.max(1));
        Occupancy {
            capacity: part.capacity,
            used: a_set * part.sets().len() as f64 / part.capacity.max(1) as f64,
        }
    }

    /// Clears vacant cells that these limits counted in, and returns those that live cells know.
    fn forget(&self, limits: &HashSet<LimitId>) -> HashSet<LimitId> {
        let mut known = HashSet::new();
        for index in self.touched_sets() {
            let mut set = Locked::new(self.sets(), index, Nanos(0));
            for way in 0..WAYS {
                let Some(limit) = set.limit(way).filter(|limit| limits.contains(limit)) else {
                    continue;
                };
                // The wall clock is not at hand: what only it knows to be over stays.
                if set.is_live(way, Now::default(), &self.registry) {
                    known.insert(limit);
                } else {
                    set.clear(way);
                }
            }
        }
        known
    }

    #[inline]
    fn sets(&self) -> &[Set] {
        self.words[self.skip..].as_chunks().0
    }

    fn set_count(&self) -> usize {
        self.parts[Partition::Networks.index()].sets().end
    }

    /// The sets that some key has come to.
    fn touched_sets(&self) -> impl Iterator<Item = usize> {
        let sets = self.sets();
        (0..self.set_count()).filter(|index| !set::is_untouched(&sets[*index]))
    }

    #[inline]
    fn address(&self, key: BucketKey, partition: Partition) -> Address {
        let part = &self.parts[partition.index()];
        // A hash scaled to a number of sets, without a division: its highest bits.
        let home = (u128::from(key.0) * part.homes as u128) >> 64;
        Address {
            home: part.first + usize::try_from(home).unwrap_or(0),
            tag: key.0 << set::TAG_SHIFT,
        }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("parts", &self.parts)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

// === impl Partition ===

impl Partition {
    const ALL: [Self; 2] = [Self::Users, Self::Networks];

    const fn index(self) -> usize {
        match self {
            Self::Users => 0,
            Self::Networks => 1,
        }
    }
}

// === impl Part ===

impl Part {
    fn new(capacity: usize, first: usize) -> Self {
        Self {
            capacity,
            first,
            homes: capacity.saturating_mul(10).div_ceil(LIVE_IN_10_SETS).max(1),
        }
    }

    fn sets(&self) -> std::ops::Range<usize> {
        let count = self.homes.saturating_add(REACH);
        self.first..self.first.saturating_add(count)
    }
}

/// Live buckets that ten sets, with 70 cells, are meant for.
const LIVE_IN_10_SETS: usize = 47;

/// The time that a set can keep beside its lock.
#[inline]
fn within_range(now: Now) -> Now {
    Now {
        mono: Nanos(now.mono.0.min(lock::TIME_MAX)),
        ..now
    }
}
