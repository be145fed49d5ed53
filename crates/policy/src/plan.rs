//! A plan: a named set of limits, and what its callers are told when they reach one.

use std::sync::Arc;

use crate::limit::Mode;

/// Which plan, as an index into [`crate::Policy::plans`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId(pub u16);

/// What is told to a caller of the plan; its limits come from [`crate::Policy::limits`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name, as plan claims and assignments use it.
    pub name: Arc<str>,
    /// Limit class in bucket ids: 1 to 8 of `a-z0-9`, one for each plan. Routes with limits of
    /// their own have another ([`crate::Policy::limit_class`]).
    pub class: Arc<str>,
    /// The mode that none of its limits is stricter than, the policy's included.
    pub mode: Mode,
    /// Where a customer can buy more, for the 429 answer.
    pub upgrade_url: Option<String>,
    /// Text of the `detail` member of the 429 answer.
    pub message: Option<String>,
    /// Extra header fields on this plan's 429, in the order written.
    pub headers: Vec<(String, String)>,
}
