//! Units counted against quotas: what is counted, and batches of it that count once.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tollgate_limiter::CarryOver;

use crate::counted_log::LogStep;
use crate::error::StoreError;
use crate::holder::Holder;
use crate::limit_text::RouteName;
use crate::meter::Meters;
use crate::span::Span;
use crate::texts::{LimitName, Name};

/// The most counters of one batch.
pub const COUNTS_PER_BATCH_MAX: usize = 10_000;
/// The most units that one batch adds to one counter: 2^40.
pub const UNITS_PER_BATCH_MAX: u64 = 1 << 40;

/// One limit of one holder, in one period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter {
    /// Whose.
    pub holder: Holder,
    /// The account that a subject acted in: in each it has a count of its own.
    pub account: Option<Name>,
    /// The limit's name, as in the policy.
    pub limit: LimitName,
    /// The one route it is counted on; `None`: all routes together.
    pub route: Option<RouteName>,
    /// The period's first millisecond since 1970: what tells periods apart.
    from_ms: u64,
    /// The first millisecond after it.
    until_ms: u64,
}

/// A counter and its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What was counted.
    pub counter: Counter,
    /// How much.
    pub units: u64,
    /// Of how many units that was: the quota when it was last added to; 0 where nobody said.
    pub quota: u64,
    /// How often something of it was given back ([`crate::Store::give_back`]): since it was less, what is known
    /// of it elsewhere may be too much.
    pub given_back: u64,
}

// === impl Share ===

impl Share {
    /// Whether it is so many percent or more; of a quota that is not known it is not.
    pub(crate) fn has(self, percent: u32) -> bool {
        let threshold = u128::from(self.quota) * u128::from(percent);
        self.quota > 0 && threshold <= u128::from(self.units) * 100
    }
}

// === impl Count ===

impl Count {
    /// Its units in terms of another quota. Of what there was no quota before there is no share.
    #[must_use]
    pub fn units_of(&self, quota: u64, carry: CarryOver) -> u64 {
        match (self.quota, quota) {
            (0, _) | (_, 0) => self.units,
            (from, to) if from == to => self.units,
            (from, to) => carry.units(self.units, from, to),
        }
    }
}

/// Units to be added to a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addition {
    pub(crate) units: u64,
    /// How many units there are; 0 where that is not known.
    pub(crate) quota: u64,
    pub(crate) carry: CarryOver,
}

/// What a batch made of one of its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summed {
    /// What is counted now.
    pub count: Count,
    /// What was counted before; nothing where that was carried over from another quota, as all of it is new
    /// then.
    pub before: u64,
    pub(crate) carried: Option<Carried>,
}

/// What became of a count when its quota became another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) before: Share,
    pub(crate) after: Share,
}

/// Units of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) units: u64,
    pub(crate) quota: u64,
}

/// Who sends batches: one process from its start to its end. Random, so that a process that was started
/// again is another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchWriter([u8; 16]);

/// Units and usage to be added, at most once however often they are sent.
///
/// A writer sends one batch at a time, and the same one again until it is answered; then the next,
/// with a higher number. What it had not sent when it ended is lost; nothing is ever counted twice.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) writer: BatchWriter,
    pub(crate) number: u64,
    pub(crate) units: BTreeMap<Counter, Addition>,
    pub(crate) meters: Meters,
    /// Of which lines it is, if it is of a log's.
    pub(crate) log: Option<LogStep>,
}

/// What became of a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is counted now.
    Now,
    /// It was counted when it was sent before.
    Before,
}

impl Counter {
    /// A counter of a period that has an end.
    ///
    /// # Errors
    /// [`StoreError::Span`] for a period without one.
    pub fn new(
        holder: Holder,
        limit: LimitName,
        route: Option<RouteName>,
        period: Span,
    ) -> Result<Self, StoreError> {
        let (from_ms, until_ms) = (period.from_ms(), period.until_ms());
        let endless = StoreError::Span { from_ms, until_ms };
        Ok(Self {
            holder,
            account: None,
            limit,
            route,
            from_ms,
            until_ms: until_ms.ok_or(endless)?,
        })
    }

    /// The same of a subject that acted in an account.
    #[must_use]
    pub fn in_account(self, account: Option<Name>) -> Self {
        Self { account, ..self }
    }

    /// The period's first millisecond, since 1970.
    #[must_use]
    pub fn from_ms(&self) -> u64 {
        self.from_ms
    }

    /// The first millisecond after the period.
    #[must_use]
    pub fn until_ms(&self) -> u64 {
        self.until_ms
    }
}

impl BatchWriter {
    /// Another one than there ever was.
    ///
    /// # Errors
    /// [`StoreError::Randomness`].
    pub fn random() -> Result<Self, StoreError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| StoreError::Randomness)?;
        Ok(Self(id))
    }

    /// The writer of one batch that may be sent again by whoever has this key: the same key is the same batch.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        let digest = Sha256::digest(key);
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }
}

impl fmt::Display for BatchWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for BatchWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchWriter({self})")
    }
}

impl Batch {
    /// An empty one. Numbers of one writer only grow.
    #[must_use]
    pub fn new(writer: BatchWriter, number: u64) -> Self {
        Self {
            writer,
            number,
            units: BTreeMap::new(),
            meters: Meters::default(),
            log: None,
        }
    }

    /// Adds units to a counter of a quota that never changes.
    ///
    /// # Errors
    /// As [`Batch::add_of`].
    pub fn add(&mut self, counter: Counter, units: u64) -> Result<(), StoreError> {
        self.add_of(counter, units, 0, CarryOver::AsIs)
    }

    /// Adds units to a counter of a quota of so many. What the counter has already, of a quota that was
    /// another one, is carried over first, as `carry` says.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when the batch is full, or one counter of it, or has the counter with
    /// another quota: send it first.
    pub fn add_of(
        &mut self,
        counter: Counter,
        units: u64,
        quota: u64,
        carry: CarryOver,
    ) -> Result<(), StoreError> {
        let known = self.units.get(&counter).copied();
        if known.is_none() && self.units.len() >= COUNTS_PER_BATCH_MAX {
            return Err(StoreError::TooMany {
                what: "counters in one batch",
                max: COUNTS_PER_BATCH_MAX,
            });
        }
        if known.is_some_and(|known| known.quota != quota) {
            return Err(StoreError::TooMany {
                what: "quotas of one counter in one batch",
                max: 1,
            });
        }
        let units = known.map_or(0, |known| known.units).saturating_add(units);
        if units > UNITS_PER_BATCH_MAX {
            return Err(StoreError::TooMany {
                what: "units of one counter in one batch",
                max: usize::try_from(UNITS_PER_BATCH_MAX).unwrap_or(usize::MAX),
            });
        }
        let addition = Addition {
            units,
            quota,
            carry,
        };
        self.units.insert(counter, addition);
        Ok(())
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.meters.series.is_empty() && self.log.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &str) -> Counter {
        let holder = Holder::subject("i", name).unwrap();
        let limit = LimitName::parse("monthly").unwrap();
        let period = Span::new(0, Some(10)).unwrap();
        Counter::new(holder, limit, None, period).unwrap()
    }

    #[test]
    fn a_batch_adds_up_and_has_bounds() {
        let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
        for number in 0..COUNTS_PER_BATCH_MAX {
            batch.add(counter(&number.to_string()), 1).unwrap();
        }
        assert!(batch.add(counter("one more"), 1).is_err());
        batch.add(counter("0"), UNITS_PER_BATCH_MAX - 1).unwrap();
        assert!(batch.add(counter("0"), 1).is_err());
        assert_eq!(batch.units[&counter("0")].units, UNITS_PER_BATCH_MAX);
        let other = batch.add_of(counter("1"), 1, 100, CarryOver::Keep);
        assert!(other.is_err(), "two quotas of one counter");
    }

    #[test]
    fn a_period_without_an_end_is_none() {
        let holder = Holder::subject("i", "s").unwrap();
        let limit = LimitName::parse("monthly").unwrap();
        let endless = Span::new(0, None).unwrap();
        assert!(Counter::new(holder, limit, None, endless).is_err());
    }
}
