//! The limits that one decision consulted, and what each said.

use std::sync::Arc;

use http::HeaderValue;
use smallvec::SmallVec;
use tollgate_limiter::{Enforcement, Reading};

use crate::limits::{CountedLimit, RouteLimits};

/// Limits and readings of one decision, in the order of the policy.
#[derive(Clone, Debug, Default)]
pub struct Consulted {
    list: Option<Arc<RouteLimits>>,
    readings: SmallVec<[Reading; 2]>,
    never_block: bool,
}

/// One limit and what it said.
#[derive(Clone, Copy, Debug)]
pub struct LimitState<'a> {
    /// The limit.
    pub limit: &'a CountedLimit,
    /// What its bucket holds now.
    pub reading: Reading,
    /// Whether it could refuse this request (a limit in shadow, or any limit on a route that is
    /// never blocked, could not).
    pub enforcement: Enforcement,
}

// === impl Consulted ===

impl Consulted {
    pub(crate) fn new(
        list: Arc<RouteLimits>,
        readings: SmallVec<[Reading; 2]>,
        never_block: bool,
    ) -> Self {
        Self {
            list: Some(list),
            readings,
            never_block,
        }
    }

    /// Each limit with its reading.
    pub fn iter(&self) -> impl Iterator<Item = LimitState<'_>> {
        let limits = self.list.iter().flat_map(|list| list.limits.iter());
        let state = |(limit, reading): (_, &Reading)| LimitState {
            limit,
            reading: *reading,
            enforcement: CountedLimit::enforcement_on(limit, self.never_block),
        };
        limits.zip(&self.readings).map(state)
    }

    /// The limits that could refuse.
    pub fn binding(&self) -> impl Iterator<Item = LimitState<'_>> {
        self.iter()
            .filter(|state| state.enforcement == Enforcement::Binding)
    }

    /// Limits that did not admit, binding or in shadow.
    pub fn refusing(&self) -> impl Iterator<Item = LimitState<'_>> {
        self.iter().filter(|state| !state.reading.admitted())
    }

    /// The `RateLimit-Policy` field (draft-10) of the binding limits, rendered once a reload.
    pub(crate) fn policy_field(&self) -> Option<&HeaderValue> {
        let list = self.list.as_deref().filter(|_| !self.never_block)?;
        list.policy_field.as_ref()
    }
}
