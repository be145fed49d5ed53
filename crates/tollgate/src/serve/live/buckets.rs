//! The buckets of one caller, as they are now.

use std::collections::HashSet;
use std::sync::Arc;

use tollgate_admin::{Bucket, BucketPage, BucketsAsked, LiveError, Who};
use tollgate_engine::{CountedLimit, Inspected, LimitState, Snapshot, User};
use tollgate_limiter::Now;
use tollgate_policy::{Per, Policy, RouteId};
use tollgate_store::{Count, HolderKind};

use super::GatewayLive;
use super::explain::ceil_ms;
use crate::stored_quotas::recall;

/// One caller under one policy, with what the store has counted.
pub(super) struct Caller {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) user: Arc<User>,
    pub(super) now: Now,
    counts: Vec<Count>,
}

/// A limit that all routes share is one bucket: it is there once, at its first route.
#[derive(Default)]
pub(super) struct Shown(HashSet<(Arc<str>, Per)>);

impl GatewayLive {
    pub(super) fn look_at_buckets(&self, asked: &BucketsAsked) -> Result<BucketPage, LiveError> {
        let caller = self.caller(&asked.who);
        let policy = caller.snapshot.policy();
        let only = place(policy, asked.route.as_deref())?;
        let after = place(policy, asked.after_route.as_deref())?;
        let mut page = BucketPage {
            plan: String::new(),
            buckets: Vec::new(),
            more_after: None,
        };
        let mut shown = Shown::default();
        let mut routes_shown = 0;
        for (place, (route, name)) in policy.routes().iter().enumerate() {
            if only.is_some_and(|only| only != place) {
                continue;
            }
            if routes_shown == asked.routes_max {
                // There is this one at least.
                return Ok(page);
            }
            let found = self.look(&caller, route);
            if page.plan.is_empty() {
                let plan = found.decision.plan_name();
                plan.unwrap_or_default().clone_into(&mut page.plan);
            }
            let is_before = after.is_some_and(|after| place <= after);
            let route_name = name.to_string();
            let states = found.left.iter();
            for state in states.filter(|state| is_of(&asked.who, state.limit)) {
                if shown.is_new(state.limit) && !is_before {
                    page.buckets.push(bucket(state, &route_name));
                }
            }
            if !is_before {
                routes_shown += 1;
                page.more_after = Some(route_name);
            }
        }
        page.more_after = None;
        Ok(page)
    }

    pub(super) fn caller(&self, who: &Who) -> Caller {
        let (user, now) = (self.user(who), self.clock.now());
        Caller {
            snapshot: self.engine.snapshot(),
            counts: self.counts(&user, now),
            user,
            now,
        }
    }

    /// What a caller has left on a route, with what the store has counted.
    pub(super) fn look(&self, caller: &Caller, route: RouteId) -> Inspected {
        let look = || {
            let Caller {
                snapshot,
                user,
                now,
                ..
            } = caller;
            self.engine.inspect_route(snapshot, user, route, *now)
        };
        let found = look();
        if caller.counts.is_empty() {
            return found;
        }
        let counts = &caller.counts;
        recall(&self.engine, &found, counts, &self.given_back, caller.now);
        look()
    }
}

impl Shown {
    pub(super) fn is_new(&mut self, limit: &CountedLimit) -> bool {
        limit.is_by_route() || self.0.insert((Arc::clone(&limit.name), limit.per()))
    }
}

/// An account's own buckets are those that all its users share.
fn is_of(who: &Who, limit: &CountedLimit) -> bool {
    match who.holder.kind {
        HolderKind::Account => limit.per() == Per::Account,
        HolderKind::Subject => matches!(limit.per(), Per::User | Per::Account),
    }
}

pub(super) fn bucket(state: LimitState<'_>, route: &str) -> Bucket {
    let LimitState { limit, reading, .. } = state;
    let capacity = limit.capacity();
    Bucket {
        limit: limit.name.to_string(),
        route: limit.is_by_route().then(|| route.to_owned()),
        amount: limit.amount.to_string(),
        per: limit.per().as_str().to_owned(),
        on_exceed: limit.on_exceed.map(|what| what.as_str().to_owned()),
        capacity,
        left: reading.remaining,
        next_in_ms: (reading.next.0 > 0).then(|| ceil_ms(reading.next)),
        full_in_ms: ceil_ms(reading.full),
    }
}

/// Where a route stands in the policy, if one is named.
pub(super) fn place(policy: &Policy, name: Option<&str>) -> Result<Option<usize>, LiveError> {
    let Some(name) = name else { return Ok(None) };
    let mut routes = policy.routes().iter();
    let found = routes.position(|(_, route)| route.to_string() == name);
    found.map(Some).ok_or(LiveError::NotThere { what: "route" })
}
