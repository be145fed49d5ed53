//! What AWS would refuse of a web ACL, and what in it would never limit anybody.
//!
//! Quotas: AWS WAF developer guide, "AWS WAF quotas"; ranges: the API's model. Validators of
//! templates check ranges and miss most of what concerns a set as a whole.

mod codes;
mod rates;
mod responses;
mod sets;
mod statements;

use super::model::{RuleSet, Statement};

pub use codes::{CODES, Code};
pub use rates::{LIMIT_MAX, LIMIT_MIN, WINDOWS_S};
pub use sets::{RATE_BASED_PER_GROUP_MAX, RATE_BASED_PER_WEB_ACL_MAX};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// AWS refuses it.
    Error,
    /// AWS may refuse it, where its documentation leaves a figure open.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable code, for example `WAF05`; [`CODES`] explains it.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// The rule, where it is about one.
    pub rule: Option<String>,
    /// Where, as [`super::WafError`] describes it.
    pub path: String,
    /// What is wrong, in one line without a full stop.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// Checks every set of a file, each against its own limits. `region` is where the file is to be
/// deployed, if that is known.
///
/// ```
/// let text = r#"{"Name": "acl", "DefaultAction": {"Allow": {}}, "Rules": [
///     {"Name": "r", "Priority": 0, "Action": {"Block": {}}, "Statement":
///         {"RateBasedStatement": {"Limit": 5, "AggregateKeyType": "IP"}}}]}"#;
/// let sets = tollgate_aws::waf::read("acl.json", text).unwrap();
/// let found = tollgate_aws::waf::check::check(&sets, None);
/// assert_eq!(found[0].code, "WAF30");
/// assert_eq!(found[0].path, "/Rules/0/Statement/RateBasedStatement/Limit");
/// ```
#[must_use]
pub fn check(sets: &[RuleSet], region: Option<&str>) -> Vec<Finding> {
    let mut all = Vec::new();
    for set in sets {
        let mut found = Findings {
            list: Vec::new(),
            rule: None,
        };
        sets::check(set, sets, region, &mut found);
        for (index, rule) in set.rules.iter().enumerate() {
            let path = set.rule_path(index);
            found.rule = Some(rule.name.to_string());
            responses::check(set, rule, &path, &mut found);
            let at = format!("{path}/Statement");
            walk(&rule.statement, &at, Place::Top, &mut found);
        }
        all.extend(found.list);
    }
    all
}

/// Whether one of the findings is an error.
#[must_use]
pub fn has_errors(findings: &[Finding]) -> bool {
    let is_error = |found: &Finding| found.severity == Severity::Error;
    findings.iter().any(is_error)
}

/// Where a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the rule's own.
    Top,
    /// In another.
    Nested,
}

fn walk(statement: &Statement, path: &str, place: Place, found: &mut Findings) {
    let path = format!("{path}/{}", statement.kind());
    statements::check(statement, &path, place, found);
    if let Statement::RateBased(rate) = statement {
        rates::check(rate, &path, found);
    }
    for (step, child) in statement.children() {
        walk(child, &format!("{path}/{step}"), Place::Nested, found);
    }
}

/// Findings so far, and the rule that the next ones are about.
#[derive(Debug)]
struct Findings {
    list: Vec<Finding>,
    rule: Option<String>,
}

impl Findings {
    fn error(&mut self, code: Code, path: impl Into<String>, what: String, fix: &str) {
        self.push(Severity::Error, code, path.into(), what, fix);
    }

    fn warning(&mut self, code: Code, path: impl Into<String>, what: String, fix: &str) {
        self.push(Severity::Warning, code, path.into(), what, fix);
    }

    fn push(&mut self, severity: Severity, code: Code, path: String, what: String, fix: &str) {
        self.list.push(Finding {
            code: code.id,
            severity,
            rule: self.rule.clone(),
            path,
            what,
            fix: fix.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests;
