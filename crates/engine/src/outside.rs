//! What a decision says to systems outside that keep its answer: how long it holds, and names.

use tollgate_identity::{Alias, AliasOf, KeyId, Pass};
use tollgate_policy::RouteId;

use crate::decision::{Decision, Principal};
use crate::snapshot::Snapshot;

impl Snapshot {
    /// A route's name, as in the policy: `GET /orders/{order_id}`.
    #[must_use]
    pub fn route_name(&self, route: RouteId) -> &str {
        self.route_names
            .get(route.0 as usize)
            .map_or("*", |name| name)
    }

    /// Whether the ring has a key of this name.
    #[must_use]
    pub fn knows_bucket_key(&self, kid: KeyId) -> bool {
        self.ring.kids().any(|other| other == kid)
    }
}

impl Decision {
    /// The second, since 1970, from which on the user's credential is no longer accepted, leeway
    /// included; `None` for a caller who has none.
    #[must_use]
    pub fn accepted_until(&self) -> Option<u64> {
        let Principal::User(user) = &self.principal else {
            return None;
        };
        let issuers = &self.snapshot.policy().identity().issuers;
        let issuer = issuers.iter().find(|issuer| *issuer.issuer == *user.issuer);
        let leeway_s = issuer.map_or(0, |issuer| issuer.leeway.as_secs());
        Some(user.expires_unix_s.saturating_add(leeway_s))
    }

    /// A stable name of the user, for logs that others keep; `None` for a caller who is nobody, and
    /// for a key that the ring lacks. Without a `kid` it is made under the current key.
    #[must_use]
    pub fn user_alias(&self, kid: Option<KeyId>) -> Option<Alias> {
        let Principal::User(user) = &self.principal else {
            return None;
        };
        self.snapshot.ring.alias(kid, AliasOf::Principal(user))
    }

    /// The value of an API key that stands for the user in others' usage plans; as
    /// [`Decision::user_alias`].
    #[must_use]
    pub fn user_usage_key(&self, kid: Option<KeyId>) -> Option<Alias> {
        let Principal::User(user) = &self.principal else {
            return None;
        };
        self.snapshot.ring.alias(kid, AliasOf::UsageOfUser(user))
    }

    /// The value of an API key that stands for everybody on the caller's plan.
    #[must_use]
    pub fn plan_usage_key(&self, kid: Option<KeyId>) -> Option<Alias> {
        let plan = self.plan_name()?;
        self.snapshot.ring.alias(kid, AliasOf::UsageOfPlan(plan))
    }

    /// A new edge pass for the user, if the policy has passes, whether or not it holds one still: for
    /// an answer that is kept longer than a request.
    #[must_use]
    pub fn mint_pass(&self) -> Option<Pass> {
        let (Principal::User(user), Some(plan)) = (&self.principal, self.plan) else {
            return None;
        };
        let class = self.snapshot.class_of(plan);
        let minted = self.snapshot.new_pass(user, class, self.now.unix_s());
        minted.map(|(_, pass)| pass)
    }
}
