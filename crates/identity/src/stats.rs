//! What identity did so far, for metrics: no label carries a byte of a request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{KeyStatus, TokenError, counter::Counter};

/// A snapshot of the counters of a [`crate::Verifier`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityStats {
    /// Tokens found valid, from the cache or by verification.
    pub valid: u64,
    /// Tokens refused, by reason, in the order of [`TokenError::ALL`].
    pub refused: Vec<(TokenError, u64)>,
    /// Verdicts put off because keys were awaited.
    pub keys_pending: u64,
    /// Verdicts that failed for lack of keys.
    pub keys_unavailable: u64,
    /// Tokens not looked at because their network's budget of failures was spent.
    pub over_budget: u64,
    /// Signatures checked: the dear part.
    pub signatures_checked: u64,
    /// Verdicts from memory, of valid and refused tokens.
    pub cache_hits: u64,
    /// Tokens of the right shape that were not in memory.
    pub cache_misses: u64,
    /// Entries of valid tokens.
    pub cache_valid_entries: usize,
    /// Entries of refused tokens.
    pub cache_refused_entries: usize,
    /// The key set of each issuer, in the order of the configuration.
    pub keys: Vec<KeyStatus>,
}

/// The living counters. Those of the hot path are spread over cores.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) valid: Counter,
    /// Valid, and from memory without another look: one count for both.
    pub(crate) recalled: Counter,
    pub(crate) cache_hits: Counter,
    pub(crate) cache_misses: Counter,
    pub(crate) signatures_checked: Counter,
    pub(crate) keys_pending: Counter,
    pub(crate) keys_unavailable: Counter,
    pub(crate) over_budget: Counter,
    refused: [AtomicU64; TokenError::ALL.len()],
}

impl Counters {
    pub(crate) fn refuse(&self, reason: TokenError) {
        self.refused[reason.index()].fetch_add(1, Relaxed);
    }

    pub(crate) fn refused(&self) -> Vec<(TokenError, u64)> {
        let counts = self.refused.iter().map(|count| count.load(Relaxed));
        TokenError::ALL.iter().copied().zip(counts).collect()
    }
}
