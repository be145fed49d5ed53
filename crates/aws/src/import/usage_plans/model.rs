//! Usage plans, keys and usage as API Gateway has them.

use std::num::NonZeroU64;

use tollgate_identity::Redacted;
use tollgate_policy::QuotaPeriod;
use zeroize::Zeroizing;

use super::rate::RatePerSecond;

/// The text of a key; never shown.
pub(super) type KeyValue = Redacted<Zeroizing<String>>;

/// A usage plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePlan {
    /// Its id, or its name in a template.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What a key may do on all methods together.
    pub throttle: Option<Throttle>,
    /// What a key may do in a period.
    pub quota: Option<Quota>,
    /// Where the plan holds.
    pub stages: Vec<PlanStage>,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// How fast tokens come.
    pub rate: RatePerSecond,
    /// How many there are at most; `None` where nothing was said.
    pub burst: Option<NonZeroU64>,
}

/// Requests in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub limit: NonZeroU64,
    /// How many fewer in the first period, by the words of the documentation.
    pub offset: u64,
    /// Day, week or month.
    pub period: QuotaPeriod,
}

/// A stage of an API, with the throttles of its methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStage {
    /// The API's id, or its name in a template.
    pub api: String,
    /// The stage.
    pub stage: String,
    /// Throttles of single methods.
    pub methods: Vec<MethodThrottle>,
}

/// The throttle of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodThrottle {
    /// The resource's path, as a template.
    pub path: String,
    /// The method, or `ANY`.
    pub method: String,
    /// Its own bucket.
    pub throttle: Throttle,
}

/// An API key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Its id, or its name in a template; a CSV file has none.
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) value: Option<KeyValue>,
    /// `None` where nothing was said.
    pub(super) enabled: Option<bool>,
    /// Ids of its plans, as far as this source says.
    pub(super) plans: Vec<String>,
}

/// That a key is in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) plan: String,
    pub(super) key: String,
}

/// What the keys of a plan have used.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    pub(super) plan: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) keys: Vec<KeyUsage>,
}

/// What one key has used.
#[derive(Debug, Clone)]
pub(super) struct KeyUsage {
    /// An id or a value, whichever the service gave: never shown unless it is a known id.
    pub(super) key: KeyValue,
    pub(super) used: u64,
    /// At the end of the last day; negative where a key went over.
    pub(super) remaining: Option<i64>,
}

// === impl Throttle ===

impl Throttle {
    /// The burst that is counted: a second's worth where nothing was said, at least one.
    #[must_use]
    pub fn burst_or_second(&self) -> u64 {
        let (units, seconds) = self.rate.fraction();
        let second = u64::try_from(units.div_ceil(seconds)).unwrap_or(u64::MAX);
        self.burst.map_or(second.max(1), NonZeroU64::get)
    }

    /// The stricter of two: the slower one, then the one with the smaller burst.
    pub(super) fn stricter(self, other: Self) -> Self {
        let order = |throttle: &Self| (throttle.rate, throttle.burst_or_second());
        if order(&other) < order(&self) {
            other
        } else {
            self
        }
    }
}
