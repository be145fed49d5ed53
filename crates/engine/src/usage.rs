//! What callers used since it was last asked, for meters and for counts that outlive the process.
//!
//! Every decision that consults limits adds to one row: caller, route, plan, policy and minute. Whoever
//! keeps such things takes the rows away from time to time ([`Engine::take_usage`]), so that no request
//! waits for a store. Rows have a bound; what finds no row is counted as left out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tollgate_identity::{PrincipalKey, User};
use tollgate_limiter::{Calendar, Limit, Now, Period, Reading, Spent};
use tollgate_policy::{PlanId, RouteId};

use crate::decision::{Decision, Principal, Verdict};
use crate::engine::Engine;
use crate::limits::{CountedLimit, PrincipalKeys, RouteLimits};
use crate::snapshot::Snapshot;

/// Shards, so that two threads seldom want one lock; a power of two.
const SHARDS: usize = 64;

/// Rows since they were last taken.
///
/// State: written by every decision under its shard's lock, emptied by [`Engine::take_usage`].
#[derive(Debug)]
pub(crate) struct Usage {
    shards: Box<[Mutex<HashMap<Key, Used>>]>,
    rows_per_shard: usize,
    begun: AtomicU64,
    left_out: AtomicU64,
}

/// What tells rows apart. A policy, and a list of limits, are known by their place in memory, which a row
/// keeps taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    caller: PrincipalKey,
    route: RouteId,
    plan: PlanId,
    policy: usize,
    /// The limits that were consulted, by their place in memory: an override makes another row.
    list: usize,
    /// As the request was asked to cost.
    cost: Option<u64>,
    minute: u64,
}

/// What one caller used on one route under one plan within a minute.
#[derive(Debug, Clone)]
pub struct Used {
    /// The place of this row among all, in the order in which they were begun.
    pub order: u64,
    /// Who; `None` for all anonymous callers together.
    pub user: Option<Arc<User>>,
    /// The policy that decided.
    pub snapshot: Arc<Snapshot>,
    /// Which endpoint.
    pub route: RouteId,
    /// The plan that was in force.
    pub plan: PlanId,
    /// When, in minutes since 1970.
    pub minute: u64,
    /// Requests that were let through.
    pub admitted: u64,
    /// Requests that a limit refused.
    pub limited: u64,
    /// Units that the admitted ones cost: each the most of what its limits say, or one.
    pub units: u64,
    /// Bytes of bodies that were sent back.
    pub response_bytes: u64,
    cost: Option<u64>,
    list: Option<Arc<RouteLimits>>,
}

/// Units that count against one quota.
#[derive(Debug, Clone, Copy)]
pub struct QuotaUsed<'a> {
    used: &'a Used,
    /// The quota, or a user's share of it.
    pub limit: &'a CountedLimit,
    /// How many.
    pub units: u64,
}

// === impl Usage ===

impl Usage {
    pub(crate) fn new(rows_max: NonZeroUsize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            rows_per_shard: rows_max.get().div_ceil(SHARDS),
            begun: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Counts a decision by its limits: what it admitted, or that it refused.
    pub(crate) fn count(&self, decision: &Decision, hits: u64) {
        self.with_row(decision, |row| match decision.verdict {
            Verdict::Allow => row.admit(hits),
            Verdict::Limit { .. } => row.limited += 1,
            _ => {}
        });
    }

    fn with_row(&self, decision: &Decision, change: impl FnOnce(&mut Used)) {
        let Some(plan) = decision.plan else { return };
        let (caller, user) = match &decision.principal {
            Principal::User(user) => (user.key, Some(user)),
            Principal::Anonymous(_) | Principal::Unknown => (PrincipalKey(0), None),
        };
        let list = decision.limits.list();
        let key = Key {
            caller,
            route: decision.route,
            plan,
            policy: Arc::as_ptr(&decision.snapshot).addr(),
            list: list.map_or(0, |list| Arc::as_ptr(list).addr()),
            cost: decision.cost,
            minute: decision.now.unix_ms / 60_000,
        };
        let shard = (caller.0 % SHARDS as u128) as usize ^ (key.route.0 as usize % SHARDS);
        let mut rows = self.shards[shard].lock();
        let is_full = rows.len() >= self.rows_per_shard;
        match rows.entry(key) {
            Entry::Occupied(mut row) => change(row.get_mut()),
            Entry::Vacant(_) if is_full => {
                self.left_out.fetch_add(1, Ordering::Relaxed);
            }
            Entry::Vacant(free) => change(free.insert(Used {
                order: self.begun.fetch_add(1, Ordering::Relaxed),
                user: user.cloned(),
                snapshot: Arc::clone(&decision.snapshot),
                route: key.route,
                plan,
                minute: key.minute,
                admitted: 0,
                limited: 0,
                units: 0,
                response_bytes: 0,
                cost: key.cost,
                list: list.cloned(),
            })),
        }
    }

    fn take(&self, rows: &mut Vec<Used>) {
        for shard in &self.shards {
            let taken = std::mem::take(&mut *shard.lock());
            rows.extend(taken.into_values());
        }
    }
}

// === impl Used ===

impl Used {
    /// Of a caller who was looked at: nothing, yet its quotas.
    pub(crate) fn nothing(decision: &Decision, list: Option<&Arc<RouteLimits>>) -> Option<Self> {
        let Principal::User(user) = &decision.principal else {
            return None;
        };
        Some(Self {
            order: 0,
            user: Some(Arc::clone(user)),
            snapshot: Arc::clone(&decision.snapshot),
            route: decision.route,
            plan: decision.plan?,
            minute: decision.now.unix_ms / 60_000,
            admitted: 0,
            limited: 0,
            units: 0,
            response_bytes: 0,
            cost: None,
            list: list.cloned(),
        })
    }

    fn admit(&mut self, hits: u64) {
        self.admitted = self.admitted.saturating_add(hits);
        let limits = self.list.iter().flat_map(|list| list.limits.iter());
        let costs = limits.filter(|limit| !limit.is_throttle());
        let most = costs.map(|limit| self.cost.unwrap_or(limit.cost)).max();
        let units = most.unwrap_or(1).saturating_mul(hits);
        self.units = self.units.saturating_add(units);
    }

    /// What counts against quotas of an hour and longer, of this user or its account. Nothing of what was
    /// refused, and that stands here too: whoever is refused here may have been given something elsewhere.
    pub fn quotas(&self) -> impl Iterator<Item = QuotaUsed<'_>> {
        let list = self.list.iter().filter(|_| self.user.is_some());
        let quotas = list.flat_map(|list| list.limits.iter().filter(|limit| limit.is_long_quota()));
        quotas.map(|limit| QuotaUsed {
            used: self,
            limit,
            units: self
                .cost
                .unwrap_or(limit.cost)
                .saturating_mul(self.admitted),
        })
    }
}

// === impl QuotaUsed ===

impl<'a> QuotaUsed<'a> {
    /// The period that it counts in: its first minute since 1970, and the first after it.
    #[must_use]
    pub fn period(&self) -> (u64, u64) {
        match self.limit.counted.limit() {
            Limit::Quota(quota) => quota
                .calendar()
                .map_or((0, 0), |calendar| calendar.period_at(self.used.minute * 60)),
            _ => (0, 0),
        }
    }

    /// Whose quota it is beside the user's: the account that all its users share it in.
    #[must_use]
    pub fn account(&self) -> Option<&'a str> {
        let user = self.used.user.as_deref()?;
        self.limit
            .is_per_account()
            .then_some(user.account.as_deref())?
    }

    /// The name of the one route that it counts on; `None` for all together.
    #[must_use]
    pub fn route(&self) -> Option<&'a str> {
        let names = &self.used.snapshot.route_names;
        let name = || &*names[self.used.route.0 as usize];
        self.limit.is_by_route().then(name)
    }
}

// === impl Engine ===

impl Engine {
    /// Takes away what callers used since this was last called. Empty where nobody wanted it
    /// ([`crate::EngineOptions::usage_rows`]).
    #[must_use]
    pub fn take_usage(&self) -> Vec<Used> {
        let mut rows = Vec::new();
        if let Some(usage) = self.usage() {
            usage.take(&mut rows);
        }
        rows
    }

    /// How many decisions found no room in the rows.
    #[must_use]
    pub fn usage_left_out(&self) -> u64 {
        let usage = self.usage();
        usage.map_or(0, |usage| usage.left_out.load(Ordering::Relaxed))
    }

    /// Adds the bytes that a decided request was answered with.
    pub fn add_bytes(&self, decision: &Decision, response_bytes: u64) {
        if let (Some(usage), 1..) = (self.usage(), response_bytes) {
            usage.with_row(decision, |row| row.response_bytes += response_bytes);
        }
    }

    /// Takes over what this and all other processes have counted of a quota. Returns what the quota's bucket
    /// holds then; `None` where the period that it was counted in is over, which says nothing of the one that
    /// came after it.
    pub fn recall_quota(&self, used: &QuotaUsed<'_>, spent: Spent, now: Now) -> Option<Reading> {
        let Limit::Quota(quota) = used.limit.counted.limit() else {
            return None;
        };
        if quota.calendar()?.period_at(now.unix_s()) != used.period() {
            return None;
        }
        let user = used.used.user.as_ref()?;
        let keys = PrincipalKeys::of(&Principal::User(Arc::clone(user)), PrincipalKey(0));
        let snapshot = &used.used.snapshot;
        let route_key = snapshot.route_keys[used.used.route.0 as usize];
        let check = used.limit.check(&keys, route_key, 0, false);
        Some(self.table().recall(now, check, spent))
    }
}

/// Of a calendar whose counts are worth to outlive a process.
pub(crate) fn is_long(calendar: &Calendar) -> bool {
    calendar.period() != Period::Minute
}
