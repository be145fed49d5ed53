//! A lock in one word, beside the time that what it guards has seen.
//!
//! The time never goes back: whoever takes the lock later decides at the same time or later, even
//! where their clock reading is older. So a bucket that was reused because its time had come is
//! never looked for at a time at which it still counted.

use crate::sync::{AtomicU64, Ordering, back_off};

/// Locked, in bit 0; the nanoseconds above it.
const LOCKED: u64 = 1;

/// The latest time that fits: 292 years.
pub(super) const TIME_MAX: u64 = u64::MAX >> 1;

/// Takes the lock `word`; returns the time, `now` or what was seen before.
///
/// Held for some tens of nanoseconds, by whoever holds no lock that comes later in the table's
/// order; never across anything that can wait.
#[inline]
pub(super) fn acquire(word: &AtomicU64, now: u64) -> u64 {
    let mut tries = 0;
    loop {
        let seen = word.load(Ordering::Relaxed);
        let free = seen & LOCKED == 0;
        if free
            && word
                .compare_exchange_weak(seen, seen | LOCKED, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        {
            return now.max(seen >> 1);
        }
        back_off(tries);
        tries = tries.saturating_add(1);
    }
}

/// Gives the lock back and leaves `time`, at most [`TIME_MAX`].
#[inline]
pub(super) fn release(word: &AtomicU64, time: u64) {
    word.store(time << 1, Ordering::Release);
}
