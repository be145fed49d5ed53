//! `tollgate waf`: what web ACLs cost, and what AWS would refuse of them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use tollgate_aws::waf::capacity::{self, BASE_PRICE_WCU, Capacity, SET_WCU_MAX};
use tollgate_aws::waf::check::{
    self, Finding, RATE_BASED_PER_GROUP_MAX, RATE_BASED_PER_WEB_ACL_MAX, Severity,
};
use tollgate_aws::waf::model::{RuleSet, RuleSetKind, Word};
use tollgate_aws::waf::{self, FILE_BYTES_MAX};

use crate::cli::{CapacityArgs, WafCommand};
use crate::failure::Failure;

pub(crate) fn run(command: &WafCommand) -> Result<(), Failure> {
    match command {
        WafCommand::Capacity(args) => report(args),
    }
}

/// The web ACLs and rule groups of a file.
pub(crate) fn load(path: &Path) -> Result<Vec<RuleSet>, Failure> {
    let reading = || Failure::system(format!("read {}", path.display()));
    let file = File::open(path).map_err(reading())?;
    let mut text = String::new();
    // One byte more than is used, so that a longer file is known to be one.
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(reading())?;
    waf::read(&path.to_string_lossy(), &text).map_err(|source| Failure::Waf {
        file: path.to_owned(),
        source,
    })
}

fn report(args: &CapacityArgs) -> Result<(), Failure> {
    let sets = load(&args.file)?;
    let findings = check::check(&sets, args.region.as_deref());
    let costs: Vec<(&RuleSet, Capacity)> = sets
        .iter()
        .map(|set| (set, capacity::of(set, &sets)))
        .collect();
    let out = &mut io::stdout().lock();
    let written = if args.json {
        writeln!(out, "{}", as_json(&costs, &findings))
    } else {
        as_text(&costs, &findings, out)
    };
    match written {
        // A reader that has seen enough (`| head`) is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other.map_err(Failure::system("write the report"))?,
    }
    let is_error = |found: &&Finding| found.severity == Severity::Error;
    match findings.iter().filter(is_error).count() {
        0 => Ok(()),
        1 => Err(Failure::NotHeld("AWS would refuse one thing".to_owned())),
        count => Err(Failure::NotHeld(format!("AWS would refuse {count} things"))),
    }
}

fn kind(set: &RuleSet) -> &'static str {
    match set.kind {
        RuleSetKind::WebAcl => "web ACL",
        RuleSetKind::RuleGroup => "rule group",
    }
}

fn rates_max(set: &RuleSet) -> usize {
    match set.kind {
        RuleSetKind::WebAcl => RATE_BASED_PER_WEB_ACL_MAX,
        RuleSetKind::RuleGroup => RATE_BASED_PER_GROUP_MAX,
    }
}

fn as_text(
    costs: &[(&RuleSet, Capacity)],
    findings: &[Finding],
    out: &mut impl Write,
) -> io::Result<()> {
    for (set, capacity) in costs {
        table(set, capacity, out)?;
        writeln!(out)?;
    }
    let mut notes: Vec<&str> = Vec::new();
    for note in costs.iter().flat_map(|(_, capacity)| &capacity.notes) {
        if !notes.contains(note) {
            notes.push(note);
        }
    }
    for note in notes {
        writeln!(out, "note: {note}")?;
    }
    for finding in findings {
        let severity = severity(finding);
        writeln!(out, "{severity}[{}]: {}", finding.code, finding.what)?;
        let rule = finding.rule.as_ref();
        let rule = rule.map(|rule| format!(" (rule `{rule}`)"));
        writeln!(out, "  at: {}{}", finding.path, rule.unwrap_or_default())?;
        writeln!(out, "  fix: {}", finding.fix)?;
    }
    if findings.is_empty() {
        writeln!(out, "no findings")?;
    }
    Ok(())
}

fn table(set: &RuleSet, capacity: &Capacity, out: &mut impl Write) -> io::Result<()> {
    let scope = set.scope.map(|scope| format!(" ({})", scope.as_str()));
    let scope = scope.unwrap_or_default();
    writeln!(out, "{} `{}`{scope}", kind(set), set.title())?;
    let names = capacity.rules.iter().map(|rule| rule.name.chars().count());
    let width = names.chain([4]).max().unwrap_or(4);
    if !capacity.rules.is_empty() {
        writeln!(
            out,
            "  priority    WCU  at most  {:width$}  statement",
            "rule"
        )?;
    }
    for rule in &capacity.rules {
        let unknown = rule.unknown.as_ref();
        let unknown = unknown.map(|group| format!(", and what `{group}` costs"));
        writeln!(
            out,
            "  {:>8}  {:>5}  {:>7}  {:width$}  {}{}",
            rule.priority,
            rule.wcu.units,
            rule.wcu.at_most,
            rule.name,
            rule.kind,
            unknown.unwrap_or_default(),
        )?;
    }
    let total = capacity.total;
    writeln!(
        out,
        "  {} of {SET_WCU_MAX} WCU (at most {}), {BASE_PRICE_WCU} in the base price; {} of {} \
         rate-based rules",
        total.units,
        total.at_most,
        capacity.rate_based_rules,
        rates_max(set),
    )?;
    if !capacity.unknown.is_empty() {
        writeln!(
            out,
            "  without {}: only AWS knows what they cost",
            capacity.unknown.join(", ")
        )?;
    }
    Ok(())
}

fn as_json(costs: &[(&RuleSet, Capacity)], findings: &[Finding]) -> Value {
    let sets: Vec<Value> = costs
        .iter()
        .map(|(set, capacity)| one(set, capacity))
        .collect();
    let found = |finding: &Finding| {
        json!({
            "code": finding.code,
            "severity": severity(finding),
            "rule": finding.rule,
            "path": finding.path,
            "what": finding.what,
            "fix": finding.fix,
        })
    };
    let findings: Vec<Value> = findings.iter().map(found).collect();
    json!({ "sets": sets, "findings": findings })
}

fn one(set: &RuleSet, capacity: &Capacity) -> Value {
    let rules = capacity.rules.iter().map(|rule| {
        json!({
            "name": rule.name,
            "priority": rule.priority,
            "statement": rule.kind,
            "wcu": rule.wcu.units,
            "wcu_at_most": rule.wcu.at_most,
            "rate_based_rules": rule.rate_based_rules,
            "unknown": rule.unknown,
        })
    });
    json!({
        "kind": kind(set),
        "name": set.title(),
        "place": set.place,
        "scope": set.scope.map(Word::as_str),
        "rules": rules.collect::<Vec<_>>(),
        "wcu": capacity.total.units,
        "wcu_at_most": capacity.total.at_most,
        "wcu_max": SET_WCU_MAX,
        "rate_based_rules": capacity.rate_based_rules,
        "rate_based_rules_max": rates_max(set),
        "unknown": capacity.unknown,
        "notes": capacity.notes,
    })
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
