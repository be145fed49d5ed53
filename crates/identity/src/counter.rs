//! Counters that cores do not fight over.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// Lanes of one counter: about the number of data-plane threads of a machine.
const LANES: usize = 8;

/// One lane, alone on its cache line pair.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane(AtomicU64);

/// A monotonic count, written by many threads and summed when it is read.
#[derive(Debug, Default)]
pub(crate) struct Counter([Lane; LANES]);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0[lane()].0.fetch_add(1, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.iter().map(|lane| lane.0.load(Relaxed)).sum()
    }
}

/// The lane of this thread, given out in turn.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static LANE: Cell<usize> = const { Cell::new(usize::MAX) });
    LANE.with(|lane| {
        if lane.get() == usize::MAX {
            lane.set(NEXT.fetch_add(1, Relaxed) % LANES);
        }
        lane.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| (0..1000).for_each(|_| counter.increment()));
            }
        });
        assert_eq!(counter.get(), 10_000);
    }
}
