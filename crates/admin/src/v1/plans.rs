//! Plans of the policy in force.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate_engine::policy::{Limit, Policy, RouteId};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Answer;
use crate::query::{Params, cursor, page_limit, place};
use crate::state::Admin;

/// Where a list begins and how long it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A page of plans.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plans {
    plans: Vec<Plan>,
    /// The cursor of the page after; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "MTAw")]
    next: Option<String>,
}

/// A plan.
#[derive(Debug, Serialize, ToSchema)]
struct Plan {
    #[schema(example = "pro")]
    name: String,
    /// Its limit class in bucket ids.
    #[schema(example = "pro1")]
    class: String,
    /// Whether it is the plan of a user for whom nothing else is said.
    default: bool,
    /// Where a customer can buy more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://example.com/upgrade")]
    upgrade_url: Option<String>,
    /// What a caller over a limit is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Its limits where a route has none of its own; those that are off are left out.
    limits: Vec<PlanLimit>,
}

/// A limit of the policy.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PlanLimit {
    #[schema(example = "burst")]
    name: String,
    /// What it admits.
    #[schema(example = "100/s burst 200")]
    amount: String,
    /// Whose requests share a bucket: `user`, `account`, `network` or `global`.
    #[schema(example = "user")]
    per: &'static str,
    /// `enforce` or `shadow`.
    #[schema(example = "enforce")]
    mode: &'static str,
    /// Units that one request costs.
    #[schema(example = 1)]
    cost: u64,
}

impl From<&Limit> for PlanLimit {
    fn from(limit: &Limit) -> Self {
        Self {
            name: limit.name.to_string(),
            amount: limit.amount.to_string(),
            per: limit.per.as_str(),
            mode: limit.mode.as_str(),
            cost: limit.cost.get(),
        }
    }
}

/// Plans of the policy in force, in its order.
#[utoipa::path(
    get,
    path = "/v1/plans",
    tag = "plans",
    params(Asked),
    responses((status = 200, description = "Plans.", body = Plans)),
)]
pub(crate) async fn list(
    State(admin): State<Admin>,
    Params(asked): Params<Asked>,
) -> Answer<Json<Plans>> {
    let first: u16 = asked.cursor.as_deref().map_or(Ok(0), place)?;
    let limit = page_limit(asked.limit)?;
    let snapshot = admin.engine().snapshot();
    let policy = snapshot.policy();
    let plans = (0_u16..).zip(policy.plans()).skip(usize::from(first));
    let limit = usize::try_from(limit).unwrap_or(1);
    let page: Vec<Plan> = plans
        .clone()
        .take(limit)
        .map(|(number, plan)| shown(policy, number, plan))
        .collect();
    let next = plans.skip(limit).map(|(number, _)| number).next();
    Ok(Json(Plans {
        plans: page,
        next: next.and_then(|next| cursor(&next)),
    }))
}

fn shown(policy: &Policy, number: u16, plan: &tollgate_engine::policy::Plan) -> Plan {
    let id = tollgate_engine::policy::PlanId(number);
    Plan {
        name: plan.name.to_string(),
        class: plan.class.to_string(),
        default: policy.default_plan() == id,
        upgrade_url: plan.upgrade_url.clone(),
        message: plan.message.clone(),
        limits: limits(policy.limits(id, RouteId::UNMATCHED)),
    }
}

/// Limits as they are shown.
pub(crate) fn limits(limits: &[Limit]) -> Vec<PlanLimit> {
    limits.iter().map(PlanLimit::from).collect()
}
