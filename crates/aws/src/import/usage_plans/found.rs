//! What the files held: plans, keys and links, what is wrong, and what to tell.

use std::fmt;

use super::model::{Key, Link, Usage, UsagePlan};

/// What is wrong with a file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}; {fix}")]
pub struct Problem {
    /// The file.
    pub file: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// How a thing of the usage plans came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fidelity {
    /// The same decisions.
    Exact,
    /// Something else, on purpose.
    Changed,
    /// By a reading that AWS does not document.
    Assumed,
    /// Not there any more.
    Lost,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How it came through.
    pub fidelity: Fidelity,
    /// What.
    pub what: String,
    /// Why, and what follows.
    pub why: String,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) plans: Vec<UsagePlan>,
    pub(super) keys: Vec<Key>,
    pub(super) links: Vec<Link>,
    pub(super) usage: Vec<Usage>,
    pub(super) notes: Vec<Note>,
    pub(super) problems: Vec<Problem>,
}

// === impl Fidelity ===

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Changed => "changed",
            Self::Assumed => "assumed",
            Self::Lost => "lost",
        })
    }
}

// === impl Note ===

impl Note {
    pub(super) fn new(fidelity: Fidelity, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            fidelity,
            what: what.into(),
            why: why.into(),
        }
    }
}

// === impl Found ===

impl Found {
    pub(super) fn problem(&mut self, file: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(Problem {
            file: file.to_owned(),
            what: what.into(),
            fix: fix.into(),
        });
    }

    pub(super) fn note(
        &mut self,
        fidelity: Fidelity,
        what: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.notes.push(Note::new(fidelity, what, why));
    }
}
