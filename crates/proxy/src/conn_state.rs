//! What the two ends of one client connection tell each other: the gate below hyper, the
//! service above it.
//!
//! Both run in the same task (HTTP/1.1), so the atomics are never contended; they are atomics
//! only because hyper wants the halves to be `Send`.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Waker};

use parking_lot::Mutex;

use crate::framing::refusal::Refusal;

/// Shared by the gate and the service of one connection.
#[derive(Debug, Default)]
pub(crate) struct ConnState {
    /// Refused head: its zero-based index in the upper 56 bits, the refusal's code below.
    refused_head: AtomicU64,
    /// Code of what broke the body in transit.
    refused_body: AtomicU8,
    /// Exchanges in flight: from the request's head to the last byte of its answer.
    active: AtomicU32,
    /// What becomes of the bytes after a request to change the protocol: the request's index in
    /// the upper 56 bits, the [`Hold`] below.
    hold: AtomicU64,
    /// Bytes of a request were left unread: closing must linger.
    unread: AtomicBool,
    waiting_gate: Mutex<Option<Waker>>,
}

/// What the gate does with the bytes after a request to change the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Hold {
    /// Nothing is held back.
    Open = 0,
    /// Held back until the answer is known.
    Waiting = 1,
    /// The answer was no switch: they are requests again.
    Resume = 2,
    /// The protocol was switched: they are none of the gate's business.
    Tunnel = 3,
}

impl ConnState {
    /// Records that the head with this index must be refused.
    pub(crate) fn refuse_head(&self, index: u64, refusal: Refusal) {
        self.refused_head
            .store(index << 8 | u64::from(refusal as u8), Relaxed);
    }

    /// Why the head with this index must be refused, if it must.
    pub(crate) fn head_refusal(&self, index: u64) -> Option<Refusal> {
        let stored = self.refused_head.load(Relaxed);
        let refusal = Refusal::from_code((stored & 0xff) as u8)?;
        (stored >> 8 == index).then_some(refusal)
    }

    /// Records that the body in transit is malformed.
    pub(crate) fn refuse_body(&self, refusal: Refusal) {
        self.refused_body.store(refusal as u8, Relaxed);
    }

    /// Why the body in transit is malformed, if it is.
    pub(crate) fn body_refusal(&self) -> Option<Refusal> {
        Refusal::from_code(self.refused_body.load(Relaxed))
    }

    /// An exchange begins.
    pub(crate) fn begin(&self) {
        self.active.fetch_add(1, Relaxed);
    }

    /// An exchange ended.
    pub(crate) fn end(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    /// Whether an exchange is in flight.
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Relaxed) > 0
    }

    /// Bytes of a request will not be read.
    pub(crate) fn leave_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    /// Whether bytes of a request were left unread.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Relaxed)
    }

    /// The gate's side: what to do with what follows a request to change the protocol.
    pub(crate) fn hold(&self) -> Hold {
        match self.hold.load(Relaxed) & 0xff {
            1 => Hold::Waiting,
            2 => Hold::Resume,
            3 => Hold::Tunnel,
            _ => Hold::Open,
        }
    }

    /// The gate's side: holds back what follows the request with this index.
    pub(crate) fn hold_after(&self, index: u64) {
        self.hold.store(index << 8 | Hold::Waiting as u64, Relaxed);
    }

    /// The gate's side: nothing is held back any more.
    pub(crate) fn open(&self) {
        self.hold.store(Hold::Open as u64, Relaxed);
    }

    /// The gate's side: be woken when the service has decided.
    pub(crate) fn wait(&self, cx: &Context<'_>) {
        *self.waiting_gate.lock() = Some(cx.waker().clone());
    }

    /// The service's side: the answer to the request with this index is known. Does nothing
    /// unless the gate holds back what follows that very request: earlier ones of the same
    /// read are answered first.
    pub(crate) fn release(&self, index: u64, hold: Hold) {
        if self.hold.load(Relaxed) == index << 8 | Hold::Waiting as u64 {
            self.hold.store(index << 8 | hold as u64, Relaxed);
            let waker = self.waiting_gate.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
