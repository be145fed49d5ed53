//! Giving back what one caller spent: in this process, and of long quotas in the store, for all instances.

use std::sync::Arc;

use tollgate_admin::{Bucket, BucketAct, BucketChange, LiveError};
use tollgate_engine::{CountedLimit, GiveBack, Inspected};
use tollgate_limiter::Spent;
use tollgate_policy::{Per, RouteId};
use tollgate_store::{
    Batch, BatchWriter, Count, HolderKind, Store, StoreError, UNITS_PER_BATCH_MAX,
};

use super::GatewayLive;
use super::buckets::{Caller, Shown, bucket, place};
use crate::stored_quotas::{recall_exactly, stored};

/// One bucket of which something is given back.
struct Target {
    route: RouteId,
    route_name: String,
    found: Arc<Inspected>,
    limit: Arc<str>,
}

impl GatewayLive {
    /// First the store, all or nothing, then this process, where nothing can fail.
    pub(super) fn give_back(&self, change: &BucketChange) -> Result<Vec<Bucket>, LiveError> {
        let caller = self.caller(&change.who);
        let targets = self.targets(&caller, change)?;
        let what = match change.act {
            BucketAct::Reset {} => GiveBack::All,
            BucketAct::Grant { units } => GiveBack::Units(units),
        };
        let stored = match self.store() {
            Some(store) => self.give_back_stored(&store, &caller, change, &targets, what)?,
            None => Vec::new(),
        };
        for target in &targets {
            self.give_back_here(target, &stored, what, &caller);
        }
        Ok(targets
            .iter()
            .filter_map(|target| self.left(&caller, target))
            .collect())
    }

    fn targets(&self, caller: &Caller, change: &BucketChange) -> Result<Vec<Target>, LiveError> {
        let policy = caller.snapshot.policy();
        let only = place(policy, change.route.as_deref())?;
        let mut shown = Shown::default();
        let mut targets = Vec::new();
        for (place, (route, name)) in policy.routes().iter().enumerate() {
            if only.is_some_and(|only| only != place) {
                continue;
            }
            let found = Arc::new(self.look(caller, route));
            for state in found.left.iter() {
                if is_wanted(change, state.limit) && shown.is_new(state.limit) {
                    targets.push(Target {
                        route,
                        route_name: name.to_string(),
                        found: Arc::clone(&found),
                        limit: Arc::clone(&state.limit.name),
                    });
                }
            }
        }
        match targets.is_empty() {
            true => Err(LiveError::NotThere { what: "limit" }),
            false => Ok(targets),
        }
    }

    /// What the store has counted then of those that it counts.
    fn give_back_stored(
        &self,
        store: &Store,
        caller: &Caller,
        change: &BucketChange,
        targets: &[Target],
        what: GiveBack,
    ) -> Result<Vec<Count>, LiveError> {
        let failed = |error: StoreError| LiveError::Store(error);
        let writer = match &change.once {
            Some(key) => BatchWriter::of_key(key),
            None => BatchWriter::random().map_err(failed)?,
        };
        let mut batch = Batch::new(writer, 1);
        let units = match what {
            GiveBack::All => UNITS_PER_BATCH_MAX,
            GiveBack::Units(units) => units.min(UNITS_PER_BATCH_MAX),
        };
        let mut counters = Vec::new();
        for target in targets {
            let quota = target
                .state()
                .and_then(|limit| stored(&target.found, limit));
            if let Some(quota) = quota {
                counters.push(quota.counter.clone());
                let added = batch.add_of(quota.counter, units, quota.quota, quota.carry);
                added.map_err(failed)?;
            }
        }
        if counters.is_empty() {
            return Ok(Vec::new());
        }
        let given = self.runtime.block_on(store.give_back(&batch));
        let counts = match given.map_err(failed)? {
            Some(counts) => counts,
            // Sent again: it is as it was left.
            None => {
                let mut counts = self.counts(&caller.user, caller.now);
                counts.retain(|count| counters.contains(&count.counter));
                counts
            }
        };
        self.given_back.see(&counts);
        Ok(counts)
    }

    fn give_back_here(&self, target: &Target, stored: &[Count], what: GiveBack, caller: &Caller) {
        let Some(limit) = target.state() else { return };
        let quota = crate::stored_quotas::stored(&target.found, limit);
        let count =
            quota.and_then(|quota| stored.iter().find(|count| count.counter == quota.counter));
        match count {
            Some(count) => {
                let units = count.units_of(limit.quota, limit.carry());
                let spent = Spent::Exactly(units);
                recall_exactly(&self.engine, &target.found, limit, spent, caller.now);
            }
            None => {
                self.engine.give_back(&target.found, limit, what);
            }
        }
    }

    /// What a bucket holds now.
    fn left(&self, caller: &Caller, target: &Target) -> Option<Bucket> {
        let (snapshot, user) = (&caller.snapshot, &caller.user);
        let now = self
            .engine
            .inspect_route(snapshot, user, target.route, caller.now);
        let mut states = now.left.iter();
        let state = states.find(|state| state.limit.name == target.limit)?;
        Some(bucket(state, &target.route_name))
    }
}

impl Target {
    fn state(&self) -> Option<&CountedLimit> {
        let mut limits = self.found.left.iter().map(|state| state.limit);
        limits.find(|limit| limit.name == self.limit)
    }
}

/// Of a subject its own alone: what it shares with others of its account is given back to the account.
fn is_wanted(change: &BucketChange, limit: &CountedLimit) -> bool {
    let per = match change.who.holder.kind {
        HolderKind::Account => Per::Account,
        HolderKind::Subject => Per::User,
    };
    let name = change.limit.as_deref();
    limit.per() == per && name.is_none_or(|name| *name == *limit.name)
}
