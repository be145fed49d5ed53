//! A policy as usage plans: the way back, which shows what an import kept.

use tollgate_policy::{Amount, Limit, PlanId, Policy, RouteId};

use super::THROTTLE;
use super::model::{MethodThrottle, PlanStage, Quota, Throttle, UsagePlan};
use super::policy_text::{QUOTA, is_of_a_plan};
use super::rate::RatePerSecond;

/// The usage plans that a policy amounts to, under the names of its plans, with one stage of one API,
/// both named `tollgate`.
///
/// Only limits that an import makes are read: `throttle` and `quota`. A plan of API Gateway has no
/// others.
#[must_use]
pub fn usage_plans_of(policy: &Policy) -> Vec<UsagePlan> {
    let plans = (0_u16..).zip(policy.plans());
    plans
        .map(|(index, plan)| {
            let id = PlanId(index);
            let everywhere = policy.limits(id, RouteId::UNMATCHED);
            UsagePlan {
                id: plan.name.to_string(),
                name: plan.name.to_string(),
                throttle: throttle(everywhere),
                quota: quota(everywhere),
                stages: vec![PlanStage {
                    api: "tollgate".to_owned(),
                    stage: "tollgate".to_owned(),
                    methods: methods(policy, id, everywhere),
                }],
            }
        })
        .collect()
}

/// Routes whose throttle is not the plan's own.
fn methods(policy: &Policy, plan: PlanId, everywhere: &[Limit]) -> Vec<MethodThrottle> {
    let general = named(everywhere, THROTTLE);
    let routes = policy.routes().iter();
    let own = routes.filter_map(|(id, route)| {
        let limits = policy.limits(plan, id);
        let is_own = id != RouteId::UNMATCHED && named(limits, THROTTLE) != general;
        Some(MethodThrottle {
            path: route.template.to_string(),
            method: route.method.to_string(),
            throttle: throttle(limits).filter(|_| is_own)?,
        })
    });
    own.collect()
}

fn named<'a>(limits: &'a [Limit], name: &str) -> Option<&'a Limit> {
    limits.iter().find(|limit| &*limit.name == name)
}

fn throttle(limits: &[Limit]) -> Option<Throttle> {
    match named(limits, THROTTLE)?.amount {
        Amount::Rate { rate, burst } => Some(Throttle {
            rate: RatePerSecond::of_policy(rate),
            burst: Some(burst),
        }),
        _ => None,
    }
}

fn quota(limits: &[Limit]) -> Option<Quota> {
    match named(limits, QUOTA)?.amount {
        Amount::Quota { max, period, .. } if is_of_a_plan(period) => Some(Quota {
            limit: max,
            offset: 0,
            period,
        }),
        _ => None,
    }
}
