//! A frontend's row of the published table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Set, a test writes its row instead of holding the table against it.
const UPDATE: &str = "TOLLGATE_UPDATE";

/// What was seen of one frontend.
#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    ran: usize,
    passed: usize,
    compared: BTreeMap<&'static str, usize>,
    not_expressed: BTreeMap<&'static str, usize>,
}

// === impl Row ===

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            ran: 0,
            passed: 0,
            compared: BTreeMap::new(),
            not_expressed: BTreeMap::new(),
        }
    }

    pub(crate) fn ran(&mut self, passed: bool) {
        self.ran += 1;
        self.passed += usize::from(passed);
    }

    pub(crate) fn not_expressed(&mut self, reason: &'static str) {
        *self.not_expressed.entry(reason).or_default() += 1;
    }

    pub(crate) fn compared(&mut self, what: &'static str, count: usize) {
        *self.compared.entry(what).or_default() += count;
    }

    /// Holds the published table against this row.
    pub(crate) fn hold(&self) {
        let path = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../docs/conformance.md"
        ));
        let text = std::fs::read_to_string(&path).unwrap();
        let row = self.to_string();
        if text.lines().any(|line| line == row) {
            return;
        }
        let begin = format!("| {} |", self.name);
        assert!(
            std::env::var_os(UPDATE).is_some(),
            "docs/conformance.md does not have this row; run the test again with {UPDATE}=1:\n{row}"
        );
        let mut lines: Vec<&str> = text.lines().collect();
        match lines.iter().position(|line| line.starts_with(&begin)) {
            Some(at) => lines[at] = &row,
            None => {
                let last = lines.iter().rposition(|line| line.starts_with("|"));
                lines.insert(last.unwrap() + 1, &row);
            }
        }
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.ran + self.not_expressed.values().sum::<usize>();
        write!(
            f,
            "| {} | {} of {} | {of} |",
            self.name, self.passed, self.ran
        )?;
        let count = |what: &str| self.compared.get(what).copied().unwrap_or_default();
        for what in ["verdicts", "fields", "forwarded", "bucket ids"] {
            match count(what) {
                0 => f.write_str(" – |")?,
                count => write!(f, " {count} |")?,
            }
        }
        let reasons = self.not_expressed.iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, count)| format!("{count}: {reason}"))
            .collect();
        write!(f, " {} |", reasons.join("; "))
    }
}
