//! What the binary answers for, small: real policies put in force in a real engine, buckets as plain sums.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tollgate_admin::{
    Bucket, BucketAct, BucketChange, BucketPage, BucketsAsked, CallerTraffic, Explanation,
    LimitSource, Live, LiveError, Outcome, PlanSource, PolicyChange, PolicyInForce, PolicyVersion,
    Question, RollBack, RouteTraffic, Traffic, TrafficPoint, WeighedLimit, Who,
};
use tollgate_engine::Engine;
use tollgate_engine::policy::{Across, Limit, PlanId, Policy, RouteId, normalize};

type Key = (String, String, String);

pub(crate) struct Memory {
    engine: Arc<Engine>,
    folder: PathBuf,
    since_ms: u64,
    /// Units spent, by holder, limit and route.
    spent: Mutex<HashMap<Key, u64>>,
    /// Plans as the store would assign them, by holder.
    plans: Mutex<HashMap<String, String>>,
    /// What went through, where a test says it.
    traffic: Mutex<Option<Traffic>>,
    /// The last one is in force.
    policies: Mutex<Vec<PolicyInForce>>,
}

fn version(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

fn holder(who: &Who) -> String {
    serde_json::to_string(&who.holder).unwrap()
}

impl Memory {
    pub(crate) fn new(engine: Arc<Engine>, text: &str, folder: &Path, since_ms: u64) -> Memory {
        let policy = PolicyInForce {
            version: version(text),
            since_ms,
            by: None,
            stale: false,
            text: text.to_owned(),
        };
        Memory {
            engine,
            folder: folder.to_owned(),
            since_ms,
            spent: Mutex::default(),
            plans: Mutex::default(),
            traffic: Mutex::default(),
            policies: Mutex::new(vec![policy]),
        }
    }

    /// Spends all that `name` of the usual issuer has of a limit on every route.
    pub(crate) fn spend(&self, name: &str, limit: &str, units: u64) {
        let holder = tollgate_store::Holder::subject("https://login.example", name).unwrap();
        let holder = serde_json::to_string(&holder).unwrap();
        let snapshot = self.engine.snapshot();
        let routes = snapshot.policy().routes().iter();
        // Under no name: what all routes share.
        for route in routes
            .map(|(_, route)| route.to_string())
            .chain([String::new()])
        {
            let key = (holder.clone(), limit.to_owned(), route);
            self.spent.lock().unwrap().insert(key, units);
        }
    }

    /// As if the store had given `name` of the usual issuer a plan.
    pub(crate) fn assign(&self, name: &str, plan: &str) {
        let holder = tollgate_store::Holder::subject("https://login.example", name).unwrap();
        let holder = serde_json::to_string(&holder).unwrap();
        self.plans.lock().unwrap().insert(holder, plan.to_owned());
    }

    pub(crate) fn went_through(&self, traffic: Traffic) {
        *self.traffic.lock().unwrap() = Some(traffic);
    }

    fn plan(&self, policy: &Policy, who: Option<&Who>) -> (PlanId, PlanSource) {
        let assigned = who.and_then(|who| self.plans.lock().unwrap().get(&holder(who)).cloned());
        if let Some(plan) = assigned.and_then(|plan| policy.plan_named(&plan)) {
            return (plan, PlanSource::Subject);
        }
        let claim = who.and_then(|who| who.plan_claim.as_deref());
        match claim.and_then(|claim| policy.plan_named(claim)) {
            Some(plan) => (plan, PlanSource::Claim),
            None => (policy.default_plan(), PlanSource::Default),
        }
    }

    fn bucket(&self, who: &Who, limit: &Limit, route: &str) -> Bucket {
        let route = match limit.across {
            Across::EachRoute => Some(route.to_owned()),
            Across::AllRoutes => None,
        };
        let on = route.clone().unwrap_or_default();
        let key = (holder(who), limit.name.to_string(), on);
        let spent = self.spent.lock().unwrap().get(&key).copied();
        let capacity = limit.amount.capacity().get();
        let spent = spent.unwrap_or_default();
        Bucket {
            limit: limit.name.to_string(),
            route,
            amount: limit.amount.to_string(),
            per: limit.per.as_str().to_owned(),
            on_exceed: limit
                .quota
                .as_ref()
                .map(|rules| rules.on_exceed.as_str().to_owned()),
            capacity,
            left: capacity.saturating_sub(spent),
            next_in_ms: (spent > 0).then_some(1_000),
            full_in_ms: spent * 1_000,
        }
    }

    fn put(
        &self,
        text: &str,
        expected: Option<&str>,
        by: &str,
    ) -> Result<PolicyInForce, LiveError> {
        let mut policies = self.policies.lock().unwrap();
        let found = policies.last().unwrap().version.clone();
        if expected.is_some_and(|expected| expected != found) {
            return Err(LiveError::OtherVersion { found });
        }
        let refused = |reason: String| LiveError::Refused {
            pointer: "/text",
            reason,
        };
        let policy = Policy::parse("policy", text, &self.folder);
        let policy = policy.map_err(|errors| refused(errors.to_string()))?;
        let reloaded = self.engine.reload(policy);
        reloaded.map_err(|error| refused(error.to_string()))?;
        let now = PolicyInForce {
            version: version(text),
            since_ms: self.since_ms,
            by: Some(by.to_owned()),
            stale: false,
            text: text.to_owned(),
        };
        policies.push(now.clone());
        Ok(now)
    }
}

impl Live for Memory {
    fn buckets(&self, asked: &BucketsAsked) -> Result<BucketPage, LiveError> {
        let snapshot = self.engine.snapshot();
        let policy = snapshot.policy();
        let (plan, _) = self.plan(policy, Some(&asked.who));
        let routes: Vec<(RouteId, String)> = policy
            .routes()
            .iter()
            .map(|(id, route)| (id, route.to_string()))
            .collect();
        let position = |name: &String| {
            let found = routes.iter().position(|(_, route)| route == name);
            found.ok_or(LiveError::NotThere { what: "route" })
        };
        let after = asked.after_route.as_ref().map(position).transpose()?;
        let (mut shown, mut more) = (&routes[after.map_or(0, |after| after + 1)..], None);
        if let Some(route) = &asked.route {
            let at = position(route)?;
            shown = &routes[at..=at];
        } else if shown.len() > asked.routes_max {
            shown = &shown[..asked.routes_max];
            more = shown.last().map(|(_, route)| route.clone());
        }
        let buckets = shown.iter().flat_map(|(id, route)| {
            let limits = policy.limits(plan, *id).iter();
            limits.map(|limit| self.bucket(&asked.who, limit, route))
        });
        let mut shared = HashSet::new();
        let buckets =
            buckets.filter(|bucket| bucket.route.is_some() || shared.insert(bucket.limit.clone()));
        Ok(BucketPage {
            plan: policy.plans()[usize::from(plan.0)].name.to_string(),
            buckets: buckets.collect(),
            more_after: more,
        })
    }

    fn change_buckets(&self, change: &BucketChange) -> Result<Vec<Bucket>, LiveError> {
        let page = self.buckets(&BucketsAsked {
            who: change.who.clone(),
            route: change.route.clone(),
            after_route: None,
            routes_max: usize::MAX,
        })?;
        let is_it = |bucket: &Bucket| {
            change
                .limit
                .as_ref()
                .is_none_or(|name| *name == bucket.limit)
        };
        let mut buckets: Vec<Bucket> = page.buckets.into_iter().filter(is_it).collect();
        if buckets.is_empty() {
            return Err(LiveError::NotThere { what: "limit" });
        }
        for bucket in &mut buckets {
            let route = bucket.route.clone().unwrap_or_default();
            let key = (holder(&change.who), bucket.limit.clone(), route);
            bucket.left = match change.act {
                BucketAct::Reset {} => bucket.capacity,
                BucketAct::Grant { units } => {
                    bucket.left.saturating_add(units).min(bucket.capacity)
                }
            };
            let spent = bucket.capacity - bucket.left;
            self.spent.lock().unwrap().insert(key, spent);
            bucket.full_in_ms = spent * 1_000;
            bucket.next_in_ms = (spent > 0).then_some(1_000);
        }
        Ok(buckets)
    }

    fn explain(&self, question: &Question) -> Result<Explanation, LiveError> {
        let snapshot = self.engine.snapshot();
        let policy = snapshot.policy();
        let (plan, plan_from) = self.plan(policy, question.who.as_ref());
        let path = normalize(&question.path);
        let route = path.as_ref().map_or(RouteId::UNMATCHED, |path| {
            policy.routes().classify(&question.method, path)
        });
        let name = policy.routes().get(route).to_string();
        let weigh = |limit: &Limit| {
            let bucket = question
                .who
                .as_ref()
                .map(|who| self.bucket(who, limit, &name));
            let left = bucket.map_or(limit.amount.capacity().get(), |bucket| bucket.left);
            WeighedLimit {
                limit: limit.name.to_string(),
                amount: limit.amount.to_string(),
                per: limit.per.as_str().to_owned(),
                mode: limit.mode.as_str().to_owned(),
                on_exceed: None,
                from: LimitSource::Plan,
                cost: limit.cost.get(),
                left,
                admits: left >= limit.cost.get(),
                free_in_ms: (left < limit.cost.get()).then_some(1_000),
            }
        };
        let limits: Vec<_> = policy.limits(plan, route).iter().map(weigh).collect();
        let admits = limits.iter().all(|limit| limit.admits);
        Ok(Explanation {
            outcome: match (&path, &question.who) {
                (Err(_), _) => Outcome::BadRequest,
                (_, None) => Outcome::Unauthenticated,
                _ if admits => Outcome::Admitted,
                _ => Outcome::Limited,
            },
            route: name,
            never_block: policy.routes().get(route).never_block,
            plan: Some(policy.plans()[usize::from(plan.0)].name.to_string()),
            plan_from,
            free_in_ms: (!admits).then_some(1_000),
            limits,
        })
    }

    fn traffic(&self) -> Traffic {
        if let Some(traffic) = self.traffic.lock().unwrap().clone() {
            return traffic;
        }
        let point = TrafficPoint {
            at_ms: self.since_ms,
            length_ms: 10_000,
            admitted: 3,
            limited: 1,
            refused: 0,
        };
        let route = RouteTraffic {
            route: "GET /orders".to_owned(),
            admitted: 3,
            limited: 1,
        };
        let caller = CallerTraffic {
            issuer: Some("https://login.example".to_owned()),
            subject: Some("alice".to_owned()),
            account: None,
            plan_claim: None,
            plan: "free".to_owned(),
            route: route.route.clone(),
            admitted: 3,
            limited: 1,
        };
        Traffic {
            series: vec![point],
            as_of_ms: self.since_ms,
            window_s: 60,
            routes: vec![route],
            callers: vec![caller],
        }
    }

    fn policy(&self) -> Result<PolicyInForce, LiveError> {
        Ok(self.policies.lock().unwrap().last().unwrap().clone())
    }

    fn policy_folder(&self) -> PathBuf {
        self.folder.clone()
    }

    fn policy_versions(&self) -> Result<Vec<PolicyVersion>, LiveError> {
        let policies = self.policies.lock().unwrap();
        let version = |policy: &PolicyInForce| PolicyVersion {
            version: policy.version.clone(),
            since_ms: policy.since_ms,
            by: policy.by.clone(),
        };
        Ok(policies.iter().rev().map(version).collect())
    }

    fn apply(&self, change: &PolicyChange) -> Result<PolicyInForce, LiveError> {
        self.put(&change.text, change.expected.as_deref(), &change.by)
    }

    fn roll_back(&self, change: &RollBack) -> Result<PolicyInForce, LiveError> {
        let policies = self.policies.lock().unwrap();
        let found = policies.iter().find(|policy| policy.version == change.to);
        let text = found.map(|policy| policy.text.clone());
        drop(policies);
        let text = text.ok_or(LiveError::NotThere { what: "version" })?;
        self.put(&text, change.expected.as_deref(), &change.by)
    }
}
