//! Limit classes: which limits hold for a bucket, in the front of its public name.
//!
//! A limiter outside the process scopes a rule by the class that an id begins with, so that one
//! class never has two sets of limits. Where a plan has the same limits everywhere, the class is the
//! plan's; a route with limits of its own, or one that never blocks, has the plan's first letters
//! and two characters made of those limits. They depend on nothing else, so that a change of one
//! route's limits renames no other bucket.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use crate::limit::Limit;
use crate::plan::Plan;
use crate::policy::PlanLimits;
use crate::route::RouteId;
use crate::routes::RouteTable;

/// What two characters of `0-9a-z` can say.
const SUFFIXES: u32 = 36 * 36;
/// What a plan's class keeps before them.
const PREFIX_CHARS_MAX: usize = 6;

/// The classes of one plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlanClasses {
    /// Of routes that never block and have no limits of their own.
    never_block: Option<Arc<str>>,
    /// Of routes with limits of their own, sorted by id.
    by_route: Vec<(RouteId, Arc<str>)>,
}

// === impl PlanClasses ===

impl PlanClasses {
    /// The class of a route; `None` for the plan's own.
    pub(crate) fn of(&self, route: RouteId, never_block: bool) -> Option<&Arc<str>> {
        match self.by_route.binary_search_by_key(&route, |(id, _)| *id) {
            Ok(index) => Some(&self.by_route[index].1),
            Err(_) if never_block => self.never_block.as_ref(),
            Err(_) => None,
        }
    }
}

/// The classes of all plans, beside them. No two sets of limits get one class.
pub(crate) fn assign(
    plans: &[Plan],
    limits: &[PlanLimits],
    routes: &RouteTable,
) -> Vec<PlanClasses> {
    let mut taken: HashSet<Arc<str>> = plans.iter().map(|plan| Arc::clone(&plan.class)).collect();
    let any_never_block = routes.iter().any(|(_, route)| route.never_block);
    let mut classes = Vec::with_capacity(plans.len());
    for (plan, limits) in plans.iter().zip(limits) {
        let mut known: HashMap<String, Arc<str>> = HashMap::new();
        known.insert(said(&limits.everywhere, false), Arc::clone(&plan.class));
        let mut class = |limits: &[Limit], never_block: bool| {
            let said = said(limits, never_block);
            let make = || unused(&plan.class, &said, &mut taken);
            Arc::clone(known.entry(said.clone()).or_insert_with(make))
        };
        let by_route = limits.by_route.iter().map(|(id, limits)| {
            let never_block = routes.get(*id).never_block;
            (*id, class(limits, never_block))
        });
        let by_route = by_route.collect();
        let never_block = any_never_block.then(|| class(&limits.everywhere, true));
        classes.push(PlanClasses {
            never_block,
            by_route,
        });
    }
    classes
}

/// Everything about limits that a rule outside depends on.
fn said(limits: &[Limit], never_block: bool) -> String {
    let mut text = String::from(if never_block { "never" } else { "" });
    for limit in limits {
        let across = match limit.across {
            crate::limit::Across::EachRoute => "",
            crate::limit::Across::AllRoutes => " across",
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "|{} {} {}{across} {} {}",
            limit.name,
            limit.amount,
            limit.per.as_str(),
            limit.mode.as_str(),
            limit.cost
        );
    }
    text
}

/// The first free class that begins as the plan's does.
fn unused(plan: &str, said: &str, taken: &mut HashSet<Arc<str>>) -> Arc<str> {
    let prefix = &plan[..plan.len().min(PREFIX_CHARS_MAX)];
    let digit = |value: u32| char::from_digit(value % 36, 36).unwrap_or('0');
    let start = fnv1a(said) % SUFFIXES;
    let names = (0..SUFFIXES).map(|step| {
        let suffix = (start + step) % SUFFIXES;
        format!("{prefix}{}{}", digit(suffix / 36), digit(suffix))
    });
    let mut free = names.filter(|name| !taken.contains(name.as_str()));
    // With all of them taken, two sets of limits share the plan's class: 1,296 are more than any
    // limiter outside has rules for, and the compiler says so.
    let class: Arc<str> = free.next().map_or_else(|| plan.into(), Into::into);
    taken.insert(Arc::clone(&class));
    class
}

/// FNV-1a (32 bits): the same in every build, and nobody's secret hangs on it.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
