//! All rates of all streams: who holds which share, in shards of their own lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tollgate_engine::DividedRate;
use tollgate_engine::limiter::Nanos;

use super::divider::{Assignment, Divider, HolderId, Micro};

/// Locks; a report holds one for the time of a division.
const SHARDS: usize = 64;
/// Reports of a shard between two looks for what is over.
const SWEEP_EVERY: u32 = 1_024;

/// A holder: one stream with all its buckets of one rate, and how it is told of things.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) id: HolderId,
    /// The data plane, where it has a name.
    node: Option<Arc<str>>,
    sender: mpsc::Sender<Told>,
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
    pub(super) rate: DividedRate,
    pub(super) share: Micro,
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
    holders: HashMap<HolderId, Held>,
}

/// A holder and its time.
#[derive(Debug)]
struct Held {
    holder: Arc<Holder>,
    ttl: Duration,
    /// What any bucket of it was told is over then.
    until: Nanos,
}

/// When a report comes, and for how long its answer is in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) now: Nanos,
    pub(super) ttl: Duration,
    /// Until when something is in force that buckets were told before.
    pub(super) until: Nanos,
}

// === impl Holder ===

impl Holder {
    pub(super) fn new(id: HolderId, node: Option<Arc<str>>, sender: mpsc::Sender<Told>) -> Self {
        Self {
            id,
            node,
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
    /// Whether its stream, which has this holder of the rate, was told nothing newer since.
    pub(super) fn is_current(&self, holder: &Holder) -> bool {
        self.holder.id == holder.id && self.holder.tells(self.version)
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

    /// A holder's demand of a rate, and what it is assigned. Others are told of smaller shares where that
    /// is needed for it. `None` where the rate has too many holders.
    pub(super) fn report(
        &self,
        (holder, demand): (&Arc<Holder>, Micro),
        rate: DividedRate,
        times: Times,
    ) -> Option<Micro> {
        let mut shard = self.shard(rate.bucket).lock();
        let Times { now, ttl, until } = times;
        shard.sweep(now);
        let Divided { divider, holders } = shard.divided.entry(rate.bucket).or_default();
        let tell = |lowered: Assignment| {
            let other = holders.get_mut(&lowered.holder)?;
            let told = Told {
                holder: Arc::clone(&other.holder),
                version: other.holder.next_version(),
                rate,
                share: lowered.micro_per_s,
            };
            other.holder.sender.try_send(told).ok()?;
            // The time of those that are told begins anew; others of its buckets may keep theirs.
            other.until = other.until.max(after(now, other.ttl));
            Some(other.until)
        };
        let until = until.max(after(now, ttl));
        if let Some(node) = &holder.node {
            divider.came_back(node);
        }
        let reported = (holder.id, demand);
        let outcome = divider.report(reported, rate.micro_per_s, (now, until), tell)?;
        if let Some(node) = &holder.node {
            divider.name(holder.id, node);
        }
        let held = Held {
            holder: Arc::clone(holder),
            ttl,
            until,
        };
        holders.insert(holder.id, held);
        holder.supersede();
        Some(outcome.share)
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

/// So long after now.
pub(super) fn after(now: Nanos, ttl: Duration) -> Nanos {
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
