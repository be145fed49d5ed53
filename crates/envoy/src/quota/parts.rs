//! Divides a stream's share of one rate among its buckets of that rate: a state machine without clock,
//! lock or wire.
//!
//! However many buckets of one rate a stream has, it is one holder of it. All that one division changes
//! is told in one message: what the buckets have together is never above the share.

use std::collections::HashMap;
use std::hash::Hash;

use tollgate_engine::limiter::Nanos;

use super::divider::{Micro, is_close};

/// Buckets of one stream that share one rate: all of them may have to be told of one that is new.
pub(super) const PARTS_MAX: usize = 1_024;
/// Of its part a bucket without demand keeps a fiftieth, to begin with when it has some again.
const IDLE_PARTS: u128 = 50;

/// Buckets of one rate, each with its part of the share.
#[derive(Clone, Debug)]
pub(super) struct Parts<K>(HashMap<K, Part>);

#[derive(Clone, Debug)]
struct Part {
    /// By the last report.
    reported: Micro,
    /// Half of what was, half of what is: one quiet interval takes no part away.
    demand: Micro,
    part: Micro,
    /// What it is to have by its demand.
    target: Micro,
    /// In force until then.
    until: Nanos,
    /// It has reported, and is to be answered.
    is_due: bool,
}

// === impl Parts ===

impl<K> Default for Parts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Parts<K> {
    /// A bucket reports its demand; false where there is no room for it.
    pub(super) fn report(&mut self, bucket: &K, demand: Micro) -> bool {
        if let Some(known) = self.0.get_mut(bucket) {
            known.reported = demand;
            known.demand = match known.part {
                0 => demand,
                _ => known.demand.midpoint(demand),
            };
            known.is_due = true;
            return true;
        }
        if self.0.len() >= PARTS_MAX {
            return false;
        }
        let new = Part {
            reported: demand,
            demand,
            part: 0,
            target: 0,
            until: Nanos(0),
            is_due: true,
        };
        self.0.insert(bucket.clone(), new);
        true
    }

    pub(super) fn remove(&mut self, bucket: &K) {
        self.0.remove(bucket);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn buckets(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// What all together report.
    pub(super) fn demand(&self) -> Micro {
        let reported = self.0.values().map(|part| part.reported);
        reported.fold(0, Micro::saturating_add)
    }

    /// Until when parts are in force that may not be told anew: those of buckets that have not reported.
    pub(super) fn until(&self) -> Nanos {
        let others = self.0.values().filter(|part| !part.is_due);
        others.map(|part| part.until).max().unwrap_or_default()
    }

    /// Divides the share anew. These buckets are to be told what they have until `until`, those that have
    /// less than before first; whatever a bucket that is not among them was told last stays.
    pub(super) fn divide(&mut self, share: Micro, until: Nanos) -> Vec<(K, Micro)> {
        self.aim(share);
        // A part that is right within a tenth stays as it is: a token bucket that is replaced begins full.
        let stays = |part: &Part| part.part <= part.target && is_close(part.part, part.target);
        let least = |part: &Part| if stays(part) { part.part } else { part.target };
        let least_of_all = self.0.values().map(least);
        let mut room = share.saturating_sub(least_of_all.fold(0, Micro::saturating_add));
        let (mut lowered, mut others) = (Vec::new(), Vec::new());
        for (bucket, part) in &mut self.0 {
            let mut next = least(part);
            // One that is a little more stays as well, as far as the others leave it.
            let more = part.part.saturating_sub(next);
            if is_close(part.part, part.target) && more <= room {
                room -= more;
                next += more;
            }
            let before = std::mem::replace(&mut part.part, next);
            if std::mem::take(&mut part.is_due) || next != before {
                part.until = until;
                let told = if next < before {
                    &mut lowered
                } else {
                    &mut others
                };
                told.push((bucket.clone(), next));
            }
        }
        lowered.append(&mut others);
        lowered
    }

    fn aim(&mut self, share: Micro) {
        let demand: u128 = self.0.values().map(|part| u128::from(part.demand)).sum();
        let count = u128::try_from(self.0.len().max(1)).unwrap_or(1);
        // Nobody weighs nothing: whoever begins can begin.
        let least = (demand / (IDLE_PARTS * count)).max(1);
        let weight = |part: &Part| u128::from(part.demand).max(least);
        let all = self.0.values().map(weight).sum::<u128>().max(1);
        for part in self.0.values_mut() {
            let target = u128::from(share) * weight(part) / all;
            part.target = u64::try_from(target).unwrap_or(u64::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHARE: Micro = 100_000_000;

    fn divide(parts: &mut Parts<u64>, told: &mut HashMap<u64, Micro>, share: Micro) {
        told.extend(parts.divide(share, Nanos(1)));
    }

    #[test]
    fn one_has_all_and_many_have_it_by_demand_and_a_newcomer_its_part_at_once() {
        let (mut parts, mut told) = (Parts::default(), HashMap::new());
        assert!(parts.report(&0, 5));
        assert_eq!(parts.divide(SHARE, Nanos(1)), [(0, SHARE)]);
        assert!(parts.report(&0, 30_000_000) && parts.report(&1, 30_000_000));
        // Who has less is told first.
        let both = parts.divide(SHARE, Nanos(1));
        assert_eq!((both[0].0, both[1].0), (0, 1));
        for _ in 0..8 {
            assert!(parts.report(&0, 90_000_000) && parts.report(&1, 30_000_000));
            divide(&mut parts, &mut told, SHARE);
        }
        assert!(is_close(told[&0], SHARE * 3 / 4), "{told:?}");
        assert!(is_close(told[&1], SHARE / 4), "{told:?}");
        // Within a tenth: nobody but who reports is told anything.
        assert!(parts.report(&0, 88_000_000));
        assert_eq!(parts.divide(SHARE, Nanos(1)), [(0, told[&0])]);
    }

    #[test]
    fn whoever_has_no_demand_keeps_little_however_many_there_are() {
        let (mut parts, mut told) = (Parts::default(), HashMap::new());
        for bucket in 0..PARTS_MAX {
            assert!(parts.report(&u64::try_from(bucket).unwrap(), 0));
        }
        assert!(!parts.report(&u64::MAX, 1), "there is no room");
        for _ in 0..8 {
            assert!(parts.report(&7, 10_000_000));
            divide(&mut parts, &mut told, SHARE);
        }
        assert!(told[&7] > SHARE * 9 / 10, "{}", told[&7]);
        assert!(told[&8] > 0);
        parts.remove(&8);
        assert!(parts.report(&u64::MAX, 1));
    }

    #[test]
    fn what_others_were_told_lasts_as_long_as_they_were_told() {
        let mut parts = Parts::default();
        assert!(parts.report(&0, 5));
        parts.divide(SHARE, Nanos(300));
        assert!(parts.report(&1, 0));
        assert_eq!(parts.until(), Nanos(300), "the first has not reported");
        assert!(parts.report(&0, 5));
        assert_eq!(parts.until(), Nanos(0), "both are told anew");
    }

    proptest! {
        #[test]
        fn the_sum_of_what_buckets_were_told_is_never_above_the_share(
            steps in prop::collection::vec((0_u64..40, 0_u64..300_000_000, 0_u64..9, 1..SHARE), 1..200)
        ) {
            let (mut parts, mut told) = (Parts::default(), HashMap::new());
            let mut share = SHARE;
            for (bucket, demand, kind, other) in steps {
                match kind {
                    0 => {
                        parts.remove(&bucket);
                        told.remove(&bucket);
                    }
                    1 => share = other,
                    _ => prop_assert!(parts.report(&bucket, demand)),
                }
                if kind != 2 {
                    divide(&mut parts, &mut told, share);
                    prop_assert!(told.values().sum::<Micro>() <= share);
                    prop_assert_eq!(told.len(), parts.buckets().count());
                }
            }
        }
    }
}
