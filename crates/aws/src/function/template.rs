//! The function's template: lines that depend on the policy, and values of the policy in it.

use std::collections::{BTreeMap, BTreeSet};

/// The template.
pub(super) const SOURCE: &str = include_str!("edge.js");

/// Conditions that hold, and values by their names.
#[derive(Debug, Default)]
pub(super) struct Filling {
    pub(super) conditions: BTreeSet<&'static str>,
    pub(super) values: BTreeMap<&'static str, String>,
}

impl Filling {
    pub(super) fn when(&mut self, condition: &'static str, holds: bool) {
        if holds {
            self.conditions.insert(condition);
        }
    }

    /// Fills a template in: `//#if NAME`, `//#else`, `//#endif` on lines of their own, nested as
    /// they like; `$NAME` anywhere.
    pub(super) fn fill(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len());
        let mut open: Vec<bool> = Vec::new();
        for line in template.lines() {
            match line.trim().strip_prefix("//#") {
                Some("else") => {
                    if let Some(last) = open.last_mut() {
                        *last = !*last;
                    }
                }
                Some("endif") => {
                    open.pop();
                }
                Some(condition) => {
                    let name = condition.strip_prefix("if ").unwrap_or_default();
                    open.push(self.conditions.contains(name));
                }
                None if open.iter().all(|holds| *holds) => {
                    self.line(line, &mut out);
                    out.push('\n');
                }
                None => {}
            }
        }
        out
    }

    fn line(&self, line: &str, out: &mut String) {
        let mut rest = line;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let name = rest[at + 1..]
                .split(|char: char| !char.is_ascii_uppercase() && !char.is_ascii_digit())
                .next()
                .unwrap_or_default();
            match self.values.get(name) {
                Some(value) => {
                    out.push_str(value);
                    rest = &rest[at + 1 + name.len()..];
                }
                // A dollar of a regular expression.
                None => {
                    out.push('$');
                    rest = &rest[at + 1..];
                }
            }
        }
        out.push_str(rest);
    }
}

/// A text as JavaScript: JSON, without the two line ends that older readers take for one.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_chosen_and_values_filled_in() {
        let mut filling = Filling::default();
        filling.when("yes", true);
        filling.when("no", false);
        filling.values.insert("A", "1".to_owned());
        let template = "//#if yes\n a = $A;\n    //#if no\nb\n//#else\nc = /x$/;\n//#endif\n//#endif\n//#if no\nd\n//#endif\n$A";
        assert_eq!(filling.fill(template), " a = 1;\nc = /x$/;\n1\n");
    }

    #[test]
    fn every_condition_of_the_template_is_closed() {
        let count = |prefix: &str| {
            let lines = SOURCE.lines().map(str::trim);
            lines.filter(|line| line.starts_with(prefix)).count()
        };
        assert_eq!(count("//#if "), count("//#endif"));
    }
}
