//! Names of plans as small numbers: a million holders share a few names.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::StoreError;
use crate::texts::PlanName;

/// The most names of plans that a directory ever sees.
pub const PLAN_NAMES_MAX: usize = 1 << 16;

/// A plan as a [`super::Directory`] numbers it, from 0 in the order in which names were first seen. Numbers
/// are never used again for another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssignedPlan(pub u32);

/// Names and their numbers. Only grows; not on a request's path.
#[derive(Default)]
pub(super) struct PlanNames(Mutex<Names>);

#[derive(Default)]
struct Names {
    by_number: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, AssignedPlan>,
}

impl PlanNames {
    /// The number of a name, which is given one if it has none.
    pub(super) fn number(&self, name: &str) -> Result<AssignedPlan, StoreError> {
        let mut names = self.0.lock();
        if let Some(number) = names.numbers.get(name) {
            return Ok(*number);
        }
        let name = PlanName::parse(name)?;
        let next = u32::try_from(names.by_number.len());
        let free = next.ok().filter(|_| names.by_number.len() < PLAN_NAMES_MAX);
        let number = AssignedPlan(free.ok_or(StoreError::TooMany {
            what: "names of plans",
            max: PLAN_NAMES_MAX,
        })?);
        let name: Arc<str> = name.as_str().into();
        names.by_number.push(Arc::clone(&name));
        names.numbers.insert(name, number);
        Ok(number)
    }

    pub(super) fn name(&self, plan: AssignedPlan) -> Option<Arc<str>> {
        let names = self.0.lock();
        let index = usize::try_from(plan.0).ok()?;
        names.by_number.get(index).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<str>> {
        self.0.lock().by_number.clone()
    }
}
