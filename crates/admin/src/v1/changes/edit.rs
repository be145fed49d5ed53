//! A change as it is sent, checked against the policy in force.

use serde::Deserialize;
use tollgate_engine::policy::{Policy, RouteMethod, Template};
use tollgate_store::{self as store, LimitName, LimitText, PlanName, RouteName, Start};
use utoipa::ToSchema;

use crate::problem::{Answer, Problem};

/// What is to be changed: one of these.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Edit {
    /// Gives a plan.
    Assign(Assign),
    /// Takes an assignment back.
    Withdraw(Withdraw),
    /// Gives a limit in place of the plan's limit of that name.
    Override(Overriding),
    /// Takes overrides of one limit back.
    Lift(Lift),
    /// Puts back what was said before the last change; undone twice, it is done again.
    Undo(Undo),
}

/// A plan for a time. Without an end it takes the place of all that began before it; with one it is laid over
/// them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assign {
    /// A plan of the policy in force.
    #[schema(min_length = 1, max_length = 64, example = "pro")]
    pub(crate) plan: String,
    /// From when, in milliseconds since 1970; at once without it.
    #[schema(maximum = 253_402_300_799_999_u64)]
    pub(crate) from_ms: Option<u64>,
    /// Until when; without an end without it.
    #[schema(maximum = 253_402_300_799_999_u64)]
    pub(crate) until_ms: Option<u64>,
}

/// An assignment to be taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdraw {
    /// Its number.
    #[schema(example = 12)]
    pub(crate) made: u64,
}

/// A limit of the holder's own for a time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OverrideAsked)]
pub(crate) struct Overriding {
    /// The limit in the policy's words.
    #[schema(max_length = 1024, example = "{name: burst, rate: 1000/s}")]
    pub(crate) limit: String,
    /// The one route of the policy in force that it is for; every route without it.
    #[schema(max_length = 1024, example = "GET /orders/{order_id}")]
    pub(crate) route: Option<String>,
    /// From when, in milliseconds since 1970; at once without it.
    #[schema(maximum = 253_402_300_799_999_u64)]
    pub(crate) from_ms: Option<u64>,
    /// Until when; without an end without it.
    #[schema(maximum = 253_402_300_799_999_u64)]
    pub(crate) until_ms: Option<u64>,
}

/// Overrides of one limit, to be taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lift {
    /// The name of the limit.
    #[schema(min_length = 1, max_length = 64, example = "burst")]
    pub(crate) limit: String,
    /// The route that they are for; without it, those for every route.
    #[schema(max_length = 1024)]
    pub(crate) route: Option<String>,
    /// Which one, by its number; all of them without it.
    pub(crate) made: Option<u64>,
}

/// Nothing more to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {}

impl Edit {
    /// As the store has it; plans and routes that are given are in the policy.
    pub(crate) fn checked(self, policy: &Policy) -> Answer<store::Edit> {
        Ok(match self {
            Edit::Assign(asked) => {
                let at = "/edit/assign/plan";
                let plan = PlanName::parse(&asked.plan).map_err(Problem::of_text(at))?;
                if policy.plan_named(plan.as_str()).is_none() {
                    let detail = "the policy in force has no plan of this name";
                    return Err(Problem::invalid(at, detail));
                }
                store::Edit::Assign {
                    plan,
                    from: start(asked.from_ms),
                    until_ms: asked.until_ms,
                }
            }
            Edit::Withdraw(Withdraw { made }) => store::Edit::Withdraw { made },
            Edit::Override(asked) => {
                let at = "/edit/override/limit";
                let limit = LimitText::parse(&asked.limit).map_err(Problem::of_text(at))?;
                let at = "/edit/override/route";
                let route = asked.route.map(|route| known_route(policy, &route, at));
                store::Edit::Override {
                    limit,
                    route: route.transpose()?,
                    from: start(asked.from_ms),
                    until_ms: asked.until_ms,
                }
            }
            Edit::Lift(asked) => {
                let at = "/edit/lift/limit";
                let limit = LimitName::parse(&asked.limit).map_err(Problem::of_text(at))?;
                // It may be one that the policy has no more: that is when it is lifted.
                let at = "/edit/lift/route";
                let route = asked.route.as_deref().map(RouteName::parse);
                store::Edit::Lift {
                    limit: limit.to_string(),
                    route: route.transpose().map_err(Problem::of_text(at))?,
                    made: asked.made,
                }
            }
            Edit::Undo(Undo {}) => store::Edit::Undo,
        })
    }
}

fn start(from_ms: Option<u64>) -> Start {
    from_ms.map_or(Start::Now, Start::AtMs)
}

/// A route under the very name that the policy has for it: by that name it is found again.
fn known_route(policy: &Policy, text: &str, at: &'static str) -> Answer<RouteName> {
    let route = RouteName::parse(text).map_err(Problem::of_text(at))?;
    if route.as_str() == "*" {
        return Ok(route);
    }
    let (method, template) = route.as_str().split_once(' ').unwrap_or_default();
    let method = match method {
        "ANY" => RouteMethod::Any,
        token => RouteMethod::Token(token.into()),
    };
    let template = Template::parse(template).ok();
    let known = template.and_then(|template| policy.routes().named(&method, &template));
    let known = known.map(|id| policy.routes().get(id).to_string());
    match known {
        Some(known) if known == route.as_str() => Ok(route),
        Some(known) => {
            let detail = format!("the policy in force calls this route `{known}`");
            Err(Problem::invalid(at, detail))
        }
        None => {
            let detail = "the policy in force has no such route";
            Err(Problem::invalid(at, detail))
        }
    }
}
