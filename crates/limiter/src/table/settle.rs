//! Settling: a request's cost that is known only after its answer.

use super::hold::Purpose;
use super::{Check, Table, within_range};
use crate::clock::{Nanos, Now};
use crate::limit::Limit;
use crate::reading::Reading;

/// What a request was charged when it was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// When.
    pub at: Now,
    /// Units.
    pub cost: u64,
    /// The charge went to the overflow bucket: [`Reading::overflowed`] of the decision.
    pub overflowed: bool,
}

/// What is known of a quota's period from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// So many units are, or more: here some may have been counted since.
    AtLeast(u64),
    /// So many, and not more: something was given back.
    Exactly(u64),
}

impl Table {
    /// Settles one limit of an admitted request whose cost turned out to be `actual`: the
    /// difference to what was charged is given back, at most until the bucket is full, or taken,
    /// admitted or not. Returns what the bucket holds then.
    ///
    /// `check` as it was decided; its `cost` is not looked at. What a window or a quota charged is
    /// given back to the period that it was charged in, and not at all once that is over.
    /// Concurrency is not settled, but released with its lease. Under a limit that has changed since
    /// nothing is settled.
    pub fn settle(&self, now: Now, check: Check<'_>, charged: Charged, actual: u64) -> Reading {
        let now = within_range(now);
        let limit = check.limit.limit();
        let settle = |state, at| limit.settle(state, at, charged.at, charged.cost, actual);
        if charged.overflowed {
            let mut overflow = check.limit.overflow(check.partition).lock(now.mono);
            let at = Now {
                mono: Nanos(overflow.time),
                ..now
            };
            let state = settle(overflow.state(), at);
            overflow.write(state);
            return Reading {
                overflowed: true,
                ..limit.decide(state, at, 0).0
            };
        }
        // To give back needs no cell: a bucket without one is full.
        let purpose = if actual > charged.cost {
            Purpose::Charge
        } else {
            Purpose::Look
        };
        let check = Check { cost: 1, ..check };
        let mut hold = self.hold_one(now, &check, purpose);
        let at = hold.time_of(0, now);
        let mut state = hold.finds[0].state;
        // Another limit has counted since: what this one charged has been carried over with the
        // rest, and cannot be told from it any more.
        if !hold.absent(0) && !hold.changed(0, &check) {
            state = settle(state, at);
            hold.write(0, &check, state);
        }
        Reading {
            overflowed: hold.overflowed(0),
            ..limit.decide(state, at, 0).0
        }
    }
}

impl Table {
    /// Gives units back that were spent, at most until the bucket is full. Returns what it holds then.
    ///
    /// What another limit counted is in this one's terms first. Concurrency stays as it is: those requests are
    /// under way. So do keys that share an overflow bucket.
    pub fn give_back(&self, now: Now, check: Check<'_>, units: u64) -> Reading {
        self.ease(now, check, |limit, state, at| {
            limit.settle(state, at, at, units, 0)
        })
    }

    /// Fills a bucket up: nothing of what was spent in it counts any more. Returns what it holds then; but for
    /// what [`Table::give_back`] leaves as it is.
    pub fn refill(&self, now: Now, check: Check<'_>) -> Reading {
        self.ease(now, check, |_, _, _| 0)
    }

    fn ease(
        &self,
        now: Now,
        check: Check<'_>,
        eased: impl FnOnce(&Limit, u64, Now) -> u64,
    ) -> Reading {
        let now = within_range(now);
        let limit = check.limit.limit();
        let check = Check { cost: 1, ..check };
        // A bucket without a cell is full.
        let mut hold = self.hold_one(now, &check, Purpose::Look);
        let at = hold.time_of(0, now);
        let mut state = hold.finds[0].state;
        let counts = !matches!(limit, Limit::Concurrency(_));
        if counts && !hold.absent(0) && !hold.overflowed(0) {
            state = eased(limit, state, at);
            hold.write(0, &check, state);
        }
        Reading {
            overflowed: hold.overflowed(0),
            ..limit.decide(state, at, 0).0
        }
    }

    /// Takes over what other processes, or an earlier one, have counted of a quota in its current period.
    /// Returns what the bucket holds then.
    ///
    /// Other limits than quotas, keys that share an overflow bucket, and buckets that another limit has
    /// counted since stay as they are: that limit is told in its own terms.
    pub fn recall(&self, now: Now, check: Check<'_>, spent: Spent) -> Reading {
        let now = within_range(now);
        let limit = check.limit.limit();
        let (Spent::AtLeast(units) | Spent::Exactly(units)) = spent;
        // A key without a cell gets one, but not to remember nothing in it.
        let check = Check {
            cost: units.min(1),
            ..check
        };
        let mut hold = self.hold_one(now, &check, Purpose::Charge);
        let at = hold.time_of(0, now);
        let mut state = hold.finds[0].state;
        if let Limit::Quota(quota) = limit
            && !hold.absent(0)
            && !hold.overflowed(0)
            && !hold.changed(0, &check)
        {
            state = match spent {
                Spent::AtLeast(units) => quota.raised_to(state, at, units),
                Spent::Exactly(units) => quota.having_spent_units(units, at),
            };
            hold.write(0, &check, state);
        }
        Reading {
            overflowed: hold.overflowed(0),
            ..limit.decide(state, at, 0).0
        }
    }
}

#[cfg(test)]
mod tests;
