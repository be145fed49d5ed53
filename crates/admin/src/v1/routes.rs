//! Routes of the policy in force, with a plan's limits on them.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Answer, Problem};
use crate::query::{Params, cursor, page_limit, place};
use crate::state::Admin;
use crate::v1::plans::{PlanLimit, limits};

/// Which routes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// A plan, to see its limits on each route.
    #[param(example = "pro")]
    plan: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A page of routes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Routes {
    routes: Vec<RouteShown>,
    /// The cursor of the page after; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A route.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Route)]
struct RouteShown {
    /// Its name, as overrides use it; `*` is the route of everything that no template matches.
    #[schema(example = "GET /orders/{order_id}")]
    name: String,
    /// Whether nobody is ever blocked on it.
    never_block: bool,
    /// The limits of the plan that was asked for on this route.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Vec<PlanLimit>>,
}

/// Routes of the policy in force, in the order of their templates.
#[utoipa::path(
    get,
    path = "/v1/routes",
    tag = "plans",
    params(Asked),
    responses((status = 200, description = "Routes.", body = Routes)),
)]
pub(crate) async fn list(
    State(admin): State<Admin>,
    Params(asked): Params<Asked>,
) -> Answer<Json<Routes>> {
    let first: u32 = asked.cursor.as_deref().map_or(Ok(0), place)?;
    let limit = usize::try_from(page_limit(asked.limit)?).unwrap_or(1);
    let snapshot = admin.engine().snapshot();
    let policy = snapshot.policy();
    let plan = match &asked.plan {
        None => None,
        Some(name) => {
            let plan = policy.plan_named(name);
            Some(plan.ok_or_else(|| Problem::not_found("plan in the policy in force"))?)
        }
    };
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let mut routes = policy.routes().iter().skip(first);
    let mut page = Vec::new();
    for (id, route) in routes.by_ref().take(limit) {
        page.push(RouteShown {
            name: route.to_string(),
            never_block: route.never_block,
            limits: plan.map(|plan| limits(policy.limits(plan, id))),
        });
    }
    let next = routes.next().map(|(id, _)| id.0);
    Ok(Json(Routes {
        routes: page,
        next: next.and_then(|next| cursor(&next)),
    }))
}
