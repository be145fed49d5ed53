//! The keys of a section: each taken once, the unknown reported with the nearest known one.

use super::{FromNode, Node, Value, wrong_kind};
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::{Finding, Findings};
use crate::suggest::{listing, nearest};

/// Keys that people write for others.
const SYNONYMS: &[(&str, &str)] = &[
    ("upstream", "origin"),
    ("backend", "origin"),
    ("url", "urls"),
    ("endpoints", "urls"),
    ("endpoint", "urls"),
    ("iss", "issuer"),
    ("aud", "audience"),
    ("audiences", "audience"),
    ("jwks_uri", "jwks"),
    ("jwks_url", "jwks"),
    ("keys", "jwks"),
    ("algs", "algorithms"),
    ("sub", "subject"),
    ("subject", "sub"),
    ("limit", "rate"),
    ("requests", "rate"),
    ("scope", "per"),
    ("by", "per"),
    ("weight", "cost"),
    ("count", "times"),
    ("timezone", "time_zone"),
    ("zone", "time_zone"),
    ("concurrent", "concurrency"),
    ("carry_over", "on_change"),
    ("path", "request"),
    ("default", "default_plan"),
    ("failure", "on_failure"),
    ("headers", "responses"),
    ("cidrs", "trusted_proxies"),
    ("name", "service_name"),
];

/// A section being read.
pub(crate) struct Fields<'a> {
    entries: &'a [(super::At<String>, Node)],
    span: Span,
    section: &'static str,
    /// Set where a missing key would only repeat what was said already.
    incomplete: bool,
}

impl<'a> Fields<'a> {
    /// Opens a section, and reports keys that it does not know.
    pub(crate) fn open(
        node: &'a Node,
        section: &'static str,
        known: &[&str],
        findings: &mut Findings<'_>,
    ) -> Option<Fields<'a>> {
        let Value::Map(entries) = &node.value else {
            wrong_kind(node, section, findings);
            return None;
        };
        let mut incomplete = false;
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| !known.contains(&key.value.as_str()))
        {
            incomplete = true;
            findings.push(unknown(&key.value, key.span, section, known));
        }
        // A section over several lines has no text of its own: its first key shows where it is.
        let first = entries.first().map_or(node.span, |(key, _)| key.span);
        let span = if node.span.end > node.span.start {
            node.span
        } else {
            first
        };
        Some(Fields {
            entries,
            span,
            section,
            incomplete,
        })
    }

    /// Where the section begins.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Reads the value of a key.
    pub(crate) fn take<T: FromNode>(&self, key: &str, findings: &mut Findings<'_>) -> Option<T> {
        match self.entries.iter().find(|(known, _)| known.value == key) {
            Some((known, value)) => {
                // An empty value has no place of its own: its key shows where it is.
                let placed = Node {
                    span: known.span,
                    value: Value::Null,
                };
                let value = if value.value == Value::Null {
                    &placed
                } else {
                    value
                };
                T::from_node(value, findings).or_else(T::misfit)
            }
            None => T::absent().or_else(|| {
                if !self.incomplete {
                    findings.push(
                        Finding::error(
                            codes::MISSING_KEY,
                            self.span,
                            format!("{} needs the key `{key}`", self.section),
                        )
                        .label(format!("without `{key}`"))
                        .help(format!("add `{key}: …`")),
                    );
                }
                T::misfit()
            }),
        }
    }
}

fn unknown(key: &str, span: Span, section: &str, known: &[&str]) -> Finding {
    let synonym = SYNONYMS
        .iter()
        .find(|(word, other)| *word == key && known.contains(other));
    let suggestion = synonym
        .map(|(_, other)| *other)
        .or_else(|| nearest(key, known.iter().copied()));
    let help = match suggestion {
        Some(other) => format!("did you mean `{other}`?"),
        None => format!("its keys are {}", listing(known.iter().copied())),
    };
    Finding::error(codes::UNKNOWN_KEY, span, format!("unknown key `{key}`"))
        .label(format!("not a key of {section}"))
        .help(help)
}
