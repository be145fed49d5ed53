//! Domains as the text of a policy.

use std::fmt::Write;

use tollgate_policy::{
    DescriptorAmount, DescriptorDomain, DescriptorLimit, DescriptorMode, DescriptorRule,
    DomainKind, RuleValue,
};

/// What stands before the domains: a policy needs more than Envoy's questions do.
const HEAD: &str = "\
# What envoyproxy/ratelimit was configured with, for `tollgate serve`. Envoy's rate limit service is
# answered at `grpc.listen`; nobody is forwarded to `origin` unless requests come to `listen`.
tollgate: 1
origin: http://127.0.0.1:9000
identity: {anonymous: {plan: anonymous}}
plans: {anonymous: {}}
grpc:
  listen: 127.0.0.1:8081
";

/// What a domain holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) rules: usize,
    pub(super) limits: usize,
    pub(super) metrics_by_value: usize,
    pub(super) wildcard_keys: usize,
}

/// A policy with these domains.
pub(super) fn policy(domains: &[DescriptorDomain]) -> String {
    let mut out = HEAD.to_owned();
    out.push_str("  domains:\n");
    for domain in domains {
        let _ = writeln!(out, "    {}:", quoted(&domain.name));
        match &domain.kind {
            DomainKind::Rules(rules) if rules.is_empty() => out.push_str("      descriptors: []\n"),
            DomainKind::Rules(rules) => {
                out.push_str("      descriptors:\n");
                write_rules(rules, 8, &mut out);
            }
            DomainKind::Policy(_) => {}
        }
    }
    out
}

fn write_rules(rules: &[DescriptorRule], indent: usize, out: &mut String) {
    for rule in rules {
        let _ = writeln!(out, "{:indent$}- key: {}", "", quoted(&rule.key));
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(out, "{:indent$}  {key}: {value}", "");
        };
        match &rule.value {
            RuleValue::Any => {}
            RuleValue::Exact(value) => line("value", &quoted(value)),
            RuleValue::Prefix(prefix) => line("value", &quoted(&format!("{prefix}*"))),
        }
        if rule.share_threshold {
            line("share_threshold", "true");
        }
        if let Some(limit) = &rule.limit {
            line("rate_limit", &rate_limit(limit));
            match limit.mode {
                DescriptorMode::Enforce => {}
                DescriptorMode::Shadow => line("shadow_mode", "true"),
                DescriptorMode::Quota => line("quota_mode", "true"),
            }
        }
        if !rule.nested.is_empty() {
            let _ = writeln!(out, "{:indent$}  descriptors:", "");
            write_rules(&rule.nested, indent + 4, out);
        }
    }
}

fn rate_limit(limit: &DescriptorLimit) -> String {
    let mut parts = match limit.amount {
        DescriptorAmount::Unlimited => vec!["unlimited: true".to_owned()],
        DescriptorAmount::PerUnit(requests, unit) => vec![
            format!("unit: {}", unit.as_str()),
            format!("requests_per_unit: {requests}"),
        ],
    };
    if let Some(name) = &limit.name {
        parts.push(format!("name: {}", quoted(name)));
    }
    if !limit.replaces.is_empty() {
        let names = limit.replaces.iter();
        let names: Vec<String> = names
            .map(|name| format!("{{name: {}}}", quoted(name)))
            .collect();
        parts.push(format!("replaces: [{}]", names.join(", ")));
    }
    format!("{{{}}}", parts.join(", "))
}

/// A text in double quotes, which are JSON's in YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn counts(domain: &DescriptorDomain) -> Counts {
    let mut counts = Counts::default();
    if let DomainKind::Rules(rules) = &domain.kind {
        count(rules, &mut counts);
    }
    counts
}

fn count(rules: &[DescriptorRule], counts: &mut Counts) {
    for rule in rules {
        counts.rules += 1;
        counts.limits += usize::from(rule.limit.is_some());
        counts.metrics_by_value += usize::from(rule.metrics_by_value);
        counts.wildcard_keys += usize::from(rule.key.ends_with('*'));
        count(&rule.nested, counts);
    }
}
