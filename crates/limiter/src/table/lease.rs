//! What is under way: counted by concurrency limits until the lease on it is dropped.

use std::sync::Arc;

use super::hold::Purpose;
use super::{BucketKey, Check, Partition, Registered, Table};
use crate::clock::Now;
use crate::concurrency::Concurrency;
use crate::limit::Kind;
use crate::reading::Reading;

/// Holds the places that an admitted request takes in concurrency limits.
///
/// Give it to whatever lives exactly as long as the request: the places are free again when its
/// last clone is dropped, whether the request was answered, cancelled, or its connection was lost. A lease on
/// nothing (no concurrency limit was consulted) costs nothing.
#[derive(Clone, Debug, Default)]
#[must_use = "what is under way ends when its lease is dropped"]
pub struct Lease(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    table: Arc<Table>,
    held: Vec<Held>,
}

/// One place in one concurrency limit.
#[derive(Clone, Debug)]
pub(super) struct Held {
    key: BucketKey,
    partition: Partition,
    limit: Arc<Registered>,
    cost: u64,
    /// Counted in the overflow bucket, and to be released there.
    overflowed: bool,
}

// === impl Lease ===

impl Lease {
    /// A lease on what `checks` were just admitted to count.
    pub(super) fn on(table: &Arc<Table>, checks: &[Check<'_>], readings: &[Reading]) -> Self {
        let each = checks.iter().zip(readings);
        let held: Vec<_> = each
            .filter_map(|(check, reading)| Held::of(check, reading))
            .collect();
        let table = table.clone();
        Self((!held.is_empty()).then(|| Arc::new(Inner { table, held })))
    }

    /// True when nothing is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for held in &self.held {
            self.table.release(held);
        }
    }
}

// === impl Held ===

impl Held {
    /// The place that an admitted check took, if its limit counts what is under way.
    pub(super) fn of(check: &Check<'_>, reading: &Reading) -> Option<Self> {
        let counts = check.limit.limit().kind() == Kind::Concurrency;
        (counts && check.cost > 0 && reading.admitted()).then(|| Self {
            key: check.key,
            partition: check.partition,
            limit: check.limit.clone(),
            cost: check.cost,
            overflowed: reading.overflowed,
        })
    }
}

impl Table {
    fn release(&self, held: &Held) {
        // Which time it is does not matter to what is under way.
        let now = Now::default();
        if held.overflowed {
            let mut overflow = held.limit.overflow(held.partition).lock(now.mono);
            let state = Concurrency::release(overflow.state(), held.cost);
            overflow.write(state);
            return;
        }
        let check = Check {
            partition: held.partition,
            ..Check::new(held.key, &held.limit)
        };
        let mut hold = self.hold_one(now, &check, Purpose::Look);
        // Under another kind of limit since: nothing of this request is counted there.
        if hold.counted_by(0) == Some(Kind::Concurrency) {
            let state = Concurrency::release(hold.finds[0].state, held.cost);
            hold.write(0, &check, state);
        }
    }
}
