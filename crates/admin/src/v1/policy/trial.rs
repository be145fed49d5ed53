//! A policy put together without being put in force: everything that is wrong with it, and its own tests.

use serde::Serialize;
use tollgate_engine::policy::{Diagnostic, Diagnostics, Policy};
use tollgate_engine::run_policy_tests;
use utoipa::ToSchema;

use crate::problem::{Finding, Problem};
use crate::state::Admin;

/// The most findings of one answer.
const FINDINGS_MAX: usize = 200;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Trial {
    /// Whether it could be put in force.
    pub(crate) ok: bool,
    /// Errors and warnings, in the order of the text; at most 200.
    pub(crate) findings: Vec<PolicyFinding>,
    /// What its own tests say; none where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tests: Option<Tests>,
}

/// One finding.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyFinding {
    /// Stable code.
    #[schema(example = "TG0012")]
    pub(crate) code: &'static str,
    /// `error` or `warning`.
    #[schema(example = "error")]
    pub(crate) severity: &'static str,
    #[schema(example = "unknown key `plan`")]
    pub(crate) message: String,
    /// The cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
    /// Of which file.
    #[schema(example = "policy")]
    pub(crate) file: String,
    /// From 1; 0 for the file as a whole.
    #[schema(example = 3)]
    pub(crate) line: usize,
    /// In characters, from 1; 0 for the file as a whole.
    #[schema(example = 1)]
    pub(crate) column: usize,
}

/// The policy's own tests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tests {
    #[schema(example = 4)]
    pub(crate) passed: usize,
    pub(crate) failed: Vec<FailedTest>,
}

/// A test that did not hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailedTest {
    #[schema(example = "a burst of 11")]
    pub(crate) test: String,
    /// From 1.
    #[schema(example = 40)]
    pub(crate) line: usize,
    #[schema(example = "expected 10 allowed, were 11")]
    pub(crate) message: String,
}

/// Reads a policy and runs its tests; the policy, if it is good.
pub(super) fn of(admin: &Admin, text: &str) -> (Trial, Option<Policy>) {
    let policy = match Policy::parse("policy", text, &admin.policy_folder()) {
        Ok(policy) => policy,
        Err(errors) => {
            let trial = Trial {
                ok: false,
                findings: findings(&errors),
                tests: None,
            };
            return (trial, None);
        }
    };
    let mut found = findings(policy.warnings());
    // Files of keys, say, are read by the engine alone.
    let tried = admin.engine().try_policy(policy.clone());
    let tests = match tried.and_then(|()| run_policy_tests(&policy)) {
        Ok(report) => Some(Tests {
            passed: report.passed,
            failed: report
                .failures
                .into_iter()
                .take(FINDINGS_MAX)
                .map(failed)
                .collect(),
        }),
        Err(error) => {
            found.push(PolicyFinding {
                code: "",
                severity: "error",
                message: error.to_string(),
                label: None,
                help: None,
                file: "policy".to_owned(),
                line: 0,
                column: 0,
            });
            None
        }
    };
    let ok = tests.as_ref().is_some_and(|tests| tests.failed.is_empty());
    let trial = Trial {
        ok,
        findings: found,
        tests,
    };
    (trial, ok.then_some(policy))
}

impl Trial {
    /// Why the policy is not taken.
    pub(super) fn problem(&self) -> Problem {
        let of_findings = self
            .findings
            .iter()
            .filter(|found| found.severity == "error");
        let of_findings = of_findings.map(|found| {
            let help = found.help.as_deref().map(|help| format!(" ({help})"));
            let help = help.unwrap_or_default();
            let (code, line, column) = (found.code, found.line, found.column);
            format!(
                "{}:{line}:{column}: {code} {}{help}",
                found.file, found.message
            )
        });
        let tests = self.tests.iter().flat_map(|tests| &tests.failed);
        let of_tests = tests.map(|failed| {
            let (test, line, message) = (&failed.test, failed.line, &failed.message);
            format!("policy:{line}: test `{test}`: {message}")
        });
        let errors = of_findings.chain(of_tests).map(|detail| Finding {
            pointer: "#/text".to_owned(),
            detail,
        });
        Problem::invalid_all("the policy is not put in force", errors.collect())
    }
}

fn findings(found: &Diagnostics) -> Vec<PolicyFinding> {
    let shown = |found: &Diagnostic| PolicyFinding {
        code: found.code,
        severity: if found.is_error() { "error" } else { "warning" },
        message: found.message.clone(),
        label: found.label.clone(),
        help: found.help.clone(),
        file: found.file.clone(),
        line: found.line,
        column: found.column,
    };
    found.iter().take(FINDINGS_MAX).map(shown).collect()
}

fn failed(failure: tollgate_engine::TestFailure) -> FailedTest {
    FailedTest {
        test: failure.test,
        line: failure.line,
        message: failure.message,
    }
}
