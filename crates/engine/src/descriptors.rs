//! Descriptors that rules of their own count: not requests of the policy's, but whatever whoever asks
//! lists by key and value.
//!
//! All descriptors of one question are decided as one, like the limits of a request: one that refuses
//! leaves all others as they were.

mod domains;
mod rules;

use smallvec::{SmallVec, smallvec};
use tollgate_limiter::{CHECKS_MAX, Charged, Check, Enforcement, Now, Partition, Reading};
use tollgate_policy::DescriptorMode;

use crate::engine::Engine;

pub use domains::DomainMeaning;
pub(crate) use domains::Domains;
use rules::{Counted, Matched};
pub use rules::{Override, Ruled, RuledLimit};

/// The most descriptors of one question that may be counted: as many limits as one decision takes.
pub const DESCRIPTORS_MAX: usize = CHECKS_MAX;

/// One descriptor of a question.
#[derive(Clone, Debug, Default)]
pub struct Descriptor<'a> {
    /// Keys and values, in order.
    pub entries: SmallVec<[(&'a str, &'a str); 4]>,
    /// What it counts.
    pub hits: Hits,
    /// A limit that whoever asks brings along, instead of a rule's.
    pub limit: Option<Override>,
}

/// What a descriptor counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// So many. With none nothing is counted, and refused is what one more would be refused for.
    Take(u64),
    /// So many are given back, at most until nothing is spent.
    GiveBack(u64),
}

/// What was decided of a question's descriptors.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// No descriptor refuses; all were counted.
    pub admitted: bool,
    /// What came of each, in their order.
    pub each: SmallVec<[Ruled; 2]>,
}

/// Why a question cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// More than can be decided as one.
    #[error("at most {DESCRIPTORS_MAX} descriptors with limits can be decided as one")]
    TooMany,
}

// === impl Hits ===

impl Default for Hits {
    fn default() -> Self {
        Self::Take(1)
    }
}

// === impl Engine ===

impl Engine {
    /// Decides the descriptors of a domain that has rules; in any other, and where no rule fits, a
    /// descriptor is not limited.
    ///
    /// # Errors
    /// Too many of something; nothing was counted then.
    pub fn decide_descriptors(
        &self,
        domain: &str,
        descriptors: &[Descriptor<'_>],
        now: Now,
    ) -> Result<Ruling, DescriptorError> {
        let snapshot = self.snapshot();
        let table = self.table();
        let mut matched: SmallVec<[Matched; 2]> = SmallVec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            let found = snapshot
                .domains
                .find(domain, descriptor, (self.hash_key(), table));
            matched.push(found);
        }
        rules::replace(&mut matched);
        let counted = || matched.iter().enumerate().filter_map(Matched::counted);
        if counted().count() > DESCRIPTORS_MAX {
            return Err(DescriptorError::TooMany);
        }
        let hits = |place: usize| descriptors[place].hits;
        let mut readings: SmallVec<[Reading; 2]> = smallvec![Reading::default(); counted().count()];
        let admitted = {
            let checks = |looks: u64| -> SmallVec<[Check<'_>; 2]> {
                counted()
                    .map(|counted| counted.check(taken(hits(counted.place), looks)))
                    .collect()
            };
            let never = |matched: &Matched| matched.refuses_all();
            let looks = counted().any(|counted| hits(counted.place) == Hits::Take(0));
            // What only looks would refuse the request that comes next.
            let is_open = !matched.iter().any(never)
                && (!looks || table.peek(now, &checks(1), &mut readings));
            match is_open {
                true => table.decide(now, &checks(0), &mut readings).admitted(),
                false => {
                    table.peek(now, &checks(1), &mut readings);
                    false
                }
            }
        };
        if admitted {
            for (counted, reading) in counted().zip(&mut readings) {
                if let Hits::GiveBack(units) = hits(counted.place) {
                    let charged = Charged {
                        at: now,
                        cost: units,
                        overflowed: reading.overflowed,
                    };
                    *reading = table.settle(now, counted.check(0), charged, 0);
                }
            }
        }
        let mut readings = readings.into_iter();
        let each = matched.iter().map(|matched| match matched.is_counted() {
            true => matched.ruled(readings.next()),
            false => matched.ruled(None),
        });
        Ok(Ruling {
            admitted,
            each: each.collect(),
        })
    }
}

/// What is taken at once; `looks` is what those take that only look.
fn taken(hits: Hits, looks: u64) -> u64 {
    match hits {
        Hits::Take(0) => looks,
        Hits::Take(hits) => hits,
        Hits::GiveBack(_) => 0,
    }
}

impl<'a> Counted<'a> {
    fn check(&self, cost: u64) -> Check<'a> {
        Check {
            // Values are what anybody sends: they crowd out no verified user.
            partition: Partition::Networks,
            cost,
            enforcement: match self.mode {
                DescriptorMode::Enforce => Enforcement::Binding,
                DescriptorMode::Shadow | DescriptorMode::Quota => Enforcement::Shadow,
            },
            carry: tollgate_limiter::CarryOver::AsIs,
            ..Check::new(self.key, self.registered)
        }
    }
}

#[cfg(test)]
mod tests;
