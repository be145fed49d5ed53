//! All buckets of all streams: who holds which share, in shards of their own lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tollgate_engine::DividedRate;
use tollgate_engine::limiter::Nanos;

use super::assign::{self, Assigned};
use super::divider::{Assignment, Divider, HolderId, Micro};
use crate::messages::quota::{BucketAction, BucketId};

/// Locks; a report holds one for the time of a division.
const SHARDS: usize = 64;
/// Reports of a shard between two looks for what is over.
const SWEEP_EVERY: u32 = 1_024;

/// A holder: one bucket of one stream, and how it is told of things.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) id: HolderId,
    pub(super) bucket: BucketId,
    pub(super) sender: mpsc::Sender<Told>,
    /// How many assignments were made for it, under its shard's lock.
    made: AtomicU64,
    /// Which of them its stream told last.
    told: AtomicU64,
}

/// A smaller share on its way to a stream.
#[derive(Debug)]
pub(super) struct Told {
    holder: Arc<Holder>,
    version: u64,
    pub(super) action: BucketAction,
}

/// Shares in force.
#[derive(Debug)]
pub(crate) struct Buckets {
    shards: Box<[Mutex<Shard>]>,
    next_holder: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    divided: HashMap<u64, Divided>,
    reports: u32,
}

#[derive(Debug, Default)]
struct Divided {
    divider: Divider,
    holders: HashMap<HolderId, (Arc<Holder>, Duration)>,
}

// === impl Holder ===

impl Holder {
    pub(super) fn new(id: HolderId, bucket: BucketId, sender: mpsc::Sender<Told>) -> Self {
        Self {
            id,
            bucket,
            sender,
            made: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    fn next_version(&self) -> u64 {
        self.made.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Whether an assignment is newer than all that its stream was told.
    fn tells(&self, version: u64) -> bool {
        self.told.fetch_max(version, Ordering::AcqRel) < version
    }

    /// It is told something now: what is on its way to it is older.
    pub(super) fn supersede(&self) {
        self.tells(self.next_version());
    }

    /// Nothing that is on its way to it counts any more.
    pub(super) fn end(&self) {
        self.told.store(u64::MAX, Ordering::Release);
    }
}

// === impl Told ===

impl Told {
    /// The action, unless its stream was told something newer since.
    pub(super) fn if_current(self) -> Option<BucketAction> {
        self.holder.tells(self.version).then_some(self.action)
    }
}

// === impl Buckets ===

impl Default for Buckets {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            next_holder: AtomicU64::new(1),
        }
    }
}

impl Buckets {
    pub(super) fn holder_id(&self) -> HolderId {
        HolderId(self.next_holder.fetch_add(1, Ordering::Relaxed))
    }

    /// A holder's demand of a rate, and what it is assigned until `now + ttl`. Others are told of smaller
    /// shares where that is needed for it.
    pub(super) fn report(
        &self,
        (holder, demand): (&Arc<Holder>, Micro),
        rate: DividedRate,
        (now, ttl): (Nanos, Duration),
    ) -> Micro {
        let mut shard = self.shard(rate.bucket).lock();
        shard.sweep(now);
        let divided = shard.divided.entry(rate.bucket).or_default();
        divided.holders.insert(holder.id, (Arc::clone(holder), ttl));
        let holders = &divided.holders;
        let tell = |lowered: Assignment| {
            let (other, ttl) = holders.get(&lowered.holder)?;
            let share = Assigned::Share(lowered.micro_per_s, rate);
            let told = Told {
                action: assign::assignment(other.bucket.clone(), share, *ttl),
                version: other.next_version(),
                holder: Arc::clone(other),
            };
            other.sender.try_send(told).ok()?;
            // Its time begins anew.
            Some(after(now, *ttl))
        };
        let reported = (holder.id, demand);
        let times = (now, after(now, ttl));
        let outcome = divided
            .divider
            .report(reported, rate.micro_per_s, times, tell);
        holder.supersede();
        outcome.share
    }

    /// The stream is gone: what the holder has counts until its time is over.
    pub(super) fn lose(&self, bucket: u64, holder: HolderId) {
        let mut shard = self.shard(bucket).lock();
        if let Some(divided) = shard.divided.get_mut(&bucket) {
            divided.divider.lose(holder);
            divided.holders.remove(&holder);
        }
    }

    /// The holder gives its share back at once.
    pub(super) fn abandon(&self, bucket: u64, holder: HolderId) {
        let mut shard = self.shard(bucket).lock();
        if let Some(divided) = shard.divided.get_mut(&bucket) {
            divided.divider.abandon(holder);
            divided.holders.remove(&holder);
        }
    }

    fn shard(&self, bucket: u64) -> &Mutex<Shard> {
        // Bits of a hash under a secret.
        let place = usize::try_from(bucket % SHARDS as u64).unwrap_or(0);
        &self.shards[place]
    }
}

fn after(now: Nanos, ttl: Duration) -> Nanos {
    Nanos(now.0.saturating_add(Nanos::from(ttl).0))
}

impl Shard {
    fn sweep(&mut self, now: Nanos) {
        self.reports += 1;
        if self.reports < SWEEP_EVERY {
            return;
        }
        self.reports = 0;
        self.divided
            .retain(|_, divided| !divided.divider.is_empty_at(now));
    }
}
