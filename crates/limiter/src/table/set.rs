//! A set: seven cells in two cache lines, with their lock.
//!
//! The first word is the lock, the second a byte of each cell's name (its *fingerprint*) and the
//! marks; then come the cells, three in the first cache line and four in the second. The
//! fingerprints say which cell to look at, so that deciding touches the first line and the cell.

use super::lock;
use super::registry::{LimitId, Registry};
use crate::clock::{Nanos, Now};
use crate::concurrency::Concurrency;
use crate::gcra::Gcra;
use crate::limit::Kind;
use crate::quota::Quota;
use crate::sync::{AtomicU64, Ordering};

/// Cells of a set.
pub(super) const WAYS: usize = 7;

/// Words of a set: two cache lines of 64 bytes.
pub(super) const WORDS: usize = 16;

/// A set in memory.
pub(super) type Set = [AtomicU64; WORDS];

const LOCK: usize = 0;
/// A byte for each way, and the mark in the highest.
const FINGERPRINTS: usize = 1;
/// Name and state of way 0; the others follow.
const CELLS: usize = 2;

/// Sets behind its home that a key may live in. One under loom, so that a full table is small enough
/// to explore.
pub(super) const REACH: usize = if cfg!(loom) { 1 } else { 7 };
/// Sets that a key may live in.
pub(super) const SPAN: usize = REACH + 1;

/// How far behind it keys live whose home this set is. Never taken back: it costs a look there when
/// a key is missing here.
const REACHED: u8 = 0b111;

/// Where the marks are among the fingerprints' bytes.
const MARKS_SHIFT: usize = 8 * WAYS;

/// The lowest bits of a name say which limit counted last; the others are the key's.
pub(super) const TAG_SHIFT: u32 = 16;
pub(super) const TAG: u64 = u64::MAX << TAG_SHIFT;

/// Starts fetching both cache lines of a set, without waiting for them.
#[inline]
pub(super) fn touch(set: &Set) {
    for line in [LOCK, WORDS / 2] {
        std::hint::black_box(set[line].load(Ordering::Relaxed));
    }
}

/// True for a set that no key has come to yet: looking at it costs no memory, since its page is not
/// there before somebody writes to it.
pub(super) fn is_untouched(set: &Set) -> bool {
    let names = (0..WAYS).map(|way| CELLS + 2 * way);
    let mut words = [LOCK, FINGERPRINTS].into_iter().chain(names);
    words.all(|word| set[word].load(Ordering::Relaxed) == 0)
}

/// The lowest bit of every byte.
const EACH: u64 = u64::MAX / 0xff;

/// The byte of a tag that stands beside the lock.
#[inline]
fn fingerprint(tag: u64) -> u64 {
    tag >> (u64::BITS - 8)
}

/// A set that this thread holds the lock of, until it is dropped.
pub(super) struct Locked<'a> {
    set: &'a Set,
    /// Its place in the table.
    pub(super) index: usize,
    /// The time at which this set decides, in nanoseconds.
    pub(super) time: u64,
    /// Ways that the decision under way has found or given away, as bits.
    taken: u8,
}

// === impl Locked ===

impl<'a> Locked<'a> {
    #[inline]
    pub(super) fn new(sets: &'a [Set], index: usize, now: Nanos) -> Self {
        let set = &sets[index];
        Self {
            set,
            index,
            time: lock::acquire(&set[LOCK], now.0),
            taken: 0,
        }
    }

    /// The way of the key with this tag.
    #[inline]
    pub(super) fn find(&self, tag: u64) -> Option<usize> {
        let fingerprints = self.word(FINGERPRINTS);
        // The bytes that are equal become zero, and each zero byte sets its highest bit. The marks'
        // byte is kept from being zero. A byte above a zero one may be told equal too; its name
        // says that it is not.
        let unequal = (fingerprints ^ (EACH * fingerprint(tag))) | 0xff << MARKS_SHIFT;
        let mut equal = unequal.wrapping_sub(EACH) & !unequal & (EACH << 7);
        while equal != 0 {
            let way = equal.trailing_zeros() as usize / 8;
            if way < WAYS && self.name(way) & TAG == tag {
                return Some(way);
            }
            equal &= equal - 1;
        }
        None
    }

    /// Which limit counted last in `way`; `None` in a cell never used.
    #[inline]
    pub(super) fn limit(&self, way: usize) -> Option<LimitId> {
        LimitId::from_name(self.name(way))
    }

    #[inline]
    pub(super) fn name(&self, way: usize) -> u64 {
        self.word(CELLS + 2 * way)
    }

    #[inline]
    pub(super) fn state(&self, way: usize) -> u64 {
        self.word(CELLS + 2 * way + 1)
    }

    #[inline]
    pub(super) fn write_state(&mut self, way: usize, state: u64) {
        self.set[CELLS + 2 * way + 1].store(state, Ordering::Relaxed);
    }

    pub(super) fn write(&mut self, way: usize, tag: u64, limit: LimitId, state: u64) {
        let byte = 8 * way;
        let others = self.word(FINGERPRINTS) & !(0xff << byte);
        self.set[FINGERPRINTS].store(others | fingerprint(tag) << byte, Ordering::Relaxed);
        self.set[CELLS + 2 * way].store(tag | limit.to_name(), Ordering::Relaxed);
        self.write_state(way, state);
    }

    #[inline]
    fn word(&self, word: usize) -> u64 {
        self.set[word].load(Ordering::Relaxed)
    }

    /// Sets behind this one in which keys of this home may live.
    #[inline]
    pub(super) fn reach(&self) -> usize {
        let [.., mark] = self.word(FINGERPRINTS).to_le_bytes();
        usize::from(mark & REACHED)
    }

    /// Keys of this home live up to `distance` sets behind it from now on.
    pub(super) fn reach_to(&mut self, distance: usize) {
        let reach = self.reach().max(distance).min(REACH) as u64;
        let others = self.word(FINGERPRINTS) & !(0xff << MARKS_SHIFT);
        self.set[FINGERPRINTS].store(others | reach << MARKS_SHIFT, Ordering::Relaxed);
    }

    /// Forgets a cell that says nothing.
    pub(super) fn clear(&mut self, way: usize) {
        self.set[CELLS + 2 * way].store(0, Ordering::Relaxed);
        self.write_state(way, 0);
    }

    /// A way that may be reused, because its cell says nothing any more and nobody else has it.
    pub(super) fn room(&self, now: Now, registry: &Registry) -> Option<usize> {
        (0..WAYS).find(|way| self.taken & (1 << way) == 0 && !self.is_live(*way, now, registry))
    }

    /// Keeps a way for a key of the decision under way: not for another one, even if it is vacant.
    pub(super) fn take(&mut self, way: usize) {
        self.taken |= 1 << way;
    }

    /// True when the cell says something that a never-used one does not, at this set's time.
    pub(super) fn is_live(&self, way: usize, now: Now, registry: &Registry) -> bool {
        let Some(limit) = self.limit(way) else {
            return false;
        };
        let now = Now {
            mono: Nanos(self.time),
            ..now
        };
        let state = self.state(way);
        let vacant = match limit.kind() {
            Kind::Rate => Gcra::is_vacant(state, now.mono),
            Kind::Quota => Quota::is_vacant(state, now),
            Kind::Concurrency => Concurrency::is_vacant(state),
            Kind::Window => registry
                .with(limit, |limit| limit.limit().is_vacant(state, now))
                .unwrap_or(true),
        };
        !vacant
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        lock::release(&self.set[LOCK], self.time);
    }
}
