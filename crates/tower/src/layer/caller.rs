//! Who calls, for the handlers behind the layer.

use std::fmt;
use std::sync::Arc;

use tollgate_engine::limiter::Lease;
use tollgate_engine::policy::{PlanId, RouteId};
use tollgate_engine::{Decision, Principal, Snapshot, User};

/// The verified caller of a request, from its extensions.
///
/// What it says was verified, or is the policy's: nothing of it is as the client wrote it.
#[derive(Clone)]
pub struct Caller {
    principal: Principal,
    plan: Option<PlanId>,
    route: RouteId,
    snapshot: Arc<Snapshot>,
}

// === impl Caller ===

impl Caller {
    pub(super) fn of(decision: &Decision) -> Self {
        Self {
            principal: decision.principal.clone(),
            plan: decision.plan,
            route: decision.route,
            snapshot: Arc::clone(&decision.snapshot),
        }
    }

    /// Consumes the decision: only its lease is left.
    pub(super) fn from_last(decision: Decision) -> (Self, Lease) {
        let caller = Self {
            principal: decision.principal,
            plan: decision.plan,
            route: decision.route,
            snapshot: decision.snapshot,
        };
        (caller, decision.lease)
    }

    /// The verified user; `None` for anonymous callers, and for CORS preflights, which nobody is asked for.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match &self.principal {
            Principal::User(user) => Some(user),
            _ => None,
        }
    }

    /// Who issued the user's identity.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.user().map(|user| &*user.issuer)
    }

    /// The user's name at its issuer. Not for logs: those name users by [`Caller::bucket_id`].
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.user().map(|user| &*user.subject)
    }

    /// The user's account, if it has one.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.user()?.account.as_deref()
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        let plans = self.snapshot.policy().plans();
        self.plan.map(|plan| &*plans[usize::from(plan.0)].name)
    }

    /// The route of the policy, `GET /orders/{order_id}`; `*` for requests that match none.
    #[must_use]
    pub fn route(&self) -> &str {
        self.snapshot.route_name(self.route)
    }

    /// The caller's unforgeable public name on this route. Costs two HMACs.
    #[must_use]
    pub fn bucket_id(&self) -> Option<String> {
        let id = self
            .snapshot
            .bucket_id_of(&self.principal, self.plan?, self.route);
        id.map(|id| id.to_string())
    }
}

/// Shows neither subject nor account.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("is_user", &self.user().is_some())
            .field("plan", &self.plan())
            .field("route", &self.route())
            .finish_non_exhaustive()
    }
}

/// A handler asked for its [`Caller`], and is not behind the layer.
#[cfg(feature = "axum")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handler is not behind TollgateLayer")]
pub struct NoCaller;

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for NoCaller {
    fn into_response(self) -> axum::response::Response {
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        let refusal = tollgate_engine::problem(status, &self.to_string());
        refusal.map(axum::body::Body::from)
    }
}

#[cfg(feature = "axum")]
impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Caller {
    type Rejection = NoCaller;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _state: &S,
    ) -> Result<Self, NoCaller> {
        parts.extensions.get::<Self>().cloned().ok_or(NoCaller)
    }
}
