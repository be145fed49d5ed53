//! All or nothing: several limits decided as one.

use std::sync::Arc;

use super::hold::{Hold, Purpose, Span};
use super::set::{Locked, SPAN};
use super::{Address, CHECKS_MAX, Check, Enforcement, Lease, Table, Verdict, within_range};
use crate::clock::{Nanos, Now};
use crate::limit::{Kind, Limit};
use crate::reading::Reading;

impl Table {
    /// Decides all `checks` as one and writes what each limit says into `readings`.
    ///
    /// Admitted only if every binding limit admits; then all are charged, shadow ones as far as
    /// they admit. Refused charges nothing anywhere. More checks than [`CHECKS_MAX`], or than there
    /// are `readings` for, are refused without a look: a limit that is not consulted is none.
    ///
    /// The limits must be registered with this table.
    // Always, as all of the usual case: measured at a million buckets, a call more is a third of
    // the time, since a processor then sees too little of the next decision to begin it.
    #[inline(always)]
    pub fn decide(
        self: &Arc<Self>,
        now: Now,
        checks: &[Check<'_>],
        readings: &mut [Reading],
    ) -> Verdict {
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
    /// A newcomer reads as a fresh bucket, also where it would find no room.
    pub fn peek(&self, now: Now, checks: &[Check<'_>], readings: &mut [Reading]) -> bool {
        self.run(now, checks, readings, Purpose::Look)
    }

    #[inline(always)]
    fn run(
        &self,
        now: Now,
        checks: &[Check<'_>],
        readings: &mut [Reading],
        purpose: Purpose,
    ) -> bool {
        if checks.len() > CHECKS_MAX || checks.len() > readings.len() {
            return false;
        }
        // One body for one, two, or any number of limits: what it keeps is as large as it must be.
        match checks.len() {
            0 => true,
            1 => match self.run_known(within_range(now), &checks[0], &mut readings[0], purpose) {
                Some(admitted) => admitted,
                None => self.run_of::<1, SPAN>(now, checks, readings, purpose),
            },
            2 => self.run_of::<2, { 2 * SPAN }>(now, checks, readings, purpose),
            3 | 4 => self.run_of::<4, { 4 * SPAN }>(now, checks, readings, purpose),
            _ => self.run_of::<CHECKS_MAX, { CHECKS_MAX * SPAN }>(now, checks, readings, purpose),
        }
    }

    /// The usual case by itself: one limit, whose bucket has a cell that it counted in before.
    #[inline(always)]
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
        let at = Now {
            mono: Nanos(set.time),
            ..now
        };
        let state = set.state(way);
        // By its own name, so that the usual kind is decided here and not somewhere else.
        let (decided, after) = match check.limit.limit() {
            Limit::Rate(rate) => rate.decide(state, at.mono, check.cost),
            limit => limit.decide(state, at, check.cost),
        };
        let admitted = decided.admitted();
        if purpose == Purpose::Charge && admitted && after != state {
            set.write_state(way, after);
        }
        drop(set);
        *reading = decided;
        if at.mono != now.mono {
            *reading = told(decided, check, at, now);
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
        let hold = Hold::<N, G>::reaching(self, now, checks, purpose);
        run_in(hold, now, checks, readings, purpose)
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
        let at = hold.time_of(i, now);
        let mut state = hold.finds[i].state;
        // An earlier check of this decision may already have drawn on the same bucket.
        if let Some(earlier) = hold.same_bucket(i) {
            let (from, limit) = (checks[earlier].limit, check.limit.limit());
            state = after[earlier];
            if from.id() != check.limit.id() {
                state = limit.carried_from(from.limit(), state, at, check.carry);
            }
        }
        let reading;
        (reading, after[i]) = check.limit.limit().decide(state, at, check.cost);
        readings[i] = Reading {
            overflowed: hold.overflowed(i),
            ..told(reading, check, at, now)
        };
        admitted &= reading.admitted() || check.enforcement == Enforcement::Shadow;
    }
    for (i, check) in checks.iter().enumerate() {
        // A shadow limit that does not admit does not count either.
        let charged = admitted && readings[i].admitted();
        if !admitted && readings[i].admitted() {
            // Nothing is charged: say what the bucket holds, not what it would have held.
            let at = hold.time_of(i, now);
            let (look, _) = check.limit.limit().decide(hold.finds[i].state, at, 0);
            readings[i] = Reading {
                overflowed: readings[i].overflowed,
                ..told(look, check, at, now)
            };
        }
        if purpose == Purpose::Look || check.cost == 0 {
            continue;
        }
        if charged {
            hold.write(i, check, after[i]);
        } else if hold.changed(i, check) {
            // Carried over by the first request under the new limit, admitted or not: from now on
            // the bucket is what the answer says it is.
            hold.write(i, check, hold.finds[i].state);
        }
    }
    admitted
}

/// A reading at the time of its sets, told from the caller's time. Quotas go by the wall clock,
/// which is one for all.
#[inline]
fn told(reading: Reading, check: &Check<'_>, at: Now, now: Now) -> Reading {
    if at.mono == now.mono || check.limit.id().kind() == Kind::Quota {
        return reading;
    }
    reading.delayed(at.mono.0 - now.mono.0)
}
