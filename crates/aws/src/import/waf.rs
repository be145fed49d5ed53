//! Rate-based rules of AWS WAF as a policy, with what does not come over.

mod rule;
mod scope;

use std::collections::BTreeSet;
use std::fmt;

use tollgate_policy::LIMITS_PER_ROUTE_MAX;

use crate::waf::model::{OverrideAction, Rule, RuleSet, Statement};
use rule::{Carried, carry};

/// The plan that all limits are put into.
const PLAN: &str = "imported";

/// A policy, and how true it is to its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The policy as YAML, which `tollgate check` accepts; the notes are comments at its head.
    pub policy: String,
    /// What could not be carried over, or has become something else, in the order of the rules.
    pub notes: Vec<Note>,
    /// Limits in the policy.
    pub limits: usize,
}

/// One loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The rule; none where the web ACL as a whole is meant.
    pub rule: Option<String>,
    /// What is lost or changed, and why.
    pub what: String,
}

/// A limit of the policy.
#[derive(Debug)]
struct Limit {
    /// `ANY /login`, or none for every route.
    route: Option<String>,
    /// `{name: …, …}`.
    text: String,
}

/// Makes a policy of the rate-based rules of all sets of a file; `source` is the file's name.
///
/// A rule whose scope-down statement is no route counted fewer requests than its limit would: it is
/// imported with `mode: shadow`, which only counts. Header fields and cookies become `per: user`:
/// a value that anybody can send is no identity, so users count by their network until an issuer or
/// API keys are configured.
#[must_use]
pub fn policy(source: &str, sets: &[RuleSet]) -> Imported {
    let mut notes = Vec::new();
    let mut limits = Vec::new();
    let mut names = BTreeSet::new();
    for set in sets {
        let only_counts = group_only_counts(set, sets);
        for (_, rule) in set.by_priority() {
            let mut said = Vec::new();
            if let Some(carried) = carry(rule, &mut said) {
                if limits.len() == LIMITS_PER_ROUTE_MAX {
                    said.push(format!(
                        "left out: a route has at most {LIMITS_PER_ROUTE_MAX} limits"
                    ));
                } else {
                    limits.push(limit(rule, &carried, only_counts, &mut names, &mut said));
                }
            }
            let about = |what| Note {
                rule: Some(rule.name.to_string()),
                what,
            };
            notes.extend(said.into_iter().map(about));
        }
    }
    notes.extend(of_the_whole(sets, &limits));
    Imported {
        policy: written(source, &limits, &notes),
        notes,
        limits: limits.len(),
    }
}

/// Whether a web ACL of the file uses this rule group and only counts what it would do.
fn group_only_counts(set: &RuleSet, file: &[RuleSet]) -> bool {
    let counts = |rule: &Rule| match &rule.statement {
        Statement::RuleGroup(used) => {
            set.is_meant_by(&used.name) && rule.override_action == Some(OverrideAction::Count)
        }
        _ => false,
    };
    file.iter().flat_map(|other| &other.rules).any(counts)
}

fn limit(
    rule: &Rule,
    carried: &Carried,
    only_counts: bool,
    names: &mut BTreeSet<String>,
    said: &mut Vec<String>,
) -> Limit {
    let name = name(&rule.name.to_string(), names);
    if only_counts && !carried.shadow {
        said.push("`mode: shadow`: its rule group is used with the override Count".to_owned());
    }
    let mut text = format!(
        "{{name: \"{name}\", {}, per: {}",
        carried.amount, carried.per
    );
    if !carried.each_route && carried.route.is_none() {
        text.push_str(", across: all_routes");
    }
    if carried.shadow || only_counts {
        text.push_str(", mode: shadow");
    }
    text.push('}');
    Limit {
        route: carried.route.clone(),
        text,
    }
}

/// A limit's name: as the rule's, as far as a limit can be called so, and not twice.
fn name(rule: &str, names: &mut BTreeSet<String>) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let cleaned: String = rule
        .chars()
        .map(|letter| if fits(letter) { letter } else { '-' })
        .take(56)
        .collect();
    let cleaned = if cleaned.is_empty() { "rate" } else { &cleaned };
    let mut name = cleaned.to_owned();
    let mut number = 2;
    while !names.insert(name.clone()) {
        name = format!("{cleaned}-{number}");
        number += 1;
    }
    name
}

fn of_the_whole(sets: &[RuleSet], limits: &[Limit]) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |what: &str| {
        notes.push(Note {
            rule: None,
            what: what.to_owned(),
        });
    };
    if limits.is_empty() {
        note("no rate-based rule could be carried over: the policy limits nobody");
    }
    if limits.iter().any(|limit| limit.text.contains("per: user")) {
        note(
            "a header field or a cookie that nobody verifies is not an identity: anybody can send \
             another's value, or a new one each time. `per: user` counts by verified users once \
             `identity.issuers` or `identity.api_keys` is configured, and by networks until then",
        );
    }
    if limits.iter().filter(|limit| limit.route.is_some()).count() > 1 {
        note(
            "a request belongs to one route, the most specific: where one route lies in another, \
             only its own limits count it, while AWS WAF looks at every rule",
        );
    }
    if sets.len() > 1 {
        note("the rules of several web ACLs and rule groups stand in one plan");
    }
    notes
}

fn written(source: &str, limits: &[Limit], notes: &[Note]) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&format!(
        "# Limits of {}, as a Tollgate policy.",
        one_line(source)
    ));
    line("#");
    line(
        "# AWS WAF sees a limit passed some ten to thirty seconds late and lets through what comes",
    );
    line(
        "# meanwhile; here a window is held at once. Count first (`mode: shadow`) if that may hurt.",
    );
    if !notes.is_empty() {
        line("#");
        line("# Not carried over, or changed:");
        for note in notes {
            line(&format!("# - {}", one_line(&note.to_string())));
        }
    }
    line("tollgate: 1");
    line("listen: 127.0.0.1:8080");
    line("origin: http://127.0.0.1:9000  # your API");
    line("identity:");
    line(&format!("  anonymous: {{plan: {PLAN}}}"));
    line("  # issuers: [{issuer: https://login.example.com, audience: https://api.example.com}]");
    line("  # trusted_proxies: [10.0.0.0/8]  # whose X-Forwarded-For is believed");
    line("plans:");
    line(&format!("  {PLAN}:"));
    let (everywhere, on_routes): (Vec<_>, Vec<_>) =
        limits.iter().partition(|limit| limit.route.is_none());
    if everywhere.is_empty() {
        line("    limits: []");
    } else {
        line("    limits:");
        for limit in everywhere {
            line(&format!("      - {}", limit.text));
        }
    }
    let routes: BTreeSet<&String> = on_routes
        .iter()
        .filter_map(|limit| limit.route.as_ref())
        .collect();
    if !routes.is_empty() {
        line("    routes:");
    }
    for route in routes {
        line(&format!("      \"{route}\":"));
        for limit in &on_routes {
            if limit.route.as_ref() == Some(route) {
                line(&format!("        - {}", limit.text));
            }
        }
    }
    line(&format!("default_plan: {PLAN}"));
    out
}

/// Nothing of a file ends the comment that it stands in.
fn one_line(text: &str) -> String {
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(clean).collect()
}

// === impl Note ===

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        f.write_str(&self.what)
    }
}

#[cfg(test)]
mod tests;
