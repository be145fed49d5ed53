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
    throttles: InForce,
}

/// Which throttles of a list are in force: a bit for each place, of which there are at most
/// [`tollgate_limiter::CHECKS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InForce(pub(crate) u16);

impl InForce {
    pub(crate) fn add(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    pub(crate) fn has(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }
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
            throttles: InForce::default(),
        }
    }

    /// With these rates beyond quotas in force.
    pub(crate) fn with_throttles(self, throttles: InForce) -> Self {
        Self { throttles, ..self }
    }

    /// The list that was consulted, if there was anything in it.
    pub(crate) fn list(&self) -> Option<&Arc<RouteLimits>> {
        self.list.as_ref()
    }

    /// Each limit with its reading; a throttle only while it is in force.
    pub fn iter(&self) -> impl Iterator<Item = LimitState<'_>> {
        let limits = self.list.iter().flat_map(|list| list.limits.iter());
        let read = limits.zip(&self.readings).enumerate();
        read.filter(|(place, (limit, _))| !limit.is_throttle() || self.throttles.has(*place))
            .map(|(_, (limit, reading))| LimitState {
                limit,
                reading: Reading {
                    remaining: reading.remaining.saturating_sub(limit.grace),
                    ..*reading
                },
                enforcement: limit.enforcement_on(self.never_block),
            })
    }

    /// Each limit that took something of its bucket, and what that held then: where all was admitted, those
    /// that admitted.
    pub(crate) fn charged(&self) -> impl Iterator<Item = (&CountedLimit, &Reading)> {
        let limits = self.list.iter().flat_map(|list| list.limits.iter());
        let read = limits.zip(&self.readings).enumerate();
        read.filter(|(place, (limit, reading))| {
            reading.admitted() && (!limit.is_throttle() || self.throttles.has(*place))
        })
        .map(|(_, charged)| charged)
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
        if self.throttles != InForce::default() {
            fields.throttled.as_ref()
        } else {
            fields.usual.as_ref()
        }
    }
}
