//! What one limit says of one request: values for verdicts, headers and logs.

use crate::clock::Nanos;

/// What a limit says of a request, and what its bucket holds after the decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Why this limit alone would refuse the request; `None` when it would admit it.
    pub denial: Option<Denial>,
    /// Whole units that may be spent at once now; never above the limit's capacity.
    pub remaining: u64,
    /// Time until `remaining` grows by itself; zero when the bucket is full, and for concurrency,
    /// which grows when somebody is done and not with time.
    pub next: Nanos,
    /// Time until the bucket is full if nothing more is spent; zero for concurrency.
    pub full: Nanos,
    /// The bucket had no cell of its own and shared its limit's overflow bucket.
    pub overflowed: bool,
}

/// Why a limit refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// After this wait, exactly, the same request is admitted if nothing else is spent meanwhile.
    Wait(Nanos),
    /// As many requests are under way as may be; nobody knows when one of them ends.
    Busy,
    /// The request costs more than the limit ever admits at once.
    Never,
}

// === impl Reading ===

impl Reading {
    /// This limit alone admits the request.
    #[must_use]
    pub const fn admitted(&self) -> bool {
        self.denial.is_none()
    }

    /// The exact wait after a refusal; `None` when admitted, and when no wait is known to help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Nanos> {
        match self.denial {
            Some(Denial::Wait(wait)) => Some(wait),
            _ => None,
        }
    }

    /// Waits measured from `by` nanoseconds earlier.
    #[cold]
    pub(crate) fn delayed(mut self, by: u64) -> Self {
        let later = |wait: &mut Nanos| wait.0 = wait.0.saturating_add(by);
        if let Some(Denial::Wait(wait)) = &mut self.denial {
            later(wait);
        }
        if self.next.0 > 0 {
            later(&mut self.next);
        }
        if self.full.0 > 0 {
            later(&mut self.full);
        }
        self
    }
}
