//! The memory in which buckets live: fixed in size, set-associative, one byte of lock a set.
//!
//! A bucket is 16 bytes: a tag (half of its key) and a state. The other half of the key picks a
//! *set* of seven buckets, which with its lock fills two cache lines. A cell whose bucket is full
//! again says nothing that a fresh one does not, so it is reused freely; a cell that still says
//! something is never evicted. A newcomer to a set without room shares the overflow bucket of its
//! limit: it is not given a fresh full bucket, and nobody else's is forgiven.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::clock::Nanos;
use crate::gcra::{Gcra, Reading};

/// The most limits that one decision may consult.
pub const CHECKS_MAX: usize = 16;

/// Buckets in a set: with the lock, two cache lines of 64 bytes.
const WAYS: usize = 7;

/// Overflow buckets a partition; limits beyond this number share them.
const OVERFLOW_CELLS: usize = 1_024;

/// Sets that [`Table::occupancy`] looks at, so that a scrape costs the same at any table size.
const OCCUPANCY_SAMPLE: usize = 4_096;

/// The name of a bucket inside the process: 128 bits of a hash under a secret key.
///
/// The caller must hash with a key that clients do not know (SipHash, HMAC); the table relies on
/// the bits being evenly spread and does not hash again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketKey(pub u128);

/// Which part of the table a bucket lives in: a flood of one kind cannot crowd out the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Buckets of verified users and accounts, and global ones.
    Users,
    /// Buckets of anonymous client networks.
    Networks,
}

/// Whether a limit may refuse a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// The limit refuses what it does not admit.
    Binding,
    /// The limit counts, and never refuses.
    Shadow,
}

/// One limit to consult for one request.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The bucket. Two checks of one decision must not name the same bucket.
    pub key: BucketKey,
    /// Where the bucket lives.
    pub partition: Partition,
    /// Which overflow bucket serves this limit; any number, equal for equal limits.
    pub overflow: u32,
    /// Rate and burst.
    pub gcra: Gcra,
    /// Units that the request costs; 0 looks without spending.
    pub cost: u64,
    /// Whether the limit may refuse.
    pub enforcement: Enforcement,
}

/// The outcome over all limits of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every binding limit admitted; all were charged.
    Admitted,
    /// At least one binding limit refused; nothing was charged anywhere.
    Refused,
}

/// Capacity in buckets, by partition. Each is rounded up to whole sets.
#[derive(Clone, Copy, Debug)]
pub struct TableSize {
    /// Buckets for users, accounts and global limits.
    pub users: usize,
    /// Buckets for anonymous client networks.
    pub networks: usize,
}

/// How full a partition is, from a sample of its sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occupancy {
    /// Buckets that the partition can hold.
    pub capacity: usize,
    /// Share of buckets in use now, 0 to 1.
    pub used: f64,
}

/// A fixed number of buckets, shared by all threads.
///
/// Who writes: every thread that decides. A set's lock is held for some tens of nanoseconds and
/// never across anything that can wait.
pub struct Table {
    sets: Box<[LockedSet]>,
    user_sets: usize,
    overflow: [Mutex<Box<[u64]>>; 2],
    overflowed: AtomicU64,
}

#[derive(Clone, Copy)]
struct Cell {
    tag: u64,
    state: u64,
}

struct Set([Cell; WAYS]);

/// A set and its lock, two cache lines together.
#[repr(align(128))]
struct LockedSet(Mutex<Set>);

mod decide;
#[cfg(test)]
mod tests;

// === impl Verdict ===

impl Verdict {
    /// True when the request may pass.
    #[must_use]
    pub const fn admitted(self) -> bool {
        matches!(self, Self::Admitted)
    }
}

// === impl Table ===

impl Table {
    /// A table of the given size, all of it allocated now.
    #[must_use]
    pub fn new(size: TableSize) -> Self {
        let user_sets = size.users.div_ceil(WAYS).max(1);
        let network_sets = size.networks.div_ceil(WAYS).max(1);
        let empty = || LockedSet(Mutex::new(Set([Cell { tag: 0, state: 0 }; WAYS])));
        let overflow = || Mutex::new(vec![0; OVERFLOW_CELLS].into_boxed_slice());
        Self {
            sets: (0..user_sets + network_sets).map(|_| empty()).collect(),
            user_sets,
            overflow: [overflow(), overflow()],
            overflowed: AtomicU64::new(0),
        }
    }

    /// Decisions, since the start, that had to share an overflow bucket.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Bytes that the table's sets take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        std::mem::size_of_val::<[LockedSet]>(&self.sets)
    }

    /// How full a partition is, estimated from at most 4,096 of its sets.
    #[must_use]
    pub fn occupancy(&self, partition: Partition, now: Nanos) -> Occupancy {
        let sets = match partition {
            Partition::Users => &self.sets[..self.user_sets],
            Partition::Networks => &self.sets[self.user_sets..],
        };
        let step = sets.len().div_ceil(OCCUPANCY_SAMPLE);
        let (mut live, mut seen) = (0_u32, 0_u32);
        for set in sets.iter().step_by(step) {
            let set = set.0.lock();
            let in_use = |cell: &&Cell| !Gcra::is_vacant(cell.state, now);
            live += u32::try_from(set.0.iter().filter(in_use).count()).unwrap_or(0);
            seen += u32::try_from(WAYS).unwrap_or(0);
        }
        Occupancy {
            capacity: sets.len() * WAYS,
            used: f64::from(live) / f64::from(seen.max(1)),
        }
    }

    fn set_index(&self, check: &Check) -> usize {
        let (base, count) = match check.partition {
            Partition::Users => (0, self.user_sets),
            Partition::Networks => (self.user_sets, self.sets.len() - self.user_sets),
        };
        // The low half of the key, scaled to the number of sets without a division.
        let low = check.key.0 & u128::from(u64::MAX);
        let scaled = (low * count as u128) >> 64;
        base + usize::try_from(scaled).unwrap_or(0)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("sets", &self.sets.len())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

// === impl BucketKey ===

impl BucketKey {
    /// The half that is stored; zero is kept for "never used".
    fn tag(self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or(u64::MAX).max(1)
    }
}

// === impl Set ===

impl Set {
    /// The cell of a key, in use or not.
    fn find(&self, tag: u64) -> Option<usize> {
        self.0.iter().position(|cell| cell.tag == tag)
    }

    /// A cell that may be reused because its bucket is full again; not one of `taken` (bits).
    fn free(&self, now: Nanos, taken: u8) -> Option<usize> {
        let usable = |(way, cell): (usize, &Cell)| {
            (taken & (1 << way) == 0 && Gcra::is_vacant(cell.state, now)).then_some(way)
        };
        self.0.iter().enumerate().find_map(usable)
    }

    /// The state of `way` for a key: what a reused cell held is vacant and counts as nothing.
    fn state(&self, way: usize, tag: u64) -> u64 {
        let cell = self.0[way];
        if cell.tag == tag { cell.state } else { 0 }
    }
}
