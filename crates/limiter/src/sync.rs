//! Atomic words and waiting, in one place so that loom can put its own in their stead.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

/// `count` words of zero, not touched yet: the system hands out their pages as they are used.
///
/// `None` when there is not that much memory.
#[cfg(not(loom))]
pub(crate) fn zeroed(count: usize) -> Option<Box<[AtomicU64]>> {
    zerocopy::FromZeros::new_box_zeroed_with_elems(count).ok()
}

#[cfg(loom)]
pub(crate) fn zeroed(count: usize) -> Option<Box<[AtomicU64]>> {
    Some((0..count).map(|_| AtomicU64::new(0)).collect())
}

/// Waits a little for whoever holds a lock: they are done in some tens of nanoseconds, or were
/// taken off their processor and need ours.
#[cfg(not(loom))]
pub(crate) fn back_off(tries: u32) {
    if tries < 64 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

#[cfg(loom)]
pub(crate) fn back_off(_: u32) {
    loom::thread::yield_now();
}
