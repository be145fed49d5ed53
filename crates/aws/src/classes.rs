//! The limit classes of a policy as the function has them: by plan, and by group of routes.

use std::collections::HashMap;

use tollgate_policy::{PlanId, Policy, RouteId};

/// Routes that no plan tells apart are one group; its number stands in the function's tree.
#[derive(Debug, Clone)]
pub(crate) struct Classes {
    /// By plan, then by group.
    pub(crate) by_plan: Vec<Vec<String>>,
    /// By group: whether its routes always answer.
    pub(crate) never_block: Vec<bool>,
    /// By route.
    groups: Vec<usize>,
    /// Of callers without a pass, where passes are what is believed.
    pub(crate) without_pass: String,
}

impl Classes {
    pub(crate) fn of(policy: &Policy) -> Classes {
        let plans = || (0_u16..).map(PlanId).take(policy.plans().len());
        let mut known: HashMap<(Vec<&str>, bool), usize> = HashMap::new();
        let mut classes = Classes {
            by_plan: vec![Vec::new(); policy.plans().len()],
            never_block: Vec::new(),
            groups: Vec::new(),
            without_pass: String::new(),
        };
        for (id, route) in policy.routes().iter() {
            let column: Vec<&str> = plans().map(|plan| policy.limit_class(plan, id)).collect();
            let next = known.len();
            let group = *known
                .entry((column.clone(), route.never_block))
                .or_insert(next);
            if group == next {
                for (plan, class) in classes.by_plan.iter_mut().zip(column) {
                    plan.push(class.to_owned());
                }
                classes.never_block.push(route.never_block);
            }
            classes.groups.push(group);
        }
        let mut names = std::iter::once("nopass".to_owned())
            .chain((0..u16::MAX).map(|number| format!("np{number}")));
        let is_free = |name: &String| !classes.by_plan.iter().flatten().any(|class| class == name);
        classes.without_pass = names.find(is_free).unwrap_or_default();
        classes
    }

    pub(crate) fn group(&self, route: RouteId) -> usize {
        self.groups.get(route.index()).copied().unwrap_or_default()
    }
}
