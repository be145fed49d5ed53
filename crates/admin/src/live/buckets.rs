//! The buckets of one caller: what is asked, what is changed, what they hold.

use serde::{Deserialize, Serialize};
use tollgate_store::Holder;
use utoipa::ToSchema;

/// A caller, as far as limits tell callers apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// A subject, or an account as a whole.
    pub holder: Holder,
    /// The account of a subject, as its tokens say it: it may have a plan, limits and buckets of its own.
    pub account: Option<String>,
    /// The plan that the subject's tokens name.
    pub plan_claim: Option<String>,
}

/// Which buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketsAsked {
    /// Whose.
    pub who: Who,
    /// Those of one route; `None`: of all of them.
    pub route: Option<String>,
    /// Only those after this route, in the order of the policy.
    pub after_route: Option<String>,
    /// At most of so many routes.
    pub routes_max: usize,
}

/// Buckets of some routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPage {
    /// The plan that decides.
    pub plan: String,
    /// The buckets, in the order of routes.
    pub buckets: Vec<Bucket>,
    /// The last route of them, if there are more after it.
    pub more_after: Option<String>,
}

/// What one limit has left for one caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bucket {
    /// The limit's name.
    #[schema(example = "burst")]
    pub limit: String,
    /// The route that it is counted on; none where all routes share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "GET /orders/{order_id}")]
    pub route: Option<String>,
    /// What it admits.
    #[schema(example = "100/s burst 200")]
    pub amount: String,
    /// Whose requests share it: `user`, `account`, `network` or `global`.
    #[schema(example = "user")]
    pub per: String,
    /// Of a quota: what happens beyond it, `notify`, `throttle` or `block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "block")]
    pub on_exceed: Option<String>,
    /// The most that can be there.
    #[schema(example = 200)]
    pub capacity: u64,
    /// What is there now.
    #[schema(example = 198)]
    pub left: u64,
    /// How long until one more is there, in milliseconds; none when it is full, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 10)]
    pub next_in_ms: Option<u64>,
    /// How long until it is full if nothing more is spent, in milliseconds.
    #[schema(example = 20)]
    pub full_in_ms: u64,
}

/// What is to become of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BucketAct {
    /// They are full again.
    Reset {},
    /// Units are given back or given in advance; a bucket holds at most its capacity.
    Grant {
        /// How many, 1 to 2^32.
        #[schema(minimum = 1, maximum = 4_294_967_296_u64, example = 100)]
        units: u64,
    },
}

/// A change of buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketChange {
    /// Whose.
    pub who: Who,
    /// The limit by its name; `None`: all limits.
    pub limit: Option<String>,
    /// The route; `None`: every route.
    pub route: Option<String>,
    /// What to do.
    pub act: BucketAct,
    /// What makes a change that is sent again happen once, in the store too; `None`: nothing does.
    pub once: Option<String>,
}
