//! Limits as rates that are divided among those who enforce them by themselves, and report afterwards
//! what they let through.

use std::sync::Arc;

use tollgate_limiter::{Charged, Limit, Nanos, Now};

use crate::asked::{Asked, Counting};
use crate::consult::Consult;
use crate::decision::{Decision, Verdict};
use crate::descriptors::Descriptor;
use crate::engine::Engine;
use crate::head::RequestHead;
use crate::limits::{CountedLimit, PrincipalKeys, RouteLimits};

/// What may be divided among all who ask about one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisible {
    /// No limit: each may let through what it likes.
    Everything,
    /// Nothing, now: who calls is refused, or a quota is used up.
    Nothing,
    /// A rate, for all of them together.
    Rate(DividedRate),
}

/// A rate, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DividedRate {
    /// The bucket, in this process.
    pub bucket: u64,
    /// Units a second, in millionths; at least 1.
    pub micro_per_s: u64,
    /// Units that one request costs: a bucket may be one of several costs.
    pub cost: u64,
    /// Requests at once.
    pub burst: u64,
}

const MICRO: u64 = 1_000_000;

impl Engine {
    /// What of a caller's limits on a route may be divided. `used` requests were let through since the
    /// last time, and are charged to its quotas, admitted or not.
    ///
    /// Of several limits the one of the lowest rate is divided: it holds the others of the same caller.
    /// Limits on requests under way are none here.
    #[must_use]
    pub fn divisible(
        &self,
        head: &RequestHead<'_>,
        asked: Asked<'_>,
        used: u64,
        now: Now,
    ) -> Divisible {
        let asked = Asked {
            counting: Counting::Nothing,
            ..asked
        };
        let mut decision = self.decide_final_as(head, asked, now);
        let passes = matches!(decision.verdict, Verdict::Allow | Verdict::Own(_));
        let Some(plan) = decision.plan.filter(|_| passes) else {
            return Divisible::Nothing;
        };
        let snapshot = Arc::clone(&decision.snapshot);
        let (route, principal) = (decision.route, &decision.principal);
        let standing = snapshot.standing(self.standings(), principal, route, now);
        let list = self.limits_of(&snapshot, plan, route, &standing.limits);
        let keys = self.network_keys(&decision, head, true);
        let route_key = snapshot.route_keys[route.0 as usize];
        self.charge_quotas(&list, &keys, route_key, used, now);
        let look = Consult::Look(None);
        decision.limits = self.consult(&snapshot, list, route, &keys, look, now).0;
        if let (Some(usage), 1..) = (self.usage(), used) {
            usage.count(&decision, used);
        }
        let bucket = |limit: &CountedLimit| limit.check(&keys, route_key, 0, false).key.0;
        divided(&decision, bucket)
    }

    fn charge_quotas(
        &self,
        list: &RouteLimits,
        keys: &PrincipalKeys,
        route_key: u64,
        used: u64,
        now: Now,
    ) {
        let is_quota = |limit: &&CountedLimit| matches!(limit.counted.limit(), Limit::Quota(_));
        for limit in list.limits.iter().filter(is_quota).filter(|_| used > 0) {
            let charged = Charged {
                at: now,
                cost: 0,
                overflowed: false,
            };
            let check = limit.check(keys, route_key, 0, false);
            let units = used.saturating_mul(limit.cost);
            self.table().settle(now, check, charged, units);
        }
    }

    /// As [`Engine::divisible`], of a descriptor that rules count. It has no quotas: nothing is charged.
    #[must_use]
    pub fn divisible_descriptor(&self, domain: &str, descriptor: &Descriptor<'_>) -> Divisible {
        let snapshot = self.snapshot();
        let counting = (self.hash_key(), &**self.table());
        let matched = snapshot.domains.find(domain, descriptor, counting);
        let limit = matched.limit.filter(|limit| limit.is_enforced());
        let Some(amount) = limit.and_then(|limit| limit.amount) else {
            return Divisible::Everything;
        };
        let Some(key) = matched.key.filter(|_| amount.requests > 0) else {
            return Divisible::Nothing;
        };
        let requests = u64::from(amount.requests);
        Divisible::Rate(DividedRate {
            bucket: key.0,
            micro_per_s: (requests * MICRO / u64::from(amount.unit.seconds())).max(1),
            cost: 1,
            burst: requests,
        })
    }
}

fn divided(decision: &Decision, bucket: impl Fn(&CountedLimit) -> u64) -> Divisible {
    let mut lowest: Option<DividedRate> = None;
    for state in decision.limits.binding() {
        let limit = state.limit;
        let rate = match limit.counted.limit() {
            Limit::Quota(_) if !state.reading.admitted() => return Divisible::Nothing,
            Limit::Rate(rate) => per_second(1, rate.interval()),
            Limit::Window(window) => per_second(window.max(), window.length()),
            Limit::Quota(_) | Limit::Concurrency(_) => continue,
        };
        let rate = DividedRate {
            bucket: bucket(limit),
            micro_per_s: rate,
            cost: limit.cost.max(1),
            burst: (limit.capacity() / limit.cost.max(1)).max(1),
        };
        if lowest.is_none_or(|lowest| rate.requests() < lowest.requests()) {
            lowest = Some(rate);
        }
    }
    lowest.map_or(Divisible::Everything, Divisible::Rate)
}

impl DividedRate {
    /// Requests a second, in millionths.
    fn requests(&self) -> u64 {
        self.micro_per_s / self.cost.max(1)
    }
}

/// Units a second, in millionths, of so many in a span.
fn per_second(units: u64, span: Nanos) -> u64 {
    let rate = u128::from(units) * 1_000_000_000 * u128::from(MICRO) / u128::from(span.0.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::path::Path;

    use http::{HeaderMap, Method};
    use tollgate_policy::Policy;

    use super::*;
    use crate::asked::NamedCaller;
    use crate::engine::EngineOptions;

    fn divisible(engine: &Engine, plan: &str, used: u64) -> Divisible {
        let headers = HeaderMap::new();
        let head = RequestHead {
            method: &Method::GET,
            path: "/a",
            query: None,
            headers: &headers,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            certificate: None,
        };
        let asked = Asked {
            caller: Some(NamedCaller::User {
                issuer: "i",
                subject: plan,
                account: None,
                plan: Some(plan),
            }),
            ..Asked::default()
        };
        engine.divisible(&head, asked, used, Now::default())
    }

    #[test]
    fn the_lowest_rate_is_divided_and_quotas_are_charged_by_what_is_reported() {
        let text = "tollgate: 1\norigin: http://127.0.0.1:9\nidentity: {anonymous: {plan: free}}
plans:
  free: {}
  slow: {limits: [{name: b, rate: 100/s, burst: 200}, {name: m, window: 120/min}, {name: c, concurrency: 1}]}
  costly: {limits: [{name: b, rate: 100/s, burst: 200, cost: 10}]}
  paid: {limits: [{name: day, quota: 50/day, on_exceed: block}]}
";
        let policy = Policy::parse("p.yaml", text, Path::new(".")).unwrap();
        let engine = Engine::new(policy, EngineOptions::default()).unwrap();
        let rate = |divisible| match divisible {
            Divisible::Rate(rate) => (rate.requests(), rate.burst),
            other => panic!("{other:?}"),
        };
        assert_eq!(divisible(&engine, "free", 9), Divisible::Everything);
        assert_eq!(rate(divisible(&engine, "slow", 0)), (2_000_000, 120));
        assert_eq!(rate(divisible(&engine, "costly", 0)), (10_000_000, 20));
        assert_eq!(divisible(&engine, "paid", 49), Divisible::Everything);
        assert_eq!(divisible(&engine, "paid", 30), Divisible::Nothing);
    }
}
