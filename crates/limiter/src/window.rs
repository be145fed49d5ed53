//! Sliding window: the two-counter estimate over a 64-bit state.
//!
//! Time is cut into windows of one length. The state holds the number of the window it speaks of,
//! what was spent in it, and what was spent in the one before. The estimate at a moment that lies
//! a share `f` into its window is `before · (1 − f) + current`: what the last `length` would hold if
//! the spending before had been even. The method is Cloudflare's ("How we built rate limiting
//! capable of scaling to millions of domains", 2017).
//!
//! Counts are kept in fractions of a unit, as fine as the cell allows, so that carrying a bucket
//! over to another limit loses nothing that could be seen.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::carry::{CarryOver, Scale};
use crate::clock::Nanos;
use crate::limit::LimitError;
use crate::reading::{Denial, Reading};

/// At most `max` units in about any window of one length.
///
/// Exact about the estimate; `docs/counting.md` gives the distance between the estimate and the
/// truth. No aligned window ever holds more than `max`, no span of the window's length more than
/// twice `max`.
///
/// ```
/// use std::time::Duration;
/// use tollgate_limiter::{Nanos, Window};
///
/// let limit = Window::new(50, Duration::from_secs(60)).unwrap();
/// let (_, state) = limit.decide(0, Nanos::from_secs(30), 42);
/// let (_, state) = limit.decide(state, Nanos::from_secs(61), 1);
/// // A quarter into the second minute: 42 · 0.75 + 1 = 32.5 of 50.
/// assert_eq!(limit.decide(state, Nanos::from_secs(75), 0).0.remaining, 17);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    max: u64,
    length_ns: u64,
    /// Width of each of the two counts, in bits; the window's number has the rest.
    bits: u32,
    /// A unit is 2^shift steps.
    shift: u32,
}

/// A state taken apart, as seen at one moment.
#[derive(Clone, Copy, Debug)]
struct View {
    number: u64,
    /// Steps spent in the window before.
    before: u64,
    /// Steps spent in the current window.
    current: u64,
    /// Since the current window began.
    elapsed_ns: u64,
}

// === impl Window ===

impl Window {
    /// At most `max` units in a window of `length`.
    ///
    /// # Errors
    /// Zero for either; a length above 366 days; a `max` that a cell cannot count over this
    /// length (65,536 for a second, 262,144 for a minute, 2 million for an hour, 16 million for a
    /// day): such a limit is better written as a rate.
    pub fn new(max: u64, length: Duration) -> Result<Self, LimitError> {
        let max = NonZeroU64::new(max).ok_or(LimitError::CountZero)?.get();
        let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        if length_ns == 0 {
            return Err(LimitError::PeriodZero);
        }
        if length_ns > LENGTH_NS_MAX {
            return Err(LimitError::TooSlow);
        }
        let number_bits = u64::BITS - (HORIZON_NS / length_ns).leading_zeros();
        let bits = (u64::BITS - number_bits) / 2;
        // One bit of room: a surcharge is remembered up to twice the limit.
        let most = bits.checked_sub(1).map_or(0, |bits| 1_u64 << bits);
        if max > most {
            return Err(LimitError::TooMany { max: most });
        }
        Ok(Self {
            max,
            length_ns,
            bits,
            shift: (most / max).ilog2(),
        })
    }

    /// Units that a window may hold.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The window's length.
    #[must_use]
    pub const fn length(&self) -> Nanos {
        Nanos(self.length_ns)
    }

    /// Decides a request of `cost`: the reading, and the state to keep.
    ///
    /// A denied request leaves the state as it is. A cost of zero is a look.
    #[must_use]
    pub fn decide(&self, state: u64, now: Nanos, cost: u64) -> (Reading, u64) {
        let view = self.view(state, now);
        if cost == 0 {
            return (self.reading(view, None), state);
        }
        match self.steps(cost) {
            Some(cost) if self.fits(view, cost) => {
                let after = View {
                    current: view.current + cost,
                    ..view
                };
                (self.reading(after, None), self.state(after))
            }
            Some(cost) => {
                let wait = self.wait(view, cost);
                (self.reading(view, Some(Denial::Wait(wait))), state)
            }
            None => (self.reading(view, Some(Denial::Never)), state),
        }
    }

    /// True when a cell in this state says nothing that a never-used cell does not say.
    #[must_use]
    pub fn is_vacant(&self, state: u64, now: Nanos) -> bool {
        let view = self.view(state, now);
        view.before == 0 && view.current == 0
    }

    /// Gives back `units` that were charged at `charged_at`, from the window they were charged in.
    ///
    /// Nothing when that window does not count any more.
    #[must_use]
    pub fn refund(&self, state: u64, now: Nanos, charged_at: Nanos, units: u64) -> u64 {
        let view = self.view(state, now);
        let steps = units.saturating_mul(1 << self.shift);
        let number = charged_at.0 / self.length_ns;
        let (mut before, mut current) = (view.before, view.current);
        if number == view.number {
            current = current.saturating_sub(steps);
        } else if number.checked_add(1) == Some(view.number) {
            before = before.saturating_sub(steps);
        }
        self.state(View {
            before,
            current,
            ..view
        })
    }

    /// Takes `units` more, admitted or not; what a window held is remembered up to twice `max`.
    #[must_use]
    pub fn surcharge(&self, state: u64, now: Nanos, units: u64) -> u64 {
        let view = self.view(state, now);
        let steps = units.saturating_mul(1 << self.shift);
        self.state(View {
            current: view.current.saturating_add(steps),
            ..view
        })
    }

    /// The state under this limit of a bucket counted by `from`. Windows of one length keep their
    /// two counts apart, so that a change in the middle of a window moves nothing in time.
    pub(crate) fn carried_from(
        &self,
        from: &Self,
        state: u64,
        now: Nanos,
        carry: CarryOver,
    ) -> Option<u64> {
        if self.length_ns != from.length_ns {
            return None;
        }
        let view = from.view(state, now);
        let convert = |steps| carry.convert(steps, from.scale(), self.scale());
        Some(self.state(View {
            before: convert(view.before),
            current: convert(view.current),
            ..view
        }))
    }

    /// Steps spent by the estimate, rounded up.
    pub(crate) fn spent(&self, state: u64, now: Nanos) -> u64 {
        let spent = self.estimate(self.view(state, now));
        u64::try_from(spent.div_ceil(u128::from(self.length_ns))).unwrap_or(u64::MAX)
    }

    /// A state of which the estimate is `steps`, as if they had been spent evenly.
    ///
    /// So they fade from now on, at most at the pace of the limit itself: a bucket that is carried
    /// back and forth neither stands still nor is forgiven.
    pub(crate) fn having_spent(&self, steps: u64, now: Nanos) -> u64 {
        let view = self.view(0, now);
        let passed = u128::from(steps) * u128::from(view.elapsed_ns);
        let current = passed.div_ceil(u128::from(self.length_ns));
        self.state(View {
            before: steps,
            current: u64::try_from(current).unwrap_or(u64::MAX),
            ..view
        })
    }

    pub(crate) const fn scale(&self) -> Scale {
        Scale {
            unit: 1 << self.shift,
            capacity: self.max,
        }
    }

    fn view(&self, state: u64, now: Nanos) -> View {
        let count = |word: u64| word & self.count_max();
        let held = state >> (2 * self.bits);
        let number = now.0.min(HORIZON_NS) / self.length_ns;
        let view = View {
            number,
            before: 0,
            current: 0,
            elapsed_ns: now.0.min(HORIZON_NS) % self.length_ns,
        };
        match number.checked_sub(held) {
            Some(0) => View {
                before: count(state >> self.bits),
                current: count(state),
                ..view
            },
            Some(1) => View {
                before: count(state),
                ..view
            },
            Some(_) => view,
            // A clock behind the one that wrote this: its window has only just begun.
            None => View {
                number: held,
                before: count(state >> self.bits),
                current: count(state),
                elapsed_ns: 0,
            },
        }
    }

    fn state(&self, view: View) -> u64 {
        let count = |steps: u64| steps.min(self.count_max());
        view.number << (2 * self.bits) | count(view.before) << self.bits | count(view.current)
    }

    /// The estimate in steps × nanoseconds of the window, so that it is exact.
    fn estimate(&self, view: View) -> u128 {
        let weight = self.length_ns - view.elapsed_ns;
        u128::from(view.before) * u128::from(weight) + self.whole(view.current)
    }

    fn whole(&self, steps: u64) -> u128 {
        u128::from(steps) * u128::from(self.length_ns)
    }

    fn full(&self) -> u64 {
        self.max << self.shift
    }

    /// `cost` in steps; `None` when it is above the limit.
    fn steps(&self, cost: u64) -> Option<u64> {
        (cost <= self.max).then(|| cost << self.shift)
    }

    fn fits(&self, view: View, steps: u64) -> bool {
        self.estimate(view) + self.whole(steps) <= self.whole(self.full())
    }

    /// Exact time until `steps`, at most the limit's, fit if nothing else is spent.
    fn wait(&self, view: View, steps: u64) -> Nanos {
        let left = self.length_ns - view.elapsed_ns;
        let room = self.full() - steps;
        let wait = match room.checked_sub(view.current) {
            // The window before has to lose weight, within the current window.
            Some(room) => left - self.weight(view.before, room).min(left),
            // The current window has to become the one before, and lose weight in its turn.
            None => left + self.length_ns - self.weight(view.current, room).min(self.length_ns),
        };
        Nanos(wait)
    }

    /// The greatest weight, in nanoseconds of the window, at which `spent` is at most `room`.
    fn weight(&self, spent: u64, room: u64) -> u64 {
        let weight = self.whole(room).checked_div(u128::from(spent));
        weight.map_or(u64::MAX, |weight| u64::try_from(weight).unwrap_or(u64::MAX))
    }

    fn reading(&self, view: View, denial: Option<Denial>) -> Reading {
        let left = self.length_ns - view.elapsed_ns;
        let room = self.whole(self.full()).saturating_sub(self.estimate(view));
        let unit = self.whole(1 << self.shift);
        let remaining = u64::try_from(room / unit).unwrap_or(self.max);
        let full = match (view.before, view.current) {
            (0, 0) => 0,
            (_, 0) => left,
            _ => left + self.length_ns,
        };
        let next = match remaining.checked_add(1) {
            Some(more) if more <= self.max => self.wait(view, more << self.shift),
            _ => Nanos(0),
        };
        Reading {
            denial,
            remaining,
            next,
            full: Nanos(full),
            overflowed: false,
        }
    }

    const fn count_max(&self) -> u64 {
        (1 << self.bits) - 1
    }
}

/// How long a clock may run before windows stand still: 34 years.
const HORIZON_NS: u64 = (1 << 30) * 1_000_000_000 - 1;

const LENGTH_NS_MAX: u64 = 366 * 86_400 * 1_000_000_000;

#[cfg(test)]
mod tests;
