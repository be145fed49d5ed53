//! A part of the directory: a sorted list that is replaced as a whole.

use std::mem::size_of;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{AssignedPlan, HolderKey};
use crate::record::{Override, Record};
use crate::span::{Span, in_force};

/// Holders whose keys belong here, sorted by key, each once.
#[derive(Default)]
pub(super) struct Shard(ArcSwap<Box<[Entry]>>);

/// One holder: 32 bytes.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: HolderKey,
    pub(super) held: Held,
}

/// What is said of one holder.
#[derive(Clone)]
pub(super) enum Held {
    /// Nearly everybody: one plan without an end.
    Plan { plan: AssignedPlan, from_ms: u64 },
    /// A schedule, or limits of its own.
    Timeline(Arc<Timeline>),
}

/// Several plans over time, and limits over time.
#[derive(Clone, Default)]
pub(super) struct Timeline {
    plans: Vec<(Span, AssignedPlan)>,
    /// Overrides only.
    limits: Record,
}

/// Entries as a shard has them.
pub(super) struct Sorted(Vec<Entry>);

// === impl Sorted ===

impl Sorted {
    /// Of entries sorted by key, and those of one holder in the order in which they were made: they are merged.
    pub(super) fn of(sorted: impl ExactSizeIterator<Item = Entry>) -> Self {
        // As much as is needed, so that nothing is left free between one list and the next.
        let mut entries = Vec::with_capacity(sorted.len());
        entries.extend(sorted);
        entries.dedup_by(|later, kept| {
            let same = later.key == kept.key;
            if same {
                kept.held = kept.held.merged(&later.held);
            }
            same
        });
        Self(entries)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

// === impl Shard ===

impl Shard {
    /// What a holder's entry says, if it has one.
    pub(super) fn find<T>(
        &self,
        key: HolderKey,
        ask: impl FnOnce(&Held) -> Option<T>,
    ) -> Option<T> {
        let entries = self.0.load();
        let index = place(&entries, key).ok()?;
        ask(&entries[index].held)
    }

    /// Replaces, adds or (with `None`) removes one holder's entry, in a copy.
    pub(super) fn put(&self, key: HolderKey, held: Option<Held>) {
        let old = self.0.load();
        let (before, after) = match place(&old, key) {
            Ok(index) => (&old[..index], &old[index + 1..]),
            Err(index) => old.split_at(index),
        };
        let entry = held.map(|held| key.entry(held));
        let new = before.iter().cloned().chain(entry);
        let new: Box<[Entry]> = new.chain(after.iter().cloned()).collect();
        self.0.store(Arc::new(new));
    }

    /// Replaces all entries.
    pub(super) fn fill(&self, entries: Sorted) {
        self.0.store(Arc::new(entries.0.into_boxed_slice()));
    }

    pub(super) fn bytes(&self) -> usize {
        let entries = self.0.load();
        let beside: usize = entries.iter().map(|entry| entry.held.bytes_beside()).sum();
        // The count of references, the list's place and length, and the shard's own pointer.
        size_of::<Self>() + 4 * size_of::<usize>() + entries.len() * size_of::<Entry>() + beside
    }
}

/// Where a key is, or would be, in a sorted list. Keys are hashes and lie evenly: where one should be is
/// a few entries, and with luck no other line of the cache, from where it is.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a fraction of the length of the list"
)]
pub(super) fn place(entries: &[Entry], key: HolderKey) -> Result<usize, usize> {
    let share = u128::from(key.0) * entries.len() as u128;
    let mut index = (share >> 64) as usize;
    while index > 0 && entries[index - 1].key >= key {
        index -= 1;
    }
    while index < entries.len() && entries[index].key < key {
        index += 1;
    }
    match entries.get(index) {
        Some(entry) if entry.key == key => Ok(index),
        _ => Err(index),
    }
}

// === impl Held ===

impl Held {
    /// One plan.
    pub(super) fn of_one(span: Span, plan: AssignedPlan) -> Self {
        let (from_ms, until_ms) = (span.from_ms(), span.until_ms());
        match until_ms {
            None => Held::Plan { plan, from_ms },
            Some(_) => {
                let mut timeline = Timeline::default();
                timeline.add_plan(span, plan);
                timeline.into_held()
            }
        }
    }

    pub(super) fn plan_at(&self, at_ms: u64) -> Option<AssignedPlan> {
        match self {
            Held::Plan { plan, from_ms } => (*from_ms <= at_ms).then_some(*plan),
            Held::Timeline(timeline) => {
                let found = in_force(&timeline.plans, |(span, _)| *span, at_ms);
                found.map(|(_, plan)| *plan)
            }
        }
    }

    /// What is more than one plan.
    pub(super) fn timeline(&self) -> Option<Arc<Timeline>> {
        match self {
            Held::Plan { .. } => None,
            Held::Timeline(timeline) => Some(Arc::clone(timeline)),
        }
    }

    /// Two parts of what is said of one holder as one.
    fn merged(&self, other: &Held) -> Held {
        let mut all = Timeline::default();
        for part in [self, other] {
            match part {
                Held::Plan { plan, from_ms } => {
                    // Was a span when it was taken apart.
                    all.plans
                        .extend(Span::new(*from_ms, None).ok().map(|span| (span, *plan)));
                }
                Held::Timeline(timeline) => {
                    all.plans.extend(&timeline.plans);
                    let overrides = timeline.limits.overrides().iter();
                    all.limits.overrides.extend(overrides.cloned());
                }
            }
        }
        all.into_held()
    }

    fn bytes_beside(&self) -> usize {
        match self {
            Held::Plan { .. } => 0,
            Held::Timeline(timeline) => {
                2 * size_of::<usize>()
                    + size_of::<Timeline>()
                    + timeline.plans.capacity() * size_of::<(Span, AssignedPlan)>()
                    + timeline.limits.overrides.capacity() * size_of::<Override>()
                    + timeline
                        .limits
                        .overrides
                        .iter()
                        .map(text_bytes)
                        .sum::<usize>()
            }
        }
    }
}

/// About the texts of an override, and the limit that was read from them.
fn text_bytes(entry: &Override) -> usize {
    let route = entry.route.as_ref().map_or(0, |route| route.as_str().len());
    let limit = size_of::<tollgate_policy::Limit>() + entry.limit.name().len();
    route + limit + entry.limit.as_str().len() + entry.note.as_str().len()
}

// === impl Timeline ===

impl Timeline {
    pub(super) fn add_plan(&mut self, span: Span, plan: AssignedPlan) {
        self.plans.push((span, plan));
    }

    pub(super) fn add_override(&mut self, entry: Override) {
        self.limits.overrides.push(entry);
    }

    /// A record of its overrides.
    pub(super) fn limits(&self) -> &Record {
        &self.limits
    }

    /// In the smaller form where that says all.
    pub(super) fn into_held(mut self) -> Held {
        if let ([(span, plan)], []) = (&*self.plans, self.limits.overrides())
            && span.until_ms().is_none()
        {
            return Held::Plan {
                plan: *plan,
                from_ms: span.from_ms(),
            };
        }
        self.plans.shrink_to_fit();
        self.limits.overrides.shrink_to_fit();
        Held::Timeline(Arc::new(self))
    }
}
