//! The routes of a plan: its method throttles over all stages, each route once.

use std::collections::{BTreeMap, HashSet};

use tollgate_policy::{PathRules, Template};

use super::found::{Fidelity, Note};
use super::model::{MethodThrottle, PlanStage, UsagePlan};

/// Which stage of which API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageName {
    /// The API's id, or its name in a template.
    pub api: String,
    /// The stage.
    pub stage: String,
}

/// Leaves of each plan what holds on a stage, and only plans that hold there; gives the ids of the
/// others.
pub(super) fn on_stage(plans: &mut Vec<UsagePlan>, only: &StageName) -> HashSet<String> {
    let is_here = |stage: &PlanStage| stage.api == only.api && stage.stage == only.stage;
    for plan in plans.iter_mut() {
        plan.stages.retain(is_here);
    }
    let elsewhere = plans.extract_if(.., |plan| plan.stages.is_empty());
    elsewhere.map(|plan| plan.id).collect()
}

/// The method throttles of a plan, by method and shape of the path, in the order of their paths.
///
/// Where two stages give one route two throttles, the stricter one holds: there is one route here.
pub(super) fn routes(plan: &UsagePlan, notes: &mut Vec<Note>) -> Vec<MethodThrottle> {
    let mut routes: BTreeMap<(String, String), MethodThrottle> = BTreeMap::new();
    let mut differ = 0_usize;
    for method in plan.stages.iter().flat_map(|stage| &stage.methods) {
        // Checked where it was read.
        let Ok(template) = Template::parse(&method.path) else {
            continue;
        };
        let place = (template.shape(PathRules::default()), method.method.clone());
        routes
            .entry(place)
            .and_modify(|known| {
                differ += usize::from(known.throttle != method.throttle);
                known.throttle = known.throttle.stricter(method.throttle);
            })
            .or_insert_with(|| method.clone());
    }
    if differ > 0 {
        notes.push(Note::new(
            Fidelity::Changed,
            format!("method throttles of the plan {:?}: {differ}", plan.name),
            "stages give one route different throttles; the stricter one was taken. Say which stage \
             with `--stage API/STAGE`",
        ));
    }
    routes.into_values().collect()
}
