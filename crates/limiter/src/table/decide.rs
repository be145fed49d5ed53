//! All or nothing: several limits decided as one.

use std::sync::Arc;

use super::hold::{Hold, Purpose, Span};
use super::set::Locked;
use super::{Address, CHECKS_MAX, Check, Enforcement, Lease, Table, Verdict, within_range};
use crate::clock::{Nanos, Now};
use crate::limit::Kind;
use crate::reading::Reading;

impl Table {
    /// Decides all `checks` as one and writes what each limit says into `readings`.
    ///
    /// Admitted only if every binding limit admits; then all are charged, shadow ones as far as
    /// they admit. Refused charges nothing anywhere. Checks beyond [`CHECKS_MAX`], or beyond the
    /// length of `readings`, are not consulted; callers hold their number below it.
    ///
    /// The limits must be registered with this table.
    #[inline]
    pub fn decide(
        self: &Arc<Self>,
        now: Now,
        checks: &[Check<'_>],
        readings: &mut [Reading],
    ) -> Verdict {
        let (checks, readings) = matched(checks, readings);
        let admitted = self.run(now, checks, readings, Purpose::Charge);
        if !admitted {
            return Verdict::Refused;
        }
        let counts = |check: &Check<'_>| check.limit.id().kind() == Kind::Concurrency;
        Verdict::Admitted(if checks.iter().any(counts) {
            Lease::on(self, checks, readings)
        } else {
            Lease::default()
        })
    }

    /// Says what [`Table::decide`] would, and consumes nothing. True when it would admit.
    ///
    /// A newcomer that would find no room reads as a fresh bucket until its home has overflowed.
    pub fn peek(&self, now: Now, checks: &[Check<'_>], readings: &mut [Reading]) -> bool {
        let (checks, readings) = matched(checks, readings);
        self.run(now, checks, readings, Purpose::Look)
    }

    #[inline]
    fn run(
        &self,
        now: Now,
        checks: &[Check<'_>],
        readings: &mut [Reading],
        purpose: Purpose,
    ) -> bool {
        // One body for one, two, or any number of limits: what it keeps is as large as it must be.
        match checks.len() {
            0 => true,
            1 => match self.run_known(within_range(now), &checks[0], &mut readings[0], purpose) {
                Some(admitted) => admitted,
                None => self.run_of::<1, 4>(now, checks, readings, purpose),
            },
            2 => self.run_of::<2, 8>(now, checks, readings, purpose),
            3 | 4 => self.run_of::<4, 16>(now, checks, readings, purpose),
            _ => self.run_of::<CHECKS_MAX, 64>(now, checks, readings, purpose),
        }
    }

    /// The usual case by itself: one limit, whose bucket has a cell that it counted in before.
    #[inline]
    fn run_known(
        &self,
        now: Now,
        check: &Check<'_>,
        reading: &mut Reading,
        purpose: Purpose,
    ) -> Option<bool> {
        let Address { home, tag } = self.address(check.key, check.partition);
        let mut set = Locked::new(self.sets(), home, now.mono);
        let way = set.find(tag)?;
        if set.limit(way) != Some(check.limit.id()) {
            return None;
        }
        let time = set.time;
        let at = Now {
            mono: Nanos(time),
            ..now
        };
        let state = set.state(way);
        let after;
        (*reading, after) = check.limit.limit().decide(state, at, check.cost);
        let admitted = reading.admitted();
        if purpose == Purpose::Charge && admitted && after != state {
            set.write_state(way, after);
        }
        drop(set);
        if time != now.mono.0 {
            *reading = reading.delayed(time - now.mono.0);
        }
        Some(admitted || check.enforcement == Enforcement::Shadow)
    }

    /// Decides up to `N` checks; `G` is the number of sets that they can reach.
    #[inline(never)]
    fn run_of<const N: usize, const G: usize>(
        &self,
        now: Now,
        checks: &[Check<'_>],
        readings: &mut [Reading],
        purpose: Purpose,
    ) -> bool {
        let now = within_range(now);
        if let Some(hold) = Hold::<N, N>::new(self, now, checks, purpose, Span::Homes) {
            return run_in(hold, now, checks, readings, purpose);
        }
        match Hold::<N, G>::new(self, now, checks, purpose, Span::Reach) {
            Some(hold) => run_in(hold, now, checks, readings, purpose),
            // Cannot be: with all that keys can reach there is always an answer.
            None => false,
        }
    }
}

fn run_in<const N: usize, const G: usize>(
    mut hold: Hold<'_, N, G>,
    now: Now,
    checks: &[Check<'_>],
    readings: &mut [Reading],
    purpose: Purpose,
) -> bool {
    let mut after = [0_u64; N];
    let mut admitted = true;
    for (i, check) in checks.iter().enumerate() {
        // An earlier check of this decision may already have drawn on the same bucket.
        let before = match hold.same_bucket(i) {
            Some(earlier) => after[earlier],
            None => hold.finds[i].state,
        };
        (readings[i], after[i]) = decide_at(&hold, i, check, before, now, check.cost);
        admitted &= readings[i].admitted() || check.enforcement == Enforcement::Shadow;
    }
    for (i, check) in checks.iter().enumerate() {
        // A shadow limit that does not admit does not count either.
        if !readings[i].admitted() {
            continue;
        }
        if !admitted {
            // Nothing is charged: say what the bucket holds, not what it would have held.
            readings[i] = decide_at(&hold, i, check, hold.finds[i].state, now, 0).0;
        } else if purpose == Purpose::Charge && check.cost > 0 {
            hold.write(i, check, after[i]);
        }
    }
    admitted
}

fn matched<'c, 'k, 'r>(
    checks: &'c [Check<'k>],
    readings: &'r mut [Reading],
) -> (&'c [Check<'k>], &'r mut [Reading]) {
    let count = checks.len().min(readings.len()).min(CHECKS_MAX);
    (&checks[..count], &mut readings[..count])
}

/// Decides one check at the time of its sets; waits are told from the caller's time.
fn decide_at<const N: usize, const G: usize>(
    hold: &Hold<'_, N, G>,
    i: usize,
    check: &Check<'_>,
    state: u64,
    now: Now,
    cost: u64,
) -> (Reading, u64) {
    let time = hold.finds[i].time;
    let at = Now {
        mono: Nanos(time),
        ..now
    };
    let (reading, state) = check.limit.limit().decide(state, at, cost);
    let reading = Reading {
        overflowed: hold.overflowed(i),
        ..reading
    };
    match time - now.mono.0 {
        0 => (reading, state),
        ahead => (reading.delayed(ahead), state),
    }
}
