//! From a number of a plan to the plan of this policy: by name once, then by one look.

use std::sync::atomic::{AtomicU32, Ordering};

use tollgate_policy::{PlanId, Policy};

use super::{PlanNumber, Standings};

/// Numbers that are remembered; others are looked up by name each time.
const REMEMBERED: usize = 1 << 12;

const UNKNOWN_YET: u32 = 0;
const NONE_HERE: u32 = u32::MAX;

/// What was found for each number: a plan is its id and one.
///
/// State: written by whoever asks first, read by every request of a user with an assignment. Racing
/// writers write the same.
#[derive(Debug)]
pub(crate) struct PlanNumbers(Box<[AtomicU32]>);

impl PlanNumbers {
    /// For a policy whose plans are asked for by number; empty where nobody does.
    pub(crate) fn new(standings: Option<&dyn Standings>) -> Self {
        let size = standings.map_or(0, |_| REMEMBERED);
        Self((0..size).map(|_| AtomicU32::new(UNKNOWN_YET)).collect())
    }

    /// The plan of this policy that has the number's name.
    pub(crate) fn plan(
        &self,
        number: PlanNumber,
        policy: &Policy,
        standings: &dyn Standings,
    ) -> Option<PlanId> {
        let by_name = || policy.plan_named(&standings.plan_name(number)?);
        let Some(slot) = self.0.get(number.0 as usize) else {
            return by_name();
        };
        match slot.load(Ordering::Relaxed) {
            UNKNOWN_YET => {
                let plan = by_name();
                let found = plan.map_or(NONE_HERE, |plan| u32::from(plan.0) + 1);
                slot.store(found, Ordering::Relaxed);
                plan
            }
            NONE_HERE => None,
            found => u16::try_from(found - 1).ok().map(PlanId),
        }
    }
}
