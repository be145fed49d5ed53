//! Consulting the limits of a caller on a route, all of them as one.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};
use tollgate_limiter::{Check, Enforcement, Lease, Now, Reading, Verdict as Count};
use tollgate_policy::{PlanId, RouteId};

use crate::consulted::{Consulted, InForce, LimitState};
use crate::decision::{Decision, Verdict};
use crate::engine::Engine;
use crate::limits::{CountedLimit, PrincipalKeys, RouteLimits};
use crate::snapshot::Snapshot;
use crate::standing::{OwnLimit, Written};

/// How limits are consulted: at a cost for each of them, or at each one's own.
#[derive(Clone, Copy)]
pub(crate) enum Consult {
    /// What they admit is counted.
    Charge(Option<u64>),
    /// What they admit is counted so many times; nothing for none.
    Hits(u64),
    /// Nothing is.
    Look(Option<u64>),
}

// === impl Consult ===

impl Consult {
    /// How many requests it stands for.
    fn hits(self) -> u64 {
        match self {
            Self::Charge(_) => 1,
            Self::Hits(hits) => hits,
            Self::Look(_) => 0,
        }
    }

    fn cost_of(self, limit: &CountedLimit) -> u64 {
        match self {
            Self::Charge(cost) | Self::Look(cost) => cost.unwrap_or(limit.cost),
            Self::Hits(_) if limit.is_of_requests_under_way() => 0,
            Self::Hits(hits) => limit.cost.saturating_mul(hits.max(1)),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// As [`Engine::count`], for callers that have the principal's keys already.
    pub(crate) fn charge(
        &self,
        decision: &mut Decision,
        keys: &PrincipalKeys,
        own: &[OwnLimit],
        asked: Consult,
    ) {
        let Some(plan) = decision.plan else { return };
        let (snapshot, route) = (&decision.snapshot, decision.route);
        let list = self.limits_of(snapshot, plan, route, own);
        decision.cost = match asked {
            Consult::Charge(cost) | Consult::Look(cost) => cost,
            Consult::Hits(_) => None,
        };
        let (limits, verdict) = self.consult(snapshot, list, route, keys, asked, decision.now);
        decision.limits = limits;
        match verdict {
            Count::Admitted(lease) => decision.lease = lease,
            Count::Refused => decision.verdict = refused(&decision.limits),
        }
        if let (Some(usage), 1..) = (self.usage(), asked.hits()) {
            usage.count(decision, asked.hits());
        }
    }

    /// The limits of one plan on one route, with a caller's own in them.
    pub(crate) fn limits_of(
        &self,
        snapshot: &Snapshot,
        plan: PlanId,
        route: RouteId,
        own: &[OwnLimit],
    ) -> Arc<RouteLimits> {
        let list = snapshot.limits.of(plan, route);
        if own.is_empty() {
            return Arc::clone(list);
        }
        let written = Written {
            plan: &snapshot.policy().plans()[usize::from(plan.0)],
            limits: snapshot.policy().limits(plan, route),
        };
        let counting = (self.hash_key(), &**self.table());
        snapshot.own_lists.with(list, written, own, counting)
    }

    /// Decides a list of limits on one route, or looks what it would decide.
    pub(crate) fn consult(
        &self,
        snapshot: &Snapshot,
        list: Arc<RouteLimits>,
        route: RouteId,
        keys: &PrincipalKeys,
        asked: Consult,
        now: Now,
    ) -> (Consulted, Count) {
        if list.limits.is_empty() {
            return (Consulted::default(), Count::Admitted(Lease::default()));
        }
        let never_block = snapshot.policy().routes().get(route).never_block;
        let route_key = snapshot.route_keys[route.0 as usize];
        let in_force = self.throttles_in_force(&list, keys, route_key, now);
        let mut checks: SmallVec<[Check<'_>; 2]> = SmallVec::with_capacity(list.limits.len());
        for (place, limit) in list.limits.iter().enumerate() {
            let mut check = limit.check(keys, route_key, asked.cost_of(limit), never_block);
            if limit.is_throttle() && !in_force.has(place) {
                check.cost = 0;
            }
            checks.push(check);
        }
        let mut readings = smallvec![Reading::default(); checks.len()];
        let verdict = match asked {
            Consult::Charge(_) | Consult::Hits(1..) => {
                self.table().decide(now, &checks, &mut readings)
            }
            Consult::Look(_) | Consult::Hits(0) => {
                match self.table().peek(now, &checks, &mut readings) {
                    true => Count::Admitted(Lease::default()),
                    false => Count::Refused,
                }
            }
        };
        drop(checks);
        (
            Consulted::new(list, readings, never_block).with_throttles(in_force),
            verdict,
        )
    }

    /// The throttles behind quotas that have no room for the next request. A look: of two requests at one
    /// time both may find the last place, and one goes beyond it.
    fn throttles_in_force(
        &self,
        list: &RouteLimits,
        keys: &PrincipalKeys,
        route_key: u64,
        now: Now,
    ) -> InForce {
        let mut in_force = InForce::default();
        if !list.throttles {
            return in_force;
        }
        for (place, throttle) in list.limits.iter().enumerate() {
            let first = place.saturating_sub(throttle.throttles);
            let quotas = list.limits[first..place].iter();
            let checks: SmallVec<[Check<'_>; 2]> = quotas
                .map(|quota| quota.check(keys, route_key, quota.cost, true))
                .collect();
            let mut readings: SmallVec<[Reading; 2]> = smallvec![Reading::default(); checks.len()];
            self.table().peek(now, &checks, &mut readings);
            if !readings.iter().all(Reading::admitted) {
                in_force.add(place);
            }
        }
        in_force
    }
}

/// Why and until when the binding limits refuse.
pub(crate) fn refused(limits: &Consulted) -> Verdict {
    let binding = |state: &LimitState<'_>| state.enforcement == Enforcement::Binding;
    let waits = limits.refusing().filter(binding);
    // One limit for which no wait is known makes the whole wait unknown.
    let waits = waits.map(|state| state.reading.retry_after());
    let retry_after = waits.reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)));
    Verdict::Limit {
        retry_after: retry_after.flatten(),
    }
}
