//! How a frontend is asked that does not forward the request itself, as an authorizer is not.

use std::sync::Arc;

use http::{HeaderMap, Method};
use tollgate_policy::{RouteId, RouteMethod, Template};

use crate::decision::Rejection;
use crate::path_rewrite::PathRewrite;
use crate::snapshot::Snapshot;

/// What the frontend knows beside the request, and what it is to cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The template for which whoever forwards has matched the path already. It names the route
    /// where the policy has it, whatever its parameters are called; else the path does.
    pub template: Option<&'a Template>,
    /// Whether the request is counted.
    pub counting: Counting,
    /// Units that it takes of each limit, where that is not what the limit says.
    pub cost: Option<u64>,
    /// How the request goes on to the origin.
    pub forwarding: Forwarding,
}

/// Whether a decision takes anything from anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// The limits of the caller and the budgets of its network are consulted and charged.
    #[default]
    Charge,
    /// The limits of the caller are consulted and nothing is taken of them; of budgets of its network
    /// nothing is said.
    Look,
    /// No limit is looked at: who calls, and whether its bucket id holds, is all that is decided.
    Nothing,
}

/// What whoever forwards the request can still do to it. What cannot be put right is refused with 400
/// before anything is counted: what was decided is what is forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarding {
    /// The path and the header fields as the decision says.
    #[default]
    AsDecided,
    /// The path as it was sent, the header fields as the decision says.
    PathAsSent,
    /// All as it was sent, but that [`crate::Decision::identity_fields`] are put over it.
    AsSent,
}

// === impl Asked ===

impl Asked<'_> {
    /// A budget, where it is charged at all.
    pub(crate) fn counted<T>(self, budget: Option<T>) -> Option<T> {
        budget.filter(|_| self.counting == Counting::Charge)
    }
}

// === impl Forwarding ===

impl Forwarding {
    /// Why a request cannot be forwarded so, if it cannot.
    pub(crate) fn refuses(
        self,
        path: &PathRewrite,
        headers: &HeaderMap,
        snapshot: &Snapshot,
    ) -> Option<Rejection> {
        if self != Self::AsDecided && *path != PathRewrite::AsSent {
            return Some(Rejection::Rewritten);
        }
        let claims = self == Self::AsSent && snapshot.has_foreign_claim(headers);
        claims.then_some(Rejection::Claim)
    }
}

impl Snapshot {
    /// The policy's route of a template's shape that takes a method: as for a path, `HEAD` takes the
    /// `GET` route where it has none of its own, and any method takes an `ANY` route.
    #[must_use]
    pub fn named(&self, method: &Method, template: &Template) -> Option<RouteId> {
        let routes = self.policy().routes();
        let token = |method: &str| routes.named(&RouteMethod::Token(Arc::from(method)), template);
        let head = || {
            (*method == Method::HEAD)
                .then(|| token(Method::GET.as_str()))
                .flatten()
        };
        token(method.as_str())
            .or_else(head)
            .or_else(|| routes.named(&RouteMethod::Any, template))
    }
}

#[cfg(test)]
mod tests;
