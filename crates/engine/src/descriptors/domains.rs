//! What each domain means: the policy's trees of rules, made ready at a reload.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::Arc;

use parking_lot::RwLock;
use siphasher::sip::SipHasher13;
use tollgate_limiter::{BucketKey, Limit, Registered, Table};
use tollgate_policy::{
    AskedIdentity, DescriptorAmount, DescriptorLimit, DescriptorMode, DescriptorRule, DomainKind,
    GrpcConfig, RuleValue,
};

use super::Descriptor;
use super::rules::{Matched, Override, RuledLimit};
use crate::error::EngineError;
use crate::keys::HashKey;
use crate::snapshot::Snapshot;

/// Different limits that questions bring along, remembered until the next reload. They may hold what a
/// client wrote: beyond, rules count.
const OVERRIDES_MAX: usize = 1_024;

/// What the descriptors of a domain mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainMeaning {
    /// Nothing: there is no such domain.
    Unknown,
    /// A request, which the policy decides.
    Policy(AskedIdentity),
    /// Whatever the domain's rules say.
    Rules,
}

/// All domains.
#[derive(Debug, Default)]
pub(crate) struct Domains {
    by_name: HashMap<Arc<str>, Domain>,
    overrides: RwLock<HashMap<Override, Arc<RuledLimit>>>,
}

#[derive(Debug)]
enum Domain {
    Policy(AskedIdentity),
    Rules(Level),
}

/// Rules for one entry, by its key.
#[derive(Debug, Default)]
struct Level(HashMap<Arc<str>, ByValue>);

/// Rules for one key: exact values first, then prefixes in the policy's order, then the rest.
#[derive(Debug, Default)]
struct ByValue {
    exact: HashMap<Arc<str>, Node>,
    prefixes: Vec<(Arc<str>, Node)>,
    any: Option<Box<Node>>,
}

#[derive(Debug)]
struct Node {
    limit: Option<Arc<RuledLimit>>,
    share_threshold: bool,
    next: Level,
}

// === impl Snapshot ===

impl Snapshot {
    /// What the descriptors of a domain mean.
    #[must_use]
    pub fn meaning_of(&self, domain: &str) -> DomainMeaning {
        match self.domains.by_name.get(domain) {
            None => DomainMeaning::Unknown,
            Some(Domain::Policy(identity)) => DomainMeaning::Policy(*identity),
            Some(Domain::Rules(_)) => DomainMeaning::Rules,
        }
    }
}

// === impl Domains ===

impl Domains {
    pub(crate) fn compile(config: Option<&GrpcConfig>, table: &Table) -> Result<Self, EngineError> {
        let mut by_name = HashMap::new();
        for domain in config.iter().flat_map(|config| &config.domains) {
            let compiled = match &domain.kind {
                DomainKind::Policy(identity) => Domain::Policy(*identity),
                DomainKind::Rules(rules) => {
                    Domain::Rules(Level::compile(rules, &domain.name, table)?)
                }
            };
            by_name.insert(Arc::clone(&domain.name), compiled);
        }
        Ok(Self {
            by_name,
            overrides: RwLock::default(),
        })
    }

    /// The limit and the bucket of a descriptor: nothing in a domain without rules.
    pub(crate) fn find(
        &self,
        domain: &str,
        descriptor: &Descriptor<'_>,
        (hash, table): (&HashKey, &Table),
    ) -> Matched {
        let Some(Domain::Rules(level)) = self.by_name.get(domain) else {
            return Matched::default();
        };
        let mut name = Name::new(hash, domain);
        let brought = descriptor
            .limit
            .map(|limit| self.brought_along(limit, table));
        let limit = match brought {
            Some(Some(limit)) => {
                for (key, value) in &descriptor.entries {
                    name.entry(key, value, false);
                }
                Some(limit)
            }
            // Without room the rule's own counts; where there is none, nothing passes. An error would let
            // all of it through.
            Some(None) => {
                let of_rule = level.find(&descriptor.entries, &mut name);
                of_rule.or_else(|| descriptor.limit.map(refusing))
            }
            None => level.find(&descriptor.entries, &mut name),
        };
        let unit = limit.as_ref().and_then(|limit| limit.amount);
        Matched {
            key: unit.map(|amount| name.bucket(amount)),
            limit,
        }
    }

    /// What counts a limit that came along; nothing where there is no room for one more.
    fn brought_along(&self, limit: Override, table: &Table) -> Option<Arc<RuledLimit>> {
        if limit.requests == 0 {
            return Some(refusing(limit));
        }
        {
            let overrides = self.overrides.read();
            if let Some(known) = overrides.get(&limit) {
                return Some(Arc::clone(known));
            }
            // Before it takes a place in the table.
            if overrides.len() >= OVERRIDES_MAX {
                return None;
            }
        }
        let plain = plain(limit);
        let registered = registered(&plain, "", table).ok()?;
        let made = Arc::new(RuledLimit::new(&plain, registered));
        let mut overrides = self.overrides.write();
        // Others may have come first.
        if overrides.len() >= OVERRIDES_MAX && !overrides.contains_key(&limit) {
            return None;
        }
        Some(Arc::clone(overrides.entry(limit).or_insert(made)))
    }
}

// === impl Level ===

impl Level {
    fn compile(rules: &[DescriptorRule], domain: &str, table: &Table) -> Result<Self, EngineError> {
        let mut level = Self::default();
        for rule in rules {
            let limit = match &rule.limit {
                None => None,
                Some(limit) => {
                    let registered = registered(limit, domain, table)?;
                    Some(Arc::new(RuledLimit::new(limit, registered)))
                }
            };
            let node = Node {
                limit,
                share_threshold: rule.share_threshold,
                next: Self::compile(&rule.nested, domain, table)?,
            };
            let by_value = level.0.entry(Arc::clone(&rule.key)).or_default();
            match &rule.value {
                RuleValue::Any => by_value.any = Some(Box::new(node)),
                RuleValue::Exact(value) => drop(by_value.exact.insert(value.clone(), node)),
                RuleValue::Prefix(prefix) => by_value.prefixes.push((prefix.clone(), node)),
            }
        }
        Ok(level)
    }

    /// Only the rule counts at which the descriptor ends: one that goes on where the tree does not, or
    /// ends before, meets none.
    fn find(&self, entries: &[(&str, &str)], name: &mut Name) -> Option<Arc<RuledLimit>> {
        let mut level = self;
        let (last, before) = entries.split_last()?;
        for (key, value) in before {
            level = &level.step(key, value, name)?.next;
        }
        level.step(last.0, last.1, name)?.limit.clone()
    }

    fn step(&self, key: &str, value: &str, name: &mut Name) -> Option<&Node> {
        let by_value = self.0.get(key)?;
        if let Some(node) = by_value.exact.get(value) {
            name.entry(key, value, false);
            return Some(node);
        }
        let mut prefixes = by_value.prefixes.iter();
        if let Some((prefix, node)) = prefixes.find(|(prefix, _)| value.starts_with(&**prefix)) {
            let shared = if node.share_threshold {
                &**prefix
            } else {
                value
            };
            name.entry(key, shared, node.share_threshold);
            return Some(node);
        }
        name.entry(key, value, false);
        by_value.any.as_deref()
    }
}

/// A limit that came along, as a rule would have it.
fn plain(limit: Override) -> DescriptorLimit {
    DescriptorLimit {
        amount: DescriptorAmount::PerUnit(limit.requests, limit.unit),
        name: None,
        replaces: Vec::new(),
        mode: DescriptorMode::Enforce,
    }
}

/// Refuses all, in the unit of a limit that came along.
fn refusing(limit: Override) -> Arc<RuledLimit> {
    let nothing = Override {
        requests: 0,
        ..limit
    };
    Arc::new(RuledLimit::new(&plain(nothing), None))
}

/// What counts a limit: nothing where everything or nothing is admitted.
fn registered(
    limit: &DescriptorLimit,
    domain: &str,
    table: &Table,
) -> Result<Option<Arc<Registered>>, EngineError> {
    let (requests, unit) = match limit.amount {
        DescriptorAmount::Unlimited | DescriptorAmount::PerUnit(0, _) => return Ok(None),
        DescriptorAmount::PerUnit(requests, unit) => (requests, unit),
    };
    let counted = Limit::fixed_window(requests.into(), unit.seconds());
    let counted = counted.map_err(|source| EngineError::Rule {
        domain: domain.to_owned(),
        source,
    })?;
    Ok(Some(table.register(&counted)?))
}

/// The name of a bucket, hashed as it is found: domain, then keys and values.
struct Name(SipHasher13);

impl Name {
    fn new(hash: &HashKey, domain: &str) -> Self {
        let mut name = Self(SipHasher13::new_with_key(&hash.0));
        name.part(b"descriptor");
        name.part(domain.as_bytes());
        name
    }

    /// `shared`: the value is a prefix that stands for all values.
    fn entry(&mut self, key: &str, value: &str, shared: bool) {
        self.part(key.as_bytes());
        self.part(value.as_bytes());
        self.0.write_u8(u8::from(shared));
    }

    fn part(&mut self, part: &[u8]) {
        self.0.write_u64(part.len() as u64);
        self.0.write(part);
    }

    /// Another unit is another bucket: its periods begin and end elsewhere.
    fn bucket(mut self, amount: Override) -> BucketKey {
        self.0.write_u32(amount.unit.seconds());
        BucketKey(self.0.finish())
    }
}
