//! What one rule counts: a rate, a window, a quota or concurrency; for whom, across which routes.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

/// The slowest rate: one request in this many seconds (366 days).
pub const RATE_PERIOD_SECONDS_MAX: u64 = 366 * 24 * 60 * 60;
/// The fastest rate, in requests per second.
pub const RATE_PER_SECOND_MAX: u64 = 10_000_000;
/// The largest burst, quota or concurrency, in units of cost.
pub const BURST_MAX: u64 = 1 << 32;
/// The longest that a burst may take to refill: what a bucket's clock can count.
pub const REFILL_MAX: Duration = Duration::from_secs(146 * 365 * 86_400);
/// The most units that a sliding window may hold, by its least length in seconds: more cannot be
/// counted beside the window's number in one bucket. A rate has no such bound.
pub const WINDOW_MAX: [(u64, u64); 4] = [
    (86_400, 1 << 24),
    (3_600, 1 << 21),
    (60, 1 << 18),
    (1, 1 << 16),
];

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

/// A calendar period of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuotaPeriod {
    /// A minute of the clock.
    Minute,
    /// An hour of the clock.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

impl QuotaPeriod {
    /// All of them, the shortest first.
    pub const ALL: [QuotaPeriod; 5] = [
        QuotaPeriod::Minute,
        QuotaPeriod::Hour,
        QuotaPeriod::Day,
        QuotaPeriod::Week,
        QuotaPeriod::Month,
    ];

    /// The word of the policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            QuotaPeriod::Minute => "minute",
            QuotaPeriod::Hour => "hour",
            QuotaPeriod::Day => "day",
            QuotaPeriod::Week => "week",
            QuotaPeriod::Month => "month",
        }
    }
}

/// What becomes of what a caller has spent when its limit changes: a reload, or another plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnChange {
    /// The same share of the limit stays spent.
    #[default]
    Keep,
    /// The same number of units stays spent, at most the new limit.
    AsIs,
    /// Nothing stays spent.
    Reset,
}

/// What is counted, and how much of it is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// Rate and burst (GCRA).
    Rate {
        /// The sustained rate.
        rate: Rate,
        /// How much may come at once; 1 to 2^32, `rate.count` unless configured.
        burst: NonZeroU64,
    },
    /// A sliding window.
    Window {
        /// Units in a window; at most what [`WINDOW_MAX`] says for its length.
        max: NonZeroU64,
        /// The window's length, 1 s to 366 days.
        length: Duration,
    },
    /// Units per calendar period.
    Quota {
        /// Units in a period; 1 to 2^32.
        max: NonZeroU64,
        /// The period.
        period: QuotaPeriod,
        /// Whose midnight ends it; UTC unless configured.
        zone: TimeZone,
        /// The day on which months begin, 1 to 31, in shorter months the last; 1 unless configured.
        first_day: u8,
    },
    /// Requests under way at once.
    Concurrency {
        /// How many; 1 to 2^32.
        max: NonZeroU64,
    },
}

impl Amount {
    /// The most units that can be admitted at once.
    #[must_use]
    pub fn capacity(&self) -> NonZeroU64 {
        match self {
            Amount::Rate { burst, .. } => *burst,
            Amount::Window { max, .. }
            | Amount::Quota { max, .. }
            | Amount::Concurrency { max } => *max,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Rate { rate, burst } => write!(f, "{rate} burst {burst}"),
            Amount::Window { max, length } => {
                let rate = Rate {
                    count: *max,
                    period: *length,
                };
                write!(f, "{rate} sliding")
            }
            Amount::Quota {
                max,
                period,
                zone,
                first_day,
            } => {
                write!(f, "{max}/{}", period.as_str())?;
                if *first_day > 1 {
                    write!(f, " from day {first_day}")?;
                }
                zone.iana_name()
                    .map_or(Ok(()), |zone| write!(f, " in {zone}"))
            }
            Amount::Concurrency { max } => write!(f, "{max} at once"),
        }
    }
}

/// One named rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name: unique in a plan's list, and what a route's limit replaces it by.
    pub name: Arc<str>,
    /// What is counted, and how much of it.
    pub amount: Amount,
    /// Whose requests share a bucket.
    pub per: Per,
    /// Whether routes share the bucket.
    pub across: Across,
    /// The mode in force: the least strict of the policy's, the plan's and the limit's own.
    pub mode: Mode,
    /// What one request costs; at most the capacity.
    pub cost: NonZeroU64,
    /// What becomes of what was spent when the limit changes.
    pub on_change: OnChange,
    /// What happens at the edge of a quota; `None` for everything else.
    pub quota: Option<QuotaRules>,
}

impl Limit {
    /// How many limits a decision consults for this one.
    #[must_use]
    pub fn consulted(&self) -> usize {
        let rules = self.quota.as_ref();
        let throttle = rules.is_some_and(|rules| matches!(rules.on_exceed, OnExceed::Throttle(_)));
        let share = rules.is_some_and(|rules| rules.user_share_percent.is_some());
        1 + usize::from(throttle) + usize::from(share)
    }
}

/// What happens as a quota comes to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRules {
    /// Beyond the quota and its grace.
    pub on_exceed: OnExceed,
    /// Units beyond the quota before that happens, in percent of the quota; 0 unless configured.
    pub grace_percent: u32,
    /// At which shares of the quota, in percent, somebody is told; ascending.
    pub notify_at: Arc<[u32]>,
    /// The most that one user of an account may use of the account's quota, in percent.
    pub user_share_percent: Option<u32>,
}

/// What happens beyond a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExceed {
    /// Goes on serving; somebody is told.
    #[default]
    Notify,
    /// Goes on at this rate.
    Throttle(Throttle),
    /// Refuses.
    Block,
}

impl OnExceed {
    /// Its word in the policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Throttle(_) => "throttle",
            Self::Block => "block",
        }
    }
}

/// The rate beyond a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// The sustained rate.
    pub rate: Rate,
    /// How much may come at once.
    pub burst: NonZeroU64,
}

/// `percent` of `units`, rounded up, at least one and at most [`BURST_MAX`].
#[must_use]
pub fn percent_of(units: NonZeroU64, percent: u32) -> NonZeroU64 {
    let part = (u128::from(units.get()) * u128::from(percent)).div_ceil(100);
    let part = u64::try_from(part).unwrap_or(BURST_MAX).min(BURST_MAX);
    NonZeroU64::new(part).unwrap_or(NonZeroU64::MIN)
}
