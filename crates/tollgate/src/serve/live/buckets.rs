//! The buckets of one caller: what is left, and giving back.

use std::collections::HashSet;
use std::sync::Arc;

use tollgate_admin::{Bucket, BucketAct, BucketChange, BucketPage, BucketsAsked, LiveError, Who};
use tollgate_engine::{CountedLimit, GiveBack, Inspected, LimitState, User};
use tollgate_limiter::Now;
use tollgate_policy::{Per, Policy, RouteId};
use tollgate_store::{Count, HolderKind};

use super::GatewayLive;
use super::explain::ceil_ms;
use crate::stored_quotas::{counter_of, recall};

/// A limit that all routes share is one bucket: it is shown once, at its first route.
#[derive(Default)]
struct Shown(HashSet<(Arc<str>, Per)>);

impl GatewayLive {
    pub(super) fn look_at_buckets(&self, asked: &BucketsAsked) -> Result<BucketPage, LiveError> {
        let now = self.clock.now();
        let user = self.user(&asked.who);
        let snapshot = self.engine.snapshot();
        let policy = snapshot.policy();
        let only = place(policy, asked.route.as_deref())?;
        let after = place(policy, asked.after_route.as_deref())?;
        let mut page = BucketPage {
            plan: String::new(),
            buckets: Vec::new(),
            more_after: None,
        };
        let mut shown = Shown::default();
        let mut routes_shown = 0;
        let counts = self.counts(&user, now);
        for (place, (route, name)) in policy.routes().iter().enumerate() {
            if only.is_some_and(|only| only != place) {
                continue;
            }
            if routes_shown == asked.routes_max {
                break;
            }
            let found = self.look(&user, route, &counts, now);
            if page.plan.is_empty() {
                found
                    .decision
                    .plan_name()
                    .unwrap_or_default()
                    .clone_into(&mut page.plan);
            }
            let is_before = after.is_some_and(|after| place <= after);
            let route_name = name.to_string();
            for state in found
                .left
                .iter()
                .filter(|state| is_of(&asked.who, state.limit))
            {
                if shown.is_new(state.limit) && !is_before {
                    page.buckets.push(bucket(state, &route_name));
                }
            }
            if !is_before {
                routes_shown += 1;
                page.more_after = Some(route_name);
            }
        }
        let last = policy
            .routes()
            .iter()
            .last()
            .map(|(_, route)| route.to_string());
        if only.is_some() || page.more_after == last {
            page.more_after = None;
        }
        Ok(page)
    }

    pub(super) fn give_back(&self, change: &BucketChange) -> Result<Vec<Bucket>, LiveError> {
        let now = self.clock.now();
        let user = self.user(&change.who);
        let snapshot = self.engine.snapshot();
        let policy = snapshot.policy();
        let only = place(policy, change.route.as_deref())?;
        let mut shown = Shown::default();
        let mut buckets = Vec::new();
        let counts = self.counts(&user, now);
        // All are looked at first: what the store has counted of a bucket that two routes share is taken over
        // before something of it is given back, and not once more behind it.
        let routes = policy.routes().iter().enumerate();
        let routes = routes.filter(|(place, _)| only.is_none_or(|only| only == *place));
        let found: Vec<(String, Inspected)> = routes
            .map(|(_, (route, name))| (name.to_string(), self.look(&user, route, &counts, now)))
            .collect();
        for (route, found) in &found {
            self.give_back_on((change, route), found, &mut shown, &mut buckets)?;
        }
        match buckets.is_empty() {
            true => Err(LiveError::NotThere { what: "limit" }),
            false => Ok(buckets),
        }
    }

    /// What a user has left on a route, with what the store has counted.
    fn look(&self, user: &Arc<User>, route: RouteId, counts: &[Count], now: Now) -> Inspected {
        let found = self.engine.inspect_route(user, route, now);
        if counts.is_empty() {
            return found;
        }
        recall(&self.engine, &found, counts, now);
        self.engine.inspect_route(user, route, now)
    }

    fn give_back_on(
        &self,
        (change, route): (&BucketChange, &str),
        found: &Inspected,
        shown: &mut Shown,
        buckets: &mut Vec<Bucket>,
    ) -> Result<(), LiveError> {
        let what = match change.act {
            BucketAct::Reset {} => GiveBack::All,
            BucketAct::Grant { units } => GiveBack::Units(units),
        };
        let wanted = |limit: &CountedLimit| {
            let name = change.limit.as_deref();
            is_of(&change.who, limit) && name.is_none_or(|name| *name == *limit.name)
        };
        for state in found.left.iter().filter(|state| wanted(state.limit)) {
            if shown.is_new(state.limit) {
                self.give_back_stored(found, state.limit, what)?;
                let reading = self.engine.give_back(found, state.limit, what);
                buckets.push(bucket(LimitState { reading, ..state }, route));
            }
        }
        Ok(())
    }

    /// Of a quota that the store counts it is taken off there first: all instances see it.
    fn give_back_stored(
        &self,
        found: &Inspected,
        limit: &CountedLimit,
        what: GiveBack,
    ) -> Result<(), LiveError> {
        let (Some(store), Some(counter)) = (self.store(), counter_of(found, limit)) else {
            return Ok(());
        };
        let units = match what {
            GiveBack::All => u64::MAX,
            GiveBack::Units(units) => units,
        };
        let given = self.runtime.block_on(store.give_back(&counter, units));
        given.map(drop).map_err(|error| LiveError::Failed {
            reason: format!("a quota was not given back: {error}"),
        })
    }
}

impl Shown {
    fn is_new(&mut self, limit: &CountedLimit) -> bool {
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

fn bucket(state: LimitState<'_>, route: &str) -> Bucket {
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
fn place(policy: &Policy, name: Option<&str>) -> Result<Option<usize>, LiveError> {
    let Some(name) = name else { return Ok(None) };
    let mut routes = policy.routes().iter();
    let found = routes.position(|(_, route)| route.to_string() == name);
    found.map(Some).ok_or(LiveError::NotThere { what: "route" })
}
