//! What would become of one request: the question and the answer.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use super::buckets::Who;

/// A request that is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The method, as sent.
    pub method: String,
    /// The path, as sent, without a query.
    pub path: String,
    /// The verified caller; `None`: nobody.
    pub who: Option<Who>,
    /// The address that it comes from.
    pub peer: Option<IpAddr>,
    /// When, in milliseconds since 1970; `None`: now. What is left in buckets is always that of now.
    pub at_ms: Option<u64>,
}

/// What would become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// What the gateway would do.
    pub outcome: Outcome,
    /// The route; `*` if no template matches.
    #[schema(example = "GET /orders/{order_id}")]
    pub route: String,
    /// Whether nobody is ever blocked on it.
    pub never_block: bool,
    /// The plan; none where nobody is known and there is no plan for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pro")]
    pub plan: Option<String>,
    /// Why that plan.
    pub plan_from: PlanSource,
    /// All limits that would be asked.
    pub limits: Vec<WeighedLimit>,
    /// After how long it would be admitted, in milliseconds, if nothing more is spent; none when it is now, or
    /// nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 250)]
    pub free_in_ms: Option<u64>,
}

/// What the gateway would do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Let it through.
    Admitted,
    /// Answer 429.
    Limited,
    /// Answer 401: nobody is known, and there is no plan for that.
    Unauthenticated,
    /// Answer itself, for free: it is the path of callers' own limits.
    Own,
    /// Answer 400: the path could be read in two ways.
    BadRequest,
}

/// Where a plan comes from, from the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanSource {
    /// The subject's assignment in the store.
    Subject,
    /// Its account's.
    Account,
    /// The verified claim.
    Claim,
    /// The policy's plan for users who are known by a certificate.
    Certificate,
    /// Nothing else is said: the default plan.
    Default,
    /// Nobody is known: the plan of anonymous callers.
    Anonymous,
    /// There is no plan.
    None,
}

/// Where a limit comes from, from the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSource {
    /// The subject's override for the route.
    SubjectOnRoute,
    /// The subject's override for every route.
    Subject,
    /// Its account's override for the route.
    AccountOnRoute,
    /// Its account's override for every route.
    Account,
    /// The plan.
    Plan,
}

/// One limit that would be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WeighedLimit {
    /// Its name.
    #[schema(example = "burst")]
    pub limit: String,
    /// What it admits.
    #[schema(example = "100/s burst 200")]
    pub amount: String,
    /// Whose requests share it.
    #[schema(example = "user")]
    pub per: String,
    /// `enforce` or `shadow`.
    #[schema(example = "enforce")]
    pub mode: String,
    /// Of a quota: what happens beyond it, `notify`, `throttle` or `block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "block")]
    pub on_exceed: Option<String>,
    /// Where it comes from.
    pub from: LimitSource,
    /// What the request would cost.
    #[schema(example = 1)]
    pub cost: u64,
    /// What is left now.
    #[schema(example = 0)]
    pub left: u64,
    /// Whether this limit alone would let it through.
    pub admits: bool,
    /// After how long it would, in milliseconds; none when it does, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 250)]
    pub free_in_ms: Option<u64>,
}
