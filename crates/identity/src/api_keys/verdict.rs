//! What is said of a presented key, and how often.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{User, counter::Counter};

/// What is known about a presented key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiKeyVerdict {
    /// It is in the file, and its time has not passed.
    Valid(Arc<User>),
    /// It is refused.
    Invalid(ApiKeyError),
    /// It is no good key, and its network's [`crate::FailureBudget`] is spent.
    OverBudget,
}

/// Why a key is refused. No variant carries a byte of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// Not 20 to 255 visible ASCII characters.
    Malformed,
    /// Its hash is not in the file.
    Unknown,
    /// Its not-after has passed.
    Expired,
}

/// A snapshot of the counters of [`crate::ApiKeys`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyStats {
    /// Keys of the file, those whose time has passed included.
    pub keys: usize,
    /// Keys found valid.
    pub valid: u64,
    /// Keys refused, by reason, in the order of [`ApiKeyError::ALL`].
    pub refused: [(ApiKeyError, u64); ApiKeyError::ALL.len()],
    /// Keys refused without a reason because their network's budget of failures was spent.
    pub over_budget: u64,
}

/// The living counters. That of the hot path is spread over cores.
#[derive(Default)]
pub(super) struct Counters {
    valid: Counter,
    refused: [AtomicU64; ApiKeyError::ALL.len()],
    over_budget: Counter,
}

// === impl ApiKeyError ===

impl ApiKeyError {
    /// Every reason, in the order of the checks.
    pub const ALL: [Self; 3] = [Self::Malformed, Self::Unknown, Self::Expired];

    /// A stable name for metrics and logs, of `a-z_`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
        }
    }

    /// A sentence for the caller; never echoes input.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Malformed => "the API key is not 20 to 255 visible ASCII characters",
            Self::Unknown => "the API key is not known",
            Self::Expired => "the API key expired",
        }
    }
}

impl fmt::Display for ApiKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

// === impl Counters ===

impl Counters {
    pub(super) fn count(&self, verdict: &ApiKeyVerdict) {
        match verdict {
            ApiKeyVerdict::Valid(_) => self.valid.increment(),
            ApiKeyVerdict::Invalid(reason) => {
                self.refused[*reason as usize].fetch_add(1, Relaxed);
            }
            ApiKeyVerdict::OverBudget => self.over_budget.increment(),
        }
    }

    pub(super) fn stats(&self, keys: usize) -> ApiKeyStats {
        let refused = |reason: ApiKeyError| (reason, self.refused[reason as usize].load(Relaxed));
        ApiKeyStats {
            keys,
            valid: self.valid.get(),
            refused: ApiKeyError::ALL.map(refused),
            over_budget: self.over_budget.get(),
        }
    }
}
