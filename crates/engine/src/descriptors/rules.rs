//! Which limit a descriptor meets, and in which bucket.

use std::sync::Arc;

use tollgate_limiter::{BucketKey, Reading, Registered};
use tollgate_policy::{DescriptorLimit, DescriptorMode, WindowUnit};

/// A limit that a question brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Override {
    /// How many requests; 0 refuses all.
    pub requests: u32,
    /// In each of which unit.
    pub unit: WindowUnit,
}

/// A rule's limit, ready to be counted.
#[derive(Debug)]
pub struct RuledLimit {
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// How many in which unit; `None`: as many as there are.
    pub amount: Option<Override>,
    /// Whether it refuses.
    pub mode: DescriptorMode,
    pub(super) replaces: Box<[Arc<str>]>,
    /// What counts it; nothing where everything or nothing is admitted.
    pub(super) registered: Option<Arc<Registered>>,
}

/// What came of one descriptor.
#[derive(Clone, Debug)]
pub struct Ruled {
    /// The limit that it met, if it met one.
    pub limit: Option<Arc<RuledLimit>>,
    /// What that says of it.
    pub reading: Reading,
    /// The limit would refuse this descriptor; in shadow it does not.
    pub is_above: bool,
}

/// A descriptor's limit and bucket.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    pub(crate) limit: Option<Arc<RuledLimit>>,
    pub(crate) key: Option<BucketKey>,
}

/// One that is counted, and its place among all.
pub(super) struct Counted<'a> {
    pub(super) place: usize,
    pub(super) key: BucketKey,
    pub(super) registered: &'a Arc<Registered>,
    pub(super) mode: DescriptorMode,
}

// === impl RuledLimit ===

impl RuledLimit {
    pub(super) fn new(limit: &DescriptorLimit, registered: Option<Arc<Registered>>) -> Self {
        Self {
            name: limit.name.clone(),
            amount: match limit.amount {
                tollgate_policy::DescriptorAmount::Unlimited => None,
                tollgate_policy::DescriptorAmount::PerUnit(requests, unit) => {
                    Some(Override { requests, unit })
                }
            },
            mode: limit.mode,
            replaces: limit.replaces.iter().cloned().collect(),
            registered,
        }
    }

    /// Whether it refuses what is above it.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        self.mode == DescriptorMode::Enforce
    }
}

// === impl Ruled ===

impl Ruled {
    /// This descriptor is why the question is refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.is_above && self.limit.as_ref().is_some_and(|limit| limit.is_enforced())
    }
}

// === impl Matched ===

impl Matched {
    pub(super) fn counted((place, matched): (usize, &Self)) -> Option<Counted<'_>> {
        let limit = matched.limit.as_ref()?;
        Some(Counted {
            place,
            key: matched.key?,
            registered: limit.registered.as_ref()?,
            mode: limit.mode,
        })
    }

    pub(super) fn is_counted(&self) -> bool {
        Self::counted((0, self)).is_some()
    }

    /// A limit of zero that is enforced.
    pub(super) fn refuses_all(&self) -> bool {
        let limit = self.limit.as_ref();
        limit.is_some_and(|limit| limit.admits_nothing() && limit.is_enforced())
    }

    pub(super) fn ruled(&self, reading: Option<Reading>) -> Ruled {
        let nothing = self
            .limit
            .as_ref()
            .is_some_and(|limit| limit.admits_nothing());
        Ruled {
            limit: self.limit.clone(),
            is_above: nothing || reading.is_some_and(|reading| !reading.admitted()),
            reading: reading.unwrap_or_default(),
        }
    }
}

impl RuledLimit {
    fn admits_nothing(&self) -> bool {
        self.amount.is_some_and(|amount| amount.requests == 0)
    }
}

/// Takes out the limits that others of the same question replace.
pub(super) fn replace(matched: &mut [Matched]) {
    let replaces = |matched: &Matched| {
        let limit = matched.limit.as_ref();
        limit.is_some_and(|limit| !limit.replaces.is_empty())
    };
    if !matched.iter().any(replaces) {
        return;
    }
    let all = matched.iter().filter_map(|matched| matched.limit.clone());
    let replaced: Vec<Arc<str>> = all.flat_map(|limit| limit.replaces.to_vec()).collect();
    for matched in matched {
        let name = matched.limit.as_ref().and_then(|limit| limit.name.as_ref());
        if name.is_some_and(|name| replaced.contains(name)) {
            *matched = Matched::default();
        }
    }
}
