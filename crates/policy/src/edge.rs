//! What limiters outside the process are given: bucket ids behind and before them, and passes.

use std::time::Duration;

use crate::limit::Limit;
use crate::plan::PlanId;

/// The `edge` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeConfig {
    /// Header field with a bucket id; `x-ratelimit-user-id` unless configured.
    pub id_header: String,
    /// Whether a forwarded request carries the bucket id of its user and route, for a limiter that
    /// comes after.
    pub after: bool,
    /// How users present their own ids, for a limiter that came before.
    pub before: Option<EdgeBefore>,
    /// The edge pass, if verified users get one.
    pub pass: Option<EdgePass>,
}

/// Ids that a client presents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeBefore {
    /// Where a user gets its ids; `/ratelimit-user-id` unless configured.
    pub path: String,
    /// How often a client network may ask there: 5 a second with a burst of 50 unless configured.
    pub per_network: Option<Limit>,
    /// The cookie that may hold an id instead of the header field.
    pub cookie: Option<String>,
    /// The plan of a user who presents none; without it, 403.
    pub without_id: Option<PlanId>,
    /// What the limiter counts; the id alone unless configured.
    pub count_by: CountBy,
}

/// What a limiter counts that sees an id before anybody has held it against its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// The id alone: who has copied one can use up its rate.
    Id,
    /// The id and the client's address together: a copy counts at its own address, and a user has
    /// the rate at each of its addresses.
    IdAndAddress,
}

/// A short-lived token of ours, which an edge that knows HMAC only can verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgePass {
    /// Header field of answers and requests; `x-tollgate-pass` unless configured.
    pub header: Option<String>,
    /// Cookie of answers and requests, if any.
    pub cookie: Option<String>,
    /// How long a pass is valid, and never longer than what proved the user; 5 min unless
    /// configured.
    pub lifetime: Duration,
}
