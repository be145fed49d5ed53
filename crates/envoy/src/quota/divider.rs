//! Divides one rate among those who ask for it: a state machine without clock, lock or wire.
//!
//! Each *holder* (a stream, with all its buckets of the rate) is assigned a share until some time. Shares
//! follow what holders last reported as demand. At no time is the sum of what is in force above the rate:
//! a share grows only by what is free, and what a holder has that nobody hears of any more counts until
//! its time is over, or until its data plane is heard of again. A rate that is lowered is told to all at
//! the next report.

use std::sync::Arc;

use tollgate_engine::limiter::Nanos;

/// Names a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HolderId(pub(crate) u64);

/// A share: units a second, in millionths.
pub(crate) type Micro = u64;

/// A holder's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) holder: HolderId,
    pub(crate) micro_per_s: Micro,
}

/// What becomes of shares by one report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What others are to be told first: shares that shrink.
    pub(crate) lowered: Vec<Assignment>,
    /// What the reporting holder has now; unchanged, its time begins anew.
    pub(crate) share: Micro,
}

#[derive(Clone, Debug)]
struct Holder {
    id: HolderId,
    /// The data plane, where it has a name.
    node: Option<Arc<str>>,
    demand: Micro,
    share: Micro,
    /// In force until then.
    until: Nanos,
    /// Somebody can be told of another share.
    is_heard: bool,
}

/// One rate and its holders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Divider {
    holders: Vec<Holder>,
}

/// Holders of one rate, lost ones included: a report walks all of them under a lock.
pub(crate) const HOLDERS_MAX: usize = 256;
/// Of its part a holder without demand keeps a fiftieth, to begin with when it has some again.
const IDLE_PARTS: u64 = 50;
/// A share that is right within a tenth stays as it is: a token bucket that is replaced begins full.
const CLOSE_PARTS: u64 = 10;

// === impl Divider ===

impl Divider {
    /// A holder reports its demand; its share is in force until `until`.
    ///
    /// `rate` may have changed since. `tell` says until when a lowered share is in force, where it was
    /// told: else the old one stays. `None` where there are too many holders already.
    pub(crate) fn report(
        &mut self,
        (holder, demand): (HolderId, Micro),
        rate: Micro,
        (now, until): (Nanos, Nanos),
        mut tell: impl FnMut(Assignment) -> Option<Nanos>,
    ) -> Option<Outcome> {
        self.expire(now);
        let place = match self.holders.iter().position(|known| known.id == holder) {
            Some(place) => place,
            None if self.holders.len() >= HOLDERS_MAX => return None,
            None => {
                self.holders.push(Holder {
                    id: holder,
                    node: None,
                    demand,
                    share: 0,
                    until: now,
                    is_heard: true,
                });
                self.holders.len() - 1
            }
        };
        // Half of what was, half of what is: one quiet interval takes no share away.
        let known = &mut self.holders[place];
        known.demand = match known.share {
            0 => demand,
            _ => known.demand.midpoint(demand),
        };
        let targets = self.targets(rate);
        let target = targets[place];
        let mut outcome = Outcome::default();
        let current = self.holders[place].share;
        let free_for = |holders: &[Holder]| {
            let others = holders.iter().filter(|other| other.id != holder);
            let taken = others.map(|other| other.share);
            rate.saturating_sub(taken.fold(0, Micro::saturating_add))
        };
        let mut free = free_for(&self.holders);
        let all = self.holders.iter().map(|known| known.share);
        let is_above = all.fold(0, Micro::saturating_add) > rate;
        // To be well below the target, or above what is there, is reason to change something; and that
        // the rate is less than it was.
        if is_above || (free < target && !is_close(current.min(free), target)) {
            for (other, target) in self.holders.iter_mut().zip(&targets) {
                if other.id == holder || !other.is_heard || other.share <= *target {
                    continue;
                }
                let lowered = Assignment {
                    holder: other.id,
                    micro_per_s: *target,
                };
                if let Some(until) = tell(lowered) {
                    (other.share, other.until) = (*target, until);
                    outcome.lowered.push(lowered);
                }
            }
            free = free_for(&self.holders);
        }
        let wanted = target.min(free);
        let known = &mut self.holders[place];
        if !(current <= free && is_close(current, wanted)) {
            known.share = wanted;
        }
        known.until = until;
        outcome.share = known.share;
        Some(outcome)
    }

    /// A data plane that was lost is there again: it enforces what it will be told now, and no more what it
    /// was told before.
    pub(crate) fn came_back(&mut self, node: &Arc<str>) {
        let of_node = |known: &Holder| known.node.as_ref() == Some(node);
        self.holders
            .retain(|known| known.is_heard || !of_node(known));
    }

    /// The holder is of this data plane.
    pub(crate) fn name(&mut self, holder: HolderId, node: &Arc<str>) {
        if let Some(known) = self.holders.iter_mut().find(|known| known.id == holder) {
            known.node.get_or_insert_with(|| Arc::clone(node));
        }
    }

    /// Nobody can be told of another share any more: what the holder has counts until its time is over.
    pub(crate) fn lose(&mut self, holder: HolderId) {
        if let Some(known) = self.holders.iter_mut().find(|known| known.id == holder) {
            known.is_heard = false;
        }
    }

    /// The holder has given its share back.
    pub(crate) fn abandon(&mut self, holder: HolderId) {
        self.holders.retain(|known| known.id != holder);
    }

    /// Whether nobody holds anything.
    pub(crate) fn is_empty_at(&mut self, now: Nanos) -> bool {
        self.expire(now);
        self.holders.is_empty()
    }

    /// All shares in force.
    #[cfg(test)]
    pub(crate) fn in_force(&self, now: Nanos) -> Micro {
        let current = self.holders.iter().filter(|holder| holder.until > now);
        current.map(|holder| holder.share).sum()
    }

    fn expire(&mut self, now: Nanos) {
        self.holders.retain_mut(|holder| {
            if holder.until <= now {
                holder.share = 0;
            }
            holder.is_heard || holder.until > now
        });
    }

    /// What each holder is to have, by its demand: all of the rate together, but for what those have who
    /// cannot be told.
    fn targets(&self, rate: Micro) -> Vec<Micro> {
        let heard = || self.holders.iter().filter(|holder| holder.is_heard);
        let lost = self.holders.iter().filter(|holder| !holder.is_heard);
        let lost = lost.map(|holder| holder.share);
        let lost = lost.fold(0, Micro::saturating_add);
        let left = u128::from(rate.saturating_sub(lost));
        let count = u128::try_from(heard().count().max(1)).unwrap_or(1);
        let highest = heard().map(|holder| holder.demand).max().unwrap_or(0);
        // Nobody weighs nothing: whoever begins can begin.
        let least = u128::from(highest / IDLE_PARTS).max(1);
        let weight = |holder: &Holder| u128::from(holder.demand).max(least);
        let all: u128 = heard().map(weight).sum();
        let target = |holder: &Holder| {
            if !holder.is_heard {
                return holder.share;
            }
            let share = match all {
                0 => left / count,
                all => left * weight(holder) / all,
            };
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        self.holders.iter().map(target).collect()
    }
}

/// Within a tenth.
pub(super) fn is_close(share: Micro, target: Micro) -> bool {
    share.abs_diff(target) <= target / CLOSE_PARTS
}

#[cfg(test)]
mod tests;
