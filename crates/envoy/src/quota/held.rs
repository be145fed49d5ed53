//! What one stream holds: buckets, and its shares of the rates that they are of.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tollgate_engine::{DividedRate, Divisible};
use tonic::Status;

use super::assign::{self, Assigned};
use super::buckets::{Holder, Times, Told, after};
use super::decode::{self, Unfit, Usage};
use super::divider::Micro;
use super::parts::Parts;
use crate::messages::quota::{BucketAction, BucketId, BucketQuotaUsage};
use crate::services::Shared;

/// Buckets of one stream.
pub(super) const BUCKETS_PER_STREAM_MAX: usize = 10_000;
/// Buckets of all streams.
const BUCKETS_MAX: u64 = 100_000;
/// Entries of a bucket's name, and their bytes together.
const ENTRIES_MAX: usize = 32;
pub(super) const NAME_BYTES_MAX: usize = 4_096;
/// An assignment is in force for three reports, and no less and no longer than this.
const TTL_MIN: Duration = Duration::from_secs(15);
const TTL_MAX: Duration = Duration::from_secs(300);
const REPORTS_PER_TTL: u32 = 3;
/// The first: nobody knows yet how often there are reports.
const TTL_FIRST: Duration = Duration::from_secs(60);
/// A bucket without a request for so long is given up.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// A bucket's entries in one order.
type Name = Arc<[(String, String)]>;

/// Buckets of one stream.
pub(super) struct Held {
    shared: Arc<Shared>,
    node: Option<Arc<str>>,
    sender: mpsc::Sender<Told>,
    buckets: HashMap<Name, Bucket>,
    /// By the bucket in the engine that the rate is of.
    groups: HashMap<u64, Group>,
    /// Groups of which a bucket has reported since they were last divided.
    due: Vec<u64>,
}

#[derive(Default)]
struct Bucket {
    /// The rate that its part is of, if it has one.
    divided: Option<DividedRate>,
    idle: Duration,
}

/// All buckets of one rate.
struct Group {
    holder: Arc<Holder>,
    rate: DividedRate,
    /// How long what they are told next is in force.
    ttl: Duration,
    parts: Parts<Name>,
    is_due: bool,
}

// === impl Held ===

impl Held {
    pub(super) fn new(
        shared: Arc<Shared>,
        node: Option<Arc<str>>,
        sender: mpsc::Sender<Told>,
    ) -> Self {
        Self {
            shared,
            node,
            sender,
            buckets: HashMap::new(),
            groups: HashMap::new(),
            due: Vec::new(),
        }
    }

    /// Takes a bucket's report. What it is told stands in the answer, or comes when its rate is divided.
    ///
    /// # Errors
    /// A domain that has no quotas.
    pub(super) fn take(
        &mut self,
        report: BucketQuotaUsage,
        domain: &str,
        peer: IpAddr,
    ) -> Result<Option<BucketAction>, Status> {
        let shared = Arc::clone(&self.shared);
        let usage = Usage::of(&report);
        let id = report.bucket_id.unwrap_or_default();
        let Some(name) = name(&id).filter(|name| self.enter(name)) else {
            // Forgotten by its data plane as soon as nobody asks for it, or its reports would only grow.
            let is_idle = usage.requests() == 0 && usage.elapsed > Duration::ZERO;
            return Ok(Some(match is_idle {
                true => self.abandoned(id),
                false => self.refused(id),
            }));
        };
        let divisible = match decode::divisible(&shared, domain, &id, usage, peer) {
            Ok(divisible) => Some(divisible),
            Err(Unfit::Domain(status)) => return Err(status),
            Err(Unfit::Bucket) => None,
        };
        if self.idle(&name, usage) >= IDLE_MAX {
            self.give_up(&name);
            return Ok(Some(self.abandoned(id)));
        }
        let ttl = match usage.elapsed {
            Duration::ZERO => TTL_FIRST,
            elapsed => (elapsed * REPORTS_PER_TTL).clamp(TTL_MIN, TTL_MAX),
        };
        let assigned = match divisible {
            Some(Divisible::Everything) => Assigned::All,
            Some(Divisible::Nothing) => Assigned::None,
            None => {
                self.leave(&name);
                return Ok(Some(self.refused(id)));
            }
            Some(Divisible::Rate(rate)) => {
                let joined = self.join(&name, (rate, usage.demand()), ttl);
                return Ok((!joined).then(|| self.refused(id)));
            }
        };
        self.leave(&name);
        shared.stats.quota_assignments.one_more();
        Ok(Some(assign::assignment(id, assigned, ttl)))
    }

    /// Divides the rate of the next group of which a bucket has reported; `None` when that was done.
    pub(super) fn divide_next(&mut self, actions: &mut Vec<BucketAction>) -> Option<()> {
        let number = self.due.pop()?;
        let Some(group) = self.groups.get_mut(&number) else {
            return Some(());
        };
        group.is_due = false;
        let times = Times {
            now: self.shared.clock.now().mono,
            ttl: group.ttl,
            until: group.parts.until(),
        };
        let reported = (&group.holder, group.parts.demand());
        match self.shared.buckets.report(reported, group.rate, times) {
            Some(share) => self.divide(number, share, actions),
            // Too many streams have a share of it.
            None => {
                let group = self.groups.remove(&number);
                for name in group.iter().flat_map(|group| group.parts.buckets()) {
                    if let Some(bucket) = self.buckets.get_mut(name) {
                        bucket.divided = None;
                    }
                    actions.push(self.refused(id(name)));
                }
            }
        }
        Some(())
    }

    /// Somebody else needs what this stream has of a rate.
    pub(super) fn lower(&mut self, told: &Told) -> Vec<BucketAction> {
        let mut actions = Vec::new();
        let number = told.rate.bucket;
        let group = self.groups.get_mut(&number);
        if let Some(group) = group.filter(|group| told.is_current(&group.holder)) {
            group.rate = told.rate;
            self.divide(number, told.share, &mut actions);
        }
        actions
    }

    fn divide(&mut self, number: u64, share: Micro, actions: &mut Vec<BucketAction>) {
        let Some(group) = self.groups.get_mut(&number) else {
            return;
        };
        let until = after(self.shared.clock.now().mono, group.ttl);
        for (name, part) in group.parts.divide(share, until) {
            let rate = self.buckets.get(&name).and_then(|bucket| bucket.divided);
            let assigned = Assigned::Share(part, rate.unwrap_or(group.rate));
            self.shared.stats.quota_assignments.one_more();
            actions.push(assign::assignment(id(&name), assigned, group.ttl));
        }
    }

    /// Whether there is room for the bucket, or it is there already.
    fn enter(&mut self, name: &Name) -> bool {
        if self.buckets.contains_key(name) {
            return true;
        }
        let is_full = self.buckets.len() >= BUCKETS_PER_STREAM_MAX;
        if is_full || !self.shared.stats.quota_buckets.enter(BUCKETS_MAX) {
            return false;
        }
        self.buckets.insert(Arc::clone(name), Bucket::default());
        true
    }

    /// How long the bucket has had no request.
    fn idle(&mut self, name: &Name, usage: Usage) -> Duration {
        let Some(bucket) = self.buckets.get_mut(name) else {
            return Duration::ZERO;
        };
        bucket.idle = match usage.requests() {
            0 => bucket.idle + usage.elapsed,
            _ => Duration::ZERO,
        };
        bucket.idle
    }

    /// The bucket's demand is one of this rate; false where too many of the stream's buckets are.
    fn join(&mut self, name: &Name, (rate, demand): (DividedRate, Micro), ttl: Duration) -> bool {
        let Some(bucket) = self.buckets.get_mut(name) else {
            return false;
        };
        let before = bucket.divided.replace(rate);
        if let Some(other) = before.filter(|before| before.bucket != rate.bucket) {
            self.part(name, other.bucket);
        }
        let holder = || {
            let number = self.shared.buckets.holder_id();
            Arc::new(Holder::new(number, self.node.clone(), self.sender.clone()))
        };
        let group = self.groups.entry(rate.bucket).or_insert_with(|| Group {
            holder: holder(),
            rate,
            ttl,
            parts: Parts::default(),
            is_due: false,
        });
        if !group.parts.report(name, demand.saturating_mul(rate.cost)) {
            if let Some(bucket) = self.buckets.get_mut(name) {
                bucket.divided = None;
            }
            return false;
        }
        group.rate = rate;
        // Of those that are told together, whoever reports the least often.
        group.ttl = if group.is_due {
            group.ttl.max(ttl)
        } else {
            ttl
        };
        if !std::mem::replace(&mut group.is_due, true) {
            self.due.push(rate.bucket);
        }
        true
    }

    /// The bucket has no part of a rate any more.
    fn leave(&mut self, name: &Name) {
        let bucket = self.buckets.get_mut(name);
        if let Some(rate) = bucket.and_then(|bucket| bucket.divided.take()) {
            self.part(name, rate.bucket);
        }
    }

    /// What the bucket had is the others' of its group; of the last one, it is given back.
    fn part(&mut self, name: &Name, number: u64) {
        let Some(group) = self.groups.get_mut(&number) else {
            return;
        };
        group.parts.remove(name);
        if group.parts.is_empty() {
            group.holder.end();
            self.shared.buckets.abandon(number, group.holder.id);
            self.groups.remove(&number);
        }
    }

    fn give_up(&mut self, name: &Name) {
        self.leave(name);
        if self.buckets.remove(name).is_some() {
            self.shared.stats.quota_buckets.leave();
        }
    }

    fn abandoned(&self, id: BucketId) -> BucketAction {
        self.shared.stats.quota_abandoned.one_more();
        assign::abandon(id)
    }

    /// A bucket that cannot be held lets nothing pass; all others are as they were.
    fn refused(&self, id: BucketId) -> BucketAction {
        self.shared.stats.quota_errors.one_more();
        assign::assignment(id, Assigned::None, TTL_MIN)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for (number, group) in &self.groups {
            self.shared.buckets.lose(*number, group.holder.id);
        }
        for _ in 0..self.buckets.len() {
            self.shared.stats.quota_buckets.leave();
        }
    }
}

/// A bucket's name, if it is one that can be held.
fn name(id: &BucketId) -> Option<Name> {
    let bytes = id.bucket.iter().map(|(key, value)| key.len() + value.len());
    let is_held = (1..=ENTRIES_MAX).contains(&id.bucket.len());
    if !is_held || bytes.sum::<usize>() > NAME_BYTES_MAX {
        return None;
    }
    let entries = id.bucket.iter();
    let mut name: Vec<_> = entries
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    name.sort_unstable();
    Some(name.into())
}

fn id(name: &Name) -> BucketId {
    BucketId {
        bucket: name.iter().cloned().collect(),
    }
}
