//! What is said of one holder: its plans and its limits over time.

mod edit;

use serde::{Deserialize, Serialize};

use crate::limit_text::{LimitText, RouteName};
use crate::span::{Span, in_force};
use crate::texts::{Note, PlanName};

pub(crate) use edit::Occasion;
pub use edit::{Edit, Start};

/// The most assignments that one holder has at a time, past ones that are still told apart included.
pub const ASSIGNMENTS_MAX: usize = 32;
/// The most overrides that one holder has at a time.
pub const OVERRIDES_MAX: usize = 64;

/// A plan for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The number of the change that made it: what tells a holder's assignments apart.
    pub made: u64,
    /// The plan, by name: numbers of plans change with the policy.
    pub plan: PlanName,
    /// When.
    pub span: Span,
    /// Where it comes from and why.
    pub note: Note,
}

/// A limit of the holder's own for a time, in place of its plan's limit of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The number of the change that made it.
    pub made: u64,
    /// The one route it is for; `None`: every route.
    pub route: Option<RouteName>,
    /// The limit.
    pub limit: LimitText,
    /// When.
    pub span: Span,
    /// Where it comes from and why.
    pub note: Note,
}

/// All that is said of one holder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// In the order in which they were made.
    pub(crate) assignments: Vec<Assignment>,
    /// In the order in which they were made.
    pub(crate) overrides: Vec<Override>,
}

impl Record {
    /// Plans, in the order in which they were given.
    #[must_use]
    pub fn assignments(&self) -> &[Assignment] {
        &self.assignments
    }

    /// Limits of its own, in the order in which they were given.
    #[must_use]
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assignments.is_empty() && self.overrides.is_empty()
    }

    /// The assignment in force: of those whose time it is, the one that began last, and of two that
    /// began together the one that was made last.
    #[must_use]
    pub fn plan_at(&self, at_ms: u64) -> Option<&Assignment> {
        in_force(&self.assignments, |entry| entry.span, at_ms)
    }

    /// The override in force for a limit, on one route (or, with `None`, on every route): of those
    /// whose time it is, the one that began last, as with plans.
    #[must_use]
    pub fn override_at(&self, route: Option<&str>, limit: &str, at_ms: u64) -> Option<&Override> {
        let of_both = self.overrides.iter().filter(|entry| {
            entry.route.as_ref().map(RouteName::as_str) == route && entry.limit.name() == limit
        });
        in_force(of_both, |entry| entry.span, at_ms)
    }
}
