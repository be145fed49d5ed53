//! Who has which plan, in memory: what requests read without waiting for anybody.
//!
//! Every holder that something is said of has an entry of 32 bytes in one of many shards; a holder
//! with a schedule or limits of its own has some more beside it. A shard is a sorted list that never
//! changes: a change of one holder replaces its shard by a copy. So a reader takes no lock, never sees half
//! a change, and a writer copies a few kilobytes.
//!
//! Holders are told apart by a hash of 128 bits under a secret of the process, as buckets are; their names
//! are not kept.

mod load;
mod names;
mod shard;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

use crate::change::Change;
use crate::effective::{Level, Standing};
use crate::error::StoreError;
use crate::holder::HolderKind;
use crate::record::{Override, Record};
use names::PlanNames;
use shard::{Entry, Held, Shard, Timeline};

pub use load::{LOAD_WAIT_MAX, Loaded};
pub use names::{AssignedPlan, PLAN_NAMES_MAX};

/// Shards; a power of two. With a million holders one has about 60 entries, 2 KB.
const SHARDS: usize = 1 << 14;

/// Said of nobody.
static NOTHING: Record = Record {
    assignments: Vec::new(),
    overrides: Vec::new(),
};

/// A holder's place in one [`Directory`]; worth keeping beside a verified token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HolderKey(u64, u64);

/// The plans and limits of all holders, in memory.
///
/// State: the shards, written by [`Directory::load`] and [`Directory::apply`], read by every request.
pub struct Directory {
    shards: Box<[Shard]>,
    plans: PlanNames,
    /// Of the process: nobody outside can aim at a shard.
    secret: [u8; 16],
    holders: AtomicUsize,
    holders_max: usize,
    /// Held while shards are replaced: two writers would undo each other's copies.
    writing: Mutex<()>,
}

impl Directory {
    /// An empty one for at most `holders_max` holders: 32 bytes for each that has just a plan.
    ///
    /// # Errors
    /// [`StoreError::Randomness`].
    pub fn new(holders_max: usize) -> Result<Self, StoreError> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|_| StoreError::Randomness)?;
        Ok(Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            plans: PlanNames::default(),
            secret,
            holders: AtomicUsize::new(0),
            holders_max,
            writing: Mutex::new(()),
        })
    }

    /// The key of a subject.
    #[must_use]
    pub fn subject_key(&self, issuer: &str, subject: &str) -> HolderKey {
        self.key(HolderKind::Subject, issuer, subject)
    }

    /// The key of an account.
    #[must_use]
    pub fn account_key(&self, issuer: &str, account: &str) -> HolderKey {
        self.key(HolderKind::Account, issuer, account)
    }

    /// Length-prefixed, so that no two lists of parts collide by shape.
    fn key(&self, kind: HolderKind, issuer: &str, name: &str) -> HolderKey {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write_u8(match kind {
            HolderKind::Subject => b's',
            HolderKind::Account => b'a',
        });
        for part in [issuer, name] {
            hasher.write_u64(part.len() as u64);
            hasher.write(part.as_bytes());
        }
        let hash = hasher.finish128();
        HolderKey(hash.h1, hash.h2)
    }

    /// The plan that a subject is assigned at a moment, or else its account; `None` leaves it to the
    /// verified claim and the default plan. Waits for nobody, allocates nothing.
    #[must_use]
    pub fn plan_at(
        &self,
        subject: HolderKey,
        account: Option<HolderKey>,
        at_ms: u64,
    ) -> Option<(Level, AssignedPlan)> {
        let plan = |key| self.shard(key).find(key, |held| held.plan_at(at_ms));
        if let Some(plan) = plan(subject) {
            return Some((Level::Subject, plan));
        }
        Some((Level::Account, plan(account?)?))
    }

    /// The overrides in force on one route (`GET /orders/{order_id}`, or `*`), one a limit: the subject's before its account's. Waits for
    /// nobody; allocates only where there are some.
    #[must_use]
    pub fn overrides_at(
        &self,
        subject: HolderKey,
        account: Option<HolderKey>,
        route: &str,
        at_ms: u64,
    ) -> Vec<(Level, Override)> {
        let timeline = |key| self.shard(key).find(key, Held::timeline);
        let subject = timeline(subject);
        let account = account.and_then(timeline);
        if subject.is_none() && account.is_none() {
            return Vec::new();
        }
        let standing = Standing {
            subject: subject.as_deref().map_or(&NOTHING, Timeline::limits),
            account: account.as_deref().map(Timeline::limits),
        };
        let in_force = standing.overrides_at(route, at_ms).into_iter();
        in_force
            .map(|(level, found)| (level, found.clone()))
            .collect()
    }

    /// The name of a plan that was found.
    #[must_use]
    pub fn plan_name(&self, plan: AssignedPlan) -> Option<Arc<str>> {
        self.plans.name(plan)
    }

    /// All names of plans that holders have or had, by their number: for a table from them to a policy's
    /// plans.
    #[must_use]
    pub fn plan_names(&self) -> Vec<Arc<str>> {
        self.plans.all()
    }

    /// Takes a change over. Changes come in the order of their numbers, as a [`crate::Feed`] gives
    /// them; one that was taken already does no harm.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when it is full; nothing is changed then.
    pub fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let holder = &change.holder;
        let key = self.key(holder.kind, holder.issuer.as_str(), holder.name.as_str());
        let held = self.held(&change.after)?;
        let _writing = self.writing.lock();
        let shard = self.shard(key);
        let is_known = shard.find(key, |_| Some(())).is_some();
        match (is_known, &held) {
            (false, None) => return Ok(()),
            (false, Some(_)) => {
                if self.holders() >= self.holders_max {
                    return Err(self.full());
                }
                self.holders.fetch_add(1, Ordering::Relaxed);
            }
            (true, None) => {
                self.holders.fetch_sub(1, Ordering::Relaxed);
            }
            (true, Some(_)) => {}
        }
        shard.put(key, held);
        Ok(())
    }

    /// How a record is held; `None` for an empty one.
    fn held(&self, record: &Record) -> Result<Option<Held>, StoreError> {
        if record.is_empty() {
            return Ok(None);
        }
        let mut timeline = Timeline::default();
        for entry in record.assignments() {
            let plan = self.plans.number(entry.plan.as_str())?;
            timeline.add_plan(entry.span, plan);
        }
        for entry in record.overrides() {
            timeline.add_override(entry.clone());
        }
        Ok(Some(timeline.into_held()))
    }

    fn full(&self) -> StoreError {
        StoreError::TooMany {
            what: "holders in the directory",
            max: self.holders_max,
        }
    }

    /// How many holders something is said of.
    #[must_use]
    pub fn holders(&self) -> usize {
        self.holders.load(Ordering::Relaxed)
    }

    /// The memory of all entries, in bytes; the allocator's own is not in it. Looks at all of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let shards: usize = self.shards.iter().map(Shard::bytes).sum();
        size_of::<Self>() + shards
    }

    fn shard(&self, key: HolderKey) -> &Shard {
        &self.shards[shard_of(key)]
    }
}

/// By the low bits; shards are sorted by all of them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only the low bits are wanted"
)]
fn shard_of(key: HolderKey) -> usize {
    key.1 as usize % SHARDS
}

impl HolderKey {
    fn entry(self, held: Held) -> Entry {
        Entry { key: self, held }
    }
}

impl fmt::Debug for HolderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HolderKey({:016x}{:016x})", self.0, self.1)
    }
}

/// Shows neither the secret nor who is in it.
impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("holders", &self.holders())
            .field("holders_max", &self.holders_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
