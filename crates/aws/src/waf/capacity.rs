//! Web ACL capacity units (WCU): what each statement, rule and set costs.
//!
//! Figures: AWS WAF developer guide, "Rule statements list" and the pages of each statement.
//!
//! | statement | WCU |
//! |---|---|
//! | rate-based | 2, 30 for each custom key, and its scope-down statement |
//! | byte match | 2 for `EXACTLY`, `STARTS_WITH`, `ENDS_WITH`; 10 for `CONTAINS`, `CONTAINS_WORD` |
//! | size 1, regex 3, regex set 25, SQL 20 (`HIGH`: 30), script 40 | |
//! | label, country, ASN, IP set | 1; an IP set over any address of a forwarding field 5 |
//! | of a field | all query arguments: 10 more; JSON body: the base twice; each text transformation: 10 |
//! | rule group | what is set aside for it; a managed one's scope-down statement besides |
//!
//! AWS does not say whether `NONE` is a transformation that costs, nor what transformations inside
//! custom keys cost. [`Wcu::units`] takes the guide by its letter for what changes a text: `NONE`
//! costs nothing, a custom key 30. [`Wcu::at_most`] counts 10 for each such case.

use std::iter::Sum;
use std::ops::Add;

use super::model::{
    Field, Inspect, Position, Positional, RateBased, RateKey, RuleSet, Sensitivity, Statement,
    Transformation, TransformationKind,
};

/// The most of a web ACL or a rule group, in WCU; a fixed quota.
pub const SET_WCU_MAX: u64 = 5_000;
/// What is in the base price of a web ACL, in WCU.
pub const BASE_PRICE_WCU: u64 = 1_500;

const RATE_BASED: u64 = 2;
const CUSTOM_KEY: u64 = 30;
const TRANSFORMATION: u64 = 10;
const ALL_QUERY_ARGUMENTS: u64 = 10;
const ANY_FORWARDED: u64 = 4;

/// About the transformation `NONE`.
pub const NOTE_NONE: &str = "AWS documents 10 WCU for each text transformation and does not say \
whether NONE is one; it is counted as free, and in `at most`";
/// About transformations of custom keys.
pub const NOTE_KEYS: &str = "AWS documents 30 WCU for each custom key and does not say what text \
transformations of a key cost; they are counted as free, and in `at most`";
/// About logic.
pub const NOTE_LOGIC: &str =
    "AWS documents no figure for AND, OR and NOT; they are counted as the sum of their parts";
/// About rule groups in a web ACL.
pub const NOTE_GROUPS: &str = "AWS does not document whether rate-based rules in rule groups count \
against the web ACL's 10; they are assumed to";

/// An amount of WCU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wcu {
    /// By the letter of AWS' documentation.
    pub units: u64,
    /// If everything costs that AWS does not say is free.
    pub at_most: u64,
}

/// What a set of rules costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    /// Each rule, by rising priority.
    pub rules: Vec<RuleCapacity>,
    /// All rules together, without what is unknown.
    pub total: Wcu,
    /// Rate-based rules: of its own, and of rule groups that are in the same file.
    pub rate_based_rules: usize,
    /// How many of them are in rule groups.
    pub rate_based_in_groups: usize,
    /// Rule groups whose cost only AWS knows.
    pub unknown: Vec<String>,
    /// What of the figures AWS does not document, each at most once.
    pub notes: Vec<&'static str>,
}

/// What a rule costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCapacity {
    /// Its name.
    pub name: String,
    /// Its priority.
    pub priority: u64,
    /// The kind of its statement, as the API calls it.
    pub kind: &'static str,
    /// Its cost, without an unknown rule group's.
    pub wcu: Wcu,
    /// Its rate-based rules: one, none, or those of a rule group.
    pub rate_based_rules: usize,
    /// The rule group whose cost only AWS knows.
    pub unknown: Option<String>,
}

// === impl Wcu ===

impl Wcu {
    /// An amount that AWS documents.
    #[must_use]
    pub const fn exactly(units: u64) -> Self {
        Wcu {
            units,
            at_most: units,
        }
    }
}

impl Add for Wcu {
    type Output = Wcu;

    fn add(self, other: Wcu) -> Wcu {
        Wcu {
            units: self.units.saturating_add(other.units),
            at_most: self.at_most.saturating_add(other.at_most),
        }
    }
}

impl Sum for Wcu {
    fn sum<I: Iterator<Item = Wcu>>(all: I) -> Wcu {
        all.fold(Wcu::default(), Add::add)
    }
}

/// What a set costs; rule groups that it uses are looked for in `file`.
#[must_use]
pub fn of(set: &RuleSet, file: &[RuleSet]) -> Capacity {
    let mut capacity = Capacity {
        rules: Vec::new(),
        total: Wcu::default(),
        rate_based_rules: 0,
        rate_based_in_groups: 0,
        unknown: Vec::new(),
        notes: Vec::new(),
    };
    for (_, rule) in set.by_priority() {
        let mut found = RuleCapacity {
            name: rule.name.to_string(),
            priority: rule.priority,
            kind: rule.statement.kind(),
            wcu: statement(&rule.statement),
            rate_based_rules: 0,
            unknown: None,
        };
        match &rule.statement {
            Statement::RateBased(_) => found.rate_based_rules = 1,
            Statement::ManagedRuleGroup(used) => found.unknown = Some(used.name.to_string()),
            Statement::RuleGroup(used) => {
                let group = file.iter().find(|group| group.is_meant_by(&used.name));
                match group.and_then(|group| Some((group, group.capacity?))) {
                    None => found.unknown = Some(used.name.to_string()),
                    Some((group, set_aside)) => {
                        found.wcu = found.wcu + Wcu::exactly(set_aside);
                        found.rate_based_rules = own_rate_based_rules(group);
                        capacity.rate_based_in_groups += found.rate_based_rules;
                    }
                }
            }
            _ => {}
        }
        capacity.rate_based_rules += found.rate_based_rules;
        capacity.total = capacity.total + found.wcu;
        capacity.unknown.extend(found.unknown.clone());
        notes(&rule.statement, &mut capacity.notes);
        capacity.rules.push(found);
    }
    if capacity.rate_based_in_groups > 0 {
        capacity.notes.push(NOTE_GROUPS);
    }
    capacity
}

/// Rate-based rules that stand in the set itself.
#[must_use]
pub fn own_rate_based_rules(set: &RuleSet) -> usize {
    let rate_based = |statement: &Statement| matches!(statement, Statement::RateBased(_));
    let rules = set.rules.iter();
    rules.filter(|rule| rate_based(&rule.statement)).count()
}

/// What a statement costs; a rule group's own cost is not in it.
#[must_use]
pub fn statement(found: &Statement) -> Wcu {
    match found {
        Statement::RateBased(rate) => rate_based(rate),
        Statement::ByteMatch(found) => {
            let base = match found.positional {
                Positional::Exactly | Positional::StartsWith | Positional::EndsWith => 2,
                Positional::Contains | Positional::ContainsWord => 10,
            };
            of_field(base, &found.inspect)
        }
        Statement::SizeConstraint(found) => of_field(1, &found.inspect),
        Statement::RegexMatch { inspect, .. } => of_field(3, inspect),
        Statement::RegexPatternSet { inspect, .. } => of_field(25, inspect),
        Statement::SqliMatch {
            inspect,
            sensitivity: Sensitivity::Low,
        } => of_field(20, inspect),
        Statement::SqliMatch { inspect, .. } => of_field(30, inspect),
        Statement::XssMatch { inspect } => of_field(40, inspect),
        Statement::LabelMatch { .. } | Statement::GeoMatch { .. } | Statement::AsnMatch { .. } => {
            Wcu::exactly(1)
        }
        Statement::IpSet(set) => match &set.forwarded {
            Some((_, Position::Any)) => Wcu::exactly(1 + ANY_FORWARDED),
            _ => Wcu::exactly(1),
        },
        Statement::And(_)
        | Statement::Or(_)
        | Statement::Not(_)
        | Statement::ManagedRuleGroup(_)
        | Statement::RuleGroup(_) => inner(found),
    }
}

fn inner(found: &Statement) -> Wcu {
    let children = found.children();
    children.iter().map(|(_, child)| statement(child)).sum()
}

fn rate_based(rate: &RateBased) -> Wcu {
    let key = |key: &RateKey| {
        let (_, transformations) = key.parts();
        let changing = transformations.unwrap_or_default().iter().filter(changes);
        Wcu {
            units: CUSTOM_KEY,
            at_most: CUSTOM_KEY + TRANSFORMATION * count(changing),
        }
    };
    let keys: Wcu = rate.keys.iter().map(key).sum();
    let scope_down = rate.scope_down.as_ref().map(statement);
    Wcu::exactly(RATE_BASED) + keys + scope_down.unwrap_or_default()
}

fn of_field(base: u64, inspect: &Inspect) -> Wcu {
    let base = match inspect.field {
        Field::JsonBody => base * 2,
        Field::AllQueryArguments => base + ALL_QUERY_ARGUMENTS,
        _ => base,
    };
    let all = inspect.transformations.iter();
    Wcu {
        units: base + TRANSFORMATION * count(all.clone().filter(changes)),
        at_most: base + TRANSFORMATION * count(all),
    }
}

fn changes(transformation: &&Transformation) -> bool {
    transformation.kind != TransformationKind::None
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

/// What of a statement's figure is not documented.
fn notes(found: &Statement, notes: &mut Vec<&'static str>) {
    let mut note = |text: &'static str| {
        if !notes.contains(&text) {
            notes.push(text);
        }
    };
    if let Some(inspect) = found.inspect()
        && inspect.transformations.iter().any(|one| !changes(&one))
    {
        note(NOTE_NONE);
    }
    match found {
        Statement::RateBased(rate) => {
            let mut keys = rate.keys.iter().filter_map(|key| key.parts().1);
            if keys.any(|transformations| transformations.iter().any(|one| changes(&one))) {
                note(NOTE_KEYS);
            }
        }
        Statement::And(_) | Statement::Or(_) | Statement::Not(_) => note(NOTE_LOGIC),
        _ => {}
    }
    for (_, child) in found.children() {
        self::notes(child, notes);
    }
}

#[cfg(test)]
mod tests;
