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
    /// A quota is used up: throttles are in force.
    throttled: bool,
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
            throttled: false,
        }
    }

    /// With the rates beyond quotas in force, or not.
    pub(crate) fn with_throttles(self, throttled: bool) -> Self {
        Self { throttled, ..self }
    }

    /// Each limit with its reading; a throttle only while it is in force.
    pub fn iter(&self) -> impl Iterator<Item = LimitState<'_>> {
        let limits = self.list.iter().flat_map(|list| list.limits.iter());
        let read = limits.zip(&self.readings);
        read.filter(|(limit, _)| self.throttled || !limit.is_throttle)
            .map(|(limit, reading)| LimitState {
                limit,
                reading: Reading {
                    remaining: reading.remaining.saturating_sub(limit.grace),
                    ..*reading
                },
                enforcement: limit.enforcement_on(self.never_block),
            })
    }

    /// The limits that could refuse.
    pub fn binding(&self) -> impl Iterator<Item = LimitState<'_>> {
        self.iter()
            .filter(|state| state.enforcement == Enforcement::Binding)
    }

    /// Limits that did not admit, binding or in shadow; not quotas beyond which is served on.
    pub fn refusing(&self) -> impl Iterator<Item = LimitState<'_>> {
        self.iter()
            .filter(|state| !state.reading.admitted() && !state.limit.serves_on)
    }

    /// The `RateLimit-Policy` field (draft-10) of the binding limits, rendered once a reload.
    pub(crate) fn policy_field(&self) -> Option<&HeaderValue> {
        let list = self.list.as_deref().filter(|_| !self.never_block)?;
        let fields = &list.policy_fields;
        if self.throttled {
            fields.throttled.as_ref()
        } else {
            fields.usual.as_ref()
        }
    }
}
