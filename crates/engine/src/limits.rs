//! Limits in the form that deciding needs: compiled once a reload, shared by every request.

mod quotas;

use std::sync::Arc;

use http::HeaderValue;
use tollgate_identity::PrincipalKey;
use tollgate_limiter::{CHECKS_MAX, CarryOver, Check, Enforcement, Partition, Registered, Table};
use tollgate_policy::{Across, Limit, Mode, OnExceed, Per, PlanId, Policy, RouteId};

use crate::amount;
use crate::decision::Principal;
use crate::error::EngineError;
use crate::keys::HashKey;

/// One limit of a plan on a route, ready to be counted.
#[derive(Debug)]
pub struct CountedLimit {
    /// The limit's name, as in the policy.
    pub name: Arc<str>,
    /// What is counted and how much of it, as the table knows it.
    pub counted: Arc<Registered>,
    /// What it admits, as the policy says it: `100/s burst 200`.
    pub amount: Box<str>,
    /// Units that one request costs.
    pub cost: u64,
    /// Its mode, with those of its plan and policy.
    pub mode: Mode,
    /// Whether it refuses or only counts.
    pub enforcement: Enforcement,
    /// Seconds of the window that headers speak of: the time to refill a burst, rounded up, or the
    /// length of a window or period. `None` for months, which have no one length, and concurrency.
    pub window_s: Option<u64>,
    /// Units that flow in that window: the `q` of RateLimit-Policy.
    pub quota: u64,
    /// Of a quota beyond which is served on: it counts and refuses nothing.
    pub serves_on: bool,
    /// Of the rate beyond a quota: how many quotas right before it in the list it is for. It is in force
    /// when one of them is used up.
    pub(crate) throttles: usize,
    /// At which shares of a quota, in percent, somebody is told; ascending.
    pub notify_at: Arc<[u32]>,
    /// What happens beyond a quota; `None` for everything else.
    pub on_exceed: Option<OnExceed>,
    /// Units of a quota beyond what callers are told of it.
    pub(crate) grace: u64,
    /// The start of the limit's item in draft-10 fields: its name in quotes.
    pub(crate) quoted: Box<str>,
    per: Per,
    across: Across,
    key: u64,
    carry: CarryOver,
}

/// The limits of one plan on one route.
#[derive(Debug)]
pub(crate) struct RouteLimits {
    pub(crate) limits: Box<[CountedLimit]>,
    pub(crate) policy_fields: PolicyFields,
    /// There is a throttle among them.
    pub(crate) throttles: bool,
    /// One of them is counted per client network.
    pub(crate) per_network: bool,
}

/// `"burst";q=200;w=2, …` of the binding limits; `None` when there are none.
#[derive(Debug)]
pub(crate) struct PolicyFields {
    pub(crate) usual: Option<HeaderValue>,
    /// While throttles are in force.
    pub(crate) throttled: Option<HeaderValue>,
}

/// For every plan and route, which list of limits is in force.
#[derive(Debug)]
pub(crate) struct LimitTable {
    lists: Vec<Arc<RouteLimits>>,
    /// `list_of[plan × routes + route]` is an index into `lists`.
    list_of: Vec<u32>,
    routes: usize,
}

/// A principal's keys, worked out once a decision.
pub(crate) struct PrincipalKeys {
    pub(crate) user: PrincipalKey,
    pub(crate) account: PrincipalKey,
    pub(crate) network: PrincipalKey,
    pub(crate) partition: Partition,
}

/// Whose limit it is: a limit of a plan never shares a bucket with one of the gateway's own, whatever
/// their names.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    Plan(&'a str),
    Gateway,
}

// === impl Owner ===

impl<'a> Owner<'a> {
    fn kind(self) -> &'static str {
        match self {
            Self::Plan(_) => "limit",
            Self::Gateway => "gateway's limit",
        }
    }

    fn plan(self) -> &'a str {
        match self {
            Self::Plan(name) => name,
            Self::Gateway => "(none)",
        }
    }
}

// === impl LimitTable ===

impl LimitTable {
    pub(crate) fn compile(
        policy: &Policy,
        hash: &HashKey,
        buckets: &Table,
    ) -> Result<Self, EngineError> {
        let routes = policy.routes().len();
        let mut table = Self {
            lists: Vec::new(),
            list_of: Vec::with_capacity(routes * policy.plans().len()),
            routes,
        };
        // Most routes of a plan share one slice in the policy: compile each slice once.
        let mut seen = std::collections::HashMap::new();
        for (index, plan) in policy.plans().iter().enumerate() {
            let plan_id = PlanId(u16::try_from(index).unwrap_or(u16::MAX));
            for (route_id, route) in policy.routes().iter() {
                let limits = policy.limits(plan_id, route_id);
                let count = limits.iter().map(Limit::consulted).sum();
                if count > CHECKS_MAX {
                    return Err(EngineError::TooManyLimits {
                        plan: plan.name.to_string(),
                        route: route.to_string(),
                        count,
                        max: CHECKS_MAX,
                    });
                }
                let list = match seen.get(&(limits.as_ptr() as usize, limits.len(), index)) {
                    Some(list) => *list,
                    None => {
                        let list = u32::try_from(table.lists.len()).unwrap_or(u32::MAX);
                        let compiled =
                            RouteLimits::new(limits, Owner::Plan(&plan.name), hash, buckets)?;
                        table.lists.push(Arc::new(compiled));
                        seen.insert((limits.as_ptr() as usize, limits.len(), index), list);
                        list
                    }
                };
                table.list_of.push(list);
            }
        }
        Ok(table)
    }

    pub(crate) fn of(&self, plan: PlanId, route: RouteId) -> &Arc<RouteLimits> {
        let cell = usize::from(plan.0) * self.routes + route.0 as usize;
        &self.lists[self.list_of[cell] as usize]
    }
}

// === impl RouteLimits ===

impl RouteLimits {
    pub(crate) fn new(
        limits: &[Limit],
        owner: Owner<'_>,
        hash: &HashKey,
        buckets: &Table,
    ) -> Result<Self, EngineError> {
        let compile = |limit: &Limit| quotas::expanded(limit, owner, hash, buckets);
        let limits: Vec<Vec<CountedLimit>> =
            limits.iter().map(compile).collect::<Result<_, _>>()?;
        let limits: Box<[CountedLimit]> = limits.into_iter().flatten().collect();
        let throttles = limits.iter().any(CountedLimit::is_throttle);
        let usual = policy_field(limits.iter().filter(|limit| !limit.is_throttle()))?;
        let throttled = match throttles {
            true => policy_field(limits.iter())?,
            false => None,
        };
        Ok(Self {
            policy_fields: PolicyFields { usual, throttled },
            per_network: limits.iter().any(|limit| limit.per == Per::Network),
            limits,
            throttles,
        })
    }
}

fn policy_field<'a>(
    limits: impl Iterator<Item = &'a CountedLimit>,
) -> Result<Option<HeaderValue>, EngineError> {
    let binding = |limit: &&CountedLimit| limit.enforcement == Enforcement::Binding;
    let items: Vec<_> = limits
        .filter(binding)
        .map(CountedLimit::policy_item)
        .collect();
    if items.is_empty() {
        return Ok(None);
    }
    let field = items.join(",");
    match HeaderValue::from_str(&field) {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(EngineError::Header(field)),
    }
}

// === impl CountedLimit ===

impl CountedLimit {
    fn new(
        limit: &Limit,
        owner: Owner<'_>,
        hash: &HashKey,
        buckets: &Table,
    ) -> Result<Self, EngineError> {
        let counted = amount::counted(&limit.amount).map_err(|source| EngineError::Limit {
            limit: limit.name.to_string(),
            plan: owner.plan().to_owned(),
            source,
        })?;
        let told = amount::told(&limit.amount, &counted);
        let kind = amount::kind(&limit.amount);
        let scope = format!("{:?}/{:?}/{kind}", limit.per, limit.across);
        Ok(Self {
            name: limit.name.clone(),
            counted: buckets.register(&counted)?,
            amount: limit.amount.to_string().into(),
            mode: limit.mode,
            cost: limit.cost.get(),
            enforcement: match limit.mode {
                Mode::Enforce => Enforcement::Binding,
                Mode::Shadow | Mode::Off => Enforcement::Shadow,
            },
            serves_on: false,
            throttles: 0,
            grace: 0,
            notify_at: [].into(),
            on_exceed: None,
            window_s: told.window_s,
            quota: told.quota,
            quoted: format!("\"{}\"", limit.name).into(),
            per: limit.per,
            across: limit.across,
            key: hash.name(&[owner.kind(), &limit.name, &scope]),
            carry: amount::carry(limit.on_change),
        })
    }

    /// Units of a full bucket: burst, window, quota or concurrency.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.counted.limit().capacity() - self.grace
    }

    /// Whether it is the rate beyond a quota.
    #[must_use]
    pub fn is_throttle(&self) -> bool {
        self.throttles > 0
    }

    pub(crate) fn is_of_requests_under_way(&self) -> bool {
        matches!(
            self.counted.limit(),
            tollgate_limiter::Limit::Concurrency(_)
        )
    }

    /// A quota of users or accounts whose periods are of an hour and longer.
    pub(crate) fn is_long_quota(&self) -> bool {
        let is_long = match self.counted.limit() {
            tollgate_limiter::Limit::Quota(quota) => {
                quota.calendar().is_some_and(crate::usage::is_long)
            }
            _ => false,
        };
        is_long && matches!(self.per, Per::User | Per::Account)
    }

    /// Whose requests share it.
    #[must_use]
    pub fn per(&self) -> Per {
        self.per
    }

    pub(crate) fn is_per_account(&self) -> bool {
        self.per == Per::Account
    }

    /// Whether each route has a bucket of its own.
    #[must_use]
    pub fn is_by_route(&self) -> bool {
        self.across == Across::EachRoute
    }

    /// Units of a quota beyond what callers are told of it, before it throttles or blocks.
    #[must_use]
    pub fn grace(&self) -> u64 {
        self.grace
    }

    /// What becomes of what was spent when the limit changes.
    #[must_use]
    pub fn carry(&self) -> CarryOver {
        self.carry
    }

    /// The limit's item in RateLimit-Policy (draft-10, section 3).
    fn policy_item(&self) -> String {
        let mut item = format!("{};q={}", self.quoted, self.quota);
        if self.is_of_requests_under_way() {
            item.push_str(";qu=\"concurrent-requests\"");
        }
        if let Some(window_s) = self.window_s {
            item.push_str(&format!(";w={window_s}"));
        }
        item
    }

    /// The check of this limit for one request. `route` is the route's key.
    pub(crate) fn check(
        &self,
        keys: &PrincipalKeys,
        route: u64,
        cost: u64,
        never_block: bool,
    ) -> Check<'_> {
        let (principal, partition) = match self.per {
            Per::User => (keys.user, keys.partition),
            Per::Account => (keys.account, keys.partition),
            Per::Network => (keys.network, Partition::Networks),
            Per::Global => (PrincipalKey(0), Partition::Users),
        };
        let route = match self.across {
            Across::EachRoute => route,
            Across::AllRoutes => 0,
        };
        Check {
            partition,
            cost,
            enforcement: self.enforcement_on(never_block),
            carry: self.carry,
            ..Check::new(HashKey::bucket(principal, route, self.key), &self.counted)
        }
    }

    /// On a route that is never blocked every limit only counts.
    pub(crate) fn enforcement_on(&self, never_block: bool) -> Enforcement {
        if never_block {
            Enforcement::Shadow
        } else {
            self.enforcement
        }
    }
}

// === impl PrincipalKeys ===

impl PrincipalKeys {
    /// Keys of a user, with those of the network that it calls from; an anonymous caller is its
    /// network, whatever a limit is counted per.
    pub(crate) fn of(principal: &Principal, network: PrincipalKey) -> Self {
        match principal {
            Principal::User(user) => Self {
                user: user.key,
                account: user.account_key,
                network,
                partition: Partition::Users,
            },
            Principal::Anonymous(_) | Principal::Unknown => Self {
                user: network,
                account: network,
                network,
                partition: Partition::Networks,
            },
        }
    }
}
