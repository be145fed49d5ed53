//! The services for Envoy: where they listen, and what the domains of its questions mean.

use std::sync::Arc;

use crate::network::Listener;

/// The most rules of all domains together.
pub const DESCRIPTOR_RULES_MAX: usize = 10_000;

/// The `grpc` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcConfig {
    /// Address, and TLS if any; `127.0.0.1:8081` unless configured.
    pub listener: Listener,
    /// In the order of the file; each name once.
    pub domains: Vec<DescriptorDomain>,
}

/// What the descriptors of one domain mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorDomain {
    /// Its name.
    pub name: Arc<str>,
    /// What it means.
    pub kind: DomainKind,
}

/// What a domain's descriptors say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainKind {
    /// A request, to be decided by the policy.
    Policy(AskedIdentity),
    /// Anything: rules of their own count it.
    Rules(Vec<DescriptorRule>),
}

/// How a question says who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AskedIdentity {
    /// By the caller's credential, which is verified here.
    #[default]
    Token,
    /// By name: whoever asks has verified it.
    Verified,
}

/// One rule of a domain's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorRule {
    /// The key of the entry that it is for.
    pub key: Arc<str>,
    /// The value of that entry.
    pub value: RuleValue,
    /// What is counted where a descriptor ends here.
    pub limit: Option<DescriptorLimit>,
    /// Values that a prefix matches share one bucket.
    pub share_threshold: bool,
    /// Metrics of every value were asked for (`detailed_metric`, `value_to_metric`): there are none, since
    /// metrics never hold what callers send.
    pub metrics_by_value: bool,
    /// Rules for the next entry.
    pub nested: Vec<DescriptorRule>,
}

/// Which values a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleValue {
    /// All for which nothing more specific is there; each counts by itself.
    Any,
    /// This one.
    Exact(Arc<str>),
    /// Those that begin so: `images/*`.
    Prefix(Arc<str>),
}

/// A rule's limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// How much is admitted.
    pub amount: DescriptorAmount,
    /// Its name in answers, and for rules that replace it.
    pub name: Option<Arc<str>>,
    /// Names of limits that do not count where this one does.
    pub replaces: Vec<Arc<str>>,
    /// Whether it refuses.
    pub mode: DescriptorMode,
}

/// How much a rule admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorAmount {
    /// Everything.
    Unlimited,
    /// So many in each unit of time; 0 refuses everything.
    PerUnit(u32, WindowUnit),
}

/// What a limit does beyond its amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DescriptorMode {
    /// It refuses.
    #[default]
    Enforce,
    /// It counts only.
    Shadow,
    /// It counts only, and says in the answer's metadata that it would refuse.
    Quota,
}

/// A unit of time, counted from 1970 in UTC: all of one kind have one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowUnit {
    /// 1 s.
    Second,
    /// 60 s.
    Minute,
    /// 3,600 s.
    Hour,
    /// 86,400 s.
    Day,
    /// 7 days, from a Thursday: 1970 began with one.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

// === impl WindowUnit ===

impl WindowUnit {
    /// All of them, the shortest first.
    pub const ALL: [WindowUnit; 7] = [
        WindowUnit::Second,
        WindowUnit::Minute,
        WindowUnit::Hour,
        WindowUnit::Day,
        WindowUnit::Week,
        WindowUnit::Month,
        WindowUnit::Year,
    ];

    /// The word of the policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WindowUnit::Second => "second",
            WindowUnit::Minute => "minute",
            WindowUnit::Hour => "hour",
            WindowUnit::Day => "day",
            WindowUnit::Week => "week",
            WindowUnit::Month => "month",
            WindowUnit::Year => "year",
        }
    }

    /// Its length.
    #[must_use]
    pub fn seconds(self) -> u32 {
        match self {
            WindowUnit::Second => 1,
            WindowUnit::Minute => 60,
            WindowUnit::Hour => 3_600,
            WindowUnit::Day => 86_400,
            WindowUnit::Week => 7 * 86_400,
            WindowUnit::Month => 30 * 86_400,
            WindowUnit::Year => 365 * 86_400,
        }
    }
}
