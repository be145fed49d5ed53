//! What one rule counts: a rate with a burst, for whom, across which routes.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// The slowest rate: one request in this many seconds (366 days).
pub const RATE_PERIOD_SECONDS_MAX: u64 = 366 * 24 * 60 * 60;
/// The fastest rate, in requests per second.
pub const RATE_PER_SECOND_MAX: u64 = 10_000_000;
/// The largest burst, in units of cost.
pub const BURST_MAX: u64 = 1 << 32;

/// Whether a rule blocks, only counts, or does neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Counts, and refuses what is above the limit.
    #[default]
    Enforce,
    /// Counts and reports, never refuses.
    Shadow,
    /// Neither counts nor refuses.
    Off,
}

impl Mode {
    /// The mode in force where two levels speak: the least strict of them.
    #[must_use]
    pub fn and(self, other: Mode) -> Mode {
        match (self, other) {
            (Mode::Off, _) | (_, Mode::Off) => Mode::Off,
            (Mode::Shadow, _) | (_, Mode::Shadow) => Mode::Shadow,
            (Mode::Enforce, Mode::Enforce) => Mode::Enforce,
        }
    }

    /// The word of the policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
            Mode::Off => "off",
        }
    }
}

/// Whose requests share one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Per {
    /// One bucket a verified user; an anonymous caller counts by its network.
    #[default]
    User,
    /// One bucket an account; a user without an account counts alone.
    Account,
    /// One bucket a client network (IPv4 /32, IPv6 /64 unless configured).
    Network,
    /// One bucket for all callers together.
    Global,
}

impl Per {
    /// The word of the policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Per::User => "user",
            Per::Account => "account",
            Per::Network => "network",
            Per::Global => "global",
        }
    }
}

/// Whether routes share the bucket of a plan's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Across {
    /// A bucket of its own for each route.
    #[default]
    EachRoute,
    /// One bucket for all routes that the limit applies to.
    AllRoutes,
}

/// A number of requests in a period: `100/s`, `5/min`, `1/10min`, `30/90s`.
///
/// Between one in 366 days ([`RATE_PERIOD_SECONDS_MAX`]) and ten million per second
/// ([`RATE_PER_SECOND_MAX`]); the period is never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Requests (units of cost) in one period.
    pub count: NonZeroU64,
    /// The period.
    pub period: Duration,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = crate::duration::humane(self.period);
        match period.strip_prefix('1') {
            Some(unit) if !unit.starts_with(|c: char| c.is_ascii_digit()) => {
                write!(f, "{}/{unit}", self.count)
            }
            _ => write!(f, "{}/{period}", self.count),
        }
    }
}

/// One named rule: rate and burst (GCRA).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name: unique in a plan's list, and what a route's limit replaces it by.
    pub name: Arc<str>,
    /// The sustained rate.
    pub rate: Rate,
    /// How much may come at once; 1 to 2^32, `rate.count` unless configured.
    pub burst: NonZeroU64,
    /// Whose requests share a bucket.
    pub per: Per,
    /// Whether routes share the bucket.
    pub across: Across,
    /// The mode in force: the least strict of the policy's, the plan's and the limit's own.
    pub mode: Mode,
    /// What one request costs; at most the burst.
    pub cost: NonZeroU64,
}
