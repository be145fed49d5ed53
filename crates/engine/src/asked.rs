//! How a frontend is asked that does not forward the request itself, as an authorizer is not.

use std::sync::Arc;

use http::{HeaderMap, Method};
use tollgate_identity::User;
use tollgate_policy::{RouteId, RouteMethod, Template};

use crate::consult::Consult;
use crate::decision::{Principal, Rejection, Unauthenticated};
use crate::engine::Engine;
use crate::head::RequestHead;
use crate::identify::Identified;
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
    /// Units that it takes of each limit, where that is not what the limit says; not for
    /// [`Counting::Hits`], which says how often the limits' own are taken.
    pub cost: Option<u64>,
    /// How the request goes on to the origin.
    pub forwarding: Forwarding,
    /// Who calls, where whoever asks has verified it: no credential is looked at then. Only by the
    /// operator's word, never by that of whoever calls.
    pub caller: Option<NamedCaller<'a>>,
}

/// A caller by the word of whoever asks.
#[derive(Clone, Copy, Debug)]
pub enum NamedCaller<'a> {
    /// A user.
    User {
        /// Its issuer, as credentials name it.
        issuer: &'a str,
        /// Its subject, 1 to 255 bytes.
        subject: &'a str,
        /// Its account, if it has one.
        account: Option<&'a str>,
        /// What its credential says of its plan.
        plan: Option<&'a str>,
    },
    /// Nobody known: the network of the request's peer.
    Nobody,
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
    /// As [`Counting::Look`], but the budgets of its network are charged: for what is answered to a
    /// caller whom nobody knows yet, and not forwarded.
    Budgets,
    /// As [`Counting::Charge`], so many times over; nothing is charged for none, and what one request
    /// more would meet is looked at. Limits on requests under way count nothing: of a request that is
    /// asked about nobody says when it ends.
    Hits(u64),
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
    /// All as it was sent, by whoever has no answers of ours to give: Tollgate's own paths are any path.
    WithoutAnswers,
}

// === impl Asked ===

impl Asked<'_> {
    /// Whether Tollgate's own paths are answered here. Who has no answers of ours to give forwards them like
    /// any other path.
    pub(crate) fn answers_own(self) -> bool {
        self.forwarding != Forwarding::WithoutAnswers
    }

    /// A budget, where it is charged at all.
    pub(crate) fn counted<T>(self, budget: Option<T>) -> Option<T> {
        let is_looking = matches!(self.counting, Counting::Look | Counting::Nothing);
        budget.filter(|_| !is_looking)
    }
}

impl Counting {
    /// How limits are consulted, if they are.
    pub(crate) fn consult(self, cost: Option<u64>) -> Option<Consult> {
        match self {
            Self::Charge => Some(Consult::Charge(cost)),
            Self::Hits(hits) => Some(Consult::Hits(hits)),
            Self::Look | Self::Budgets => Some(Consult::Look(cost)),
            Self::Nothing => None,
        }
    }
}

impl Engine {
    /// A caller by its names, with the plan that they give it.
    pub(crate) fn identify_named(
        &self,
        snapshot: &Snapshot,
        head: &RequestHead<'_>,
        caller: NamedCaller<'_>,
    ) -> Identified {
        let NamedCaller::User {
            issuer,
            subject,
            account,
            plan,
        } = caller
        else {
            return snapshot.anonymous(head, Unauthenticated::MissingToken);
        };
        let user = User::named(&self.hash_key().0, issuer, subject, account, plan);
        let (plan, source) = snapshot.plan_of_named(&user);
        Identified::Caller(Principal::User(Arc::new(user)), plan, source)
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
