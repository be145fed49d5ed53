//! What any statement can have wrong, and where it may stand.

use std::collections::BTreeSet;

use super::{Findings, Place, codes};
use crate::waf::model::{Statement, Transformation};

const TRANSFORMATIONS_MAX: usize = 10;
const SEARCH_BYTES_MAX: usize = 200;
const PATTERN_MAX: usize = 512;
const PARTS_MIN: usize = 2;

pub(super) fn check(statement: &Statement, path: &str, place: Place, found: &mut Findings) {
    let top_only = matches!(
        statement,
        Statement::RateBased(_) | Statement::ManagedRuleGroup(_) | Statement::RuleGroup(_)
    );
    if place == Place::Nested && top_only {
        found.error(
            codes::NESTED,
            path,
            format!("a {} inside another statement", statement.kind()),
            "make it a rule of its own",
        );
    }
    if let Some(inspect) = statement.inspect() {
        transformations(&inspect.transformations, path, found);
    }
    match statement {
        Statement::And(parts) | Statement::Or(parts) if parts.len() < PARTS_MIN => found.error(
            codes::PARTS,
            format!("{path}/Statements"),
            format!("{} parts", parts.len()),
            "write the one part without AND or OR",
        ),
        Statement::ByteMatch(search) => {
            let bytes = search.search.known().map_or(1, str::len);
            if !(1..=SEARCH_BYTES_MAX).contains(&bytes) {
                found.error(
                    codes::SEARCH,
                    format!("{path}/SearchString"),
                    format!("a searched text of {bytes} bytes"),
                    "search for 1 to 200 bytes",
                );
            }
        }
        Statement::RegexMatch { pattern, .. } => {
            let length = pattern.known().map_or(1, |pattern| pattern.chars().count());
            if !(1..=PATTERN_MAX).contains(&length) {
                found.error(
                    codes::PATTERN,
                    format!("{path}/RegexString"),
                    format!("an expression of {length} characters"),
                    "write 1 to 512 characters",
                );
            }
        }
        _ => {}
    }
}

/// The text transformations of a field or a key at `path`.
pub(super) fn transformations(list: &[Transformation], path: &str, found: &mut Findings) {
    let path = format!("{path}/TextTransformations");
    if list.is_empty() {
        found.error(
            codes::NO_TRANSFORMATION,
            &path,
            "no text transformation".to_owned(),
            "write `[{Priority: 0, Type: NONE}]`",
        );
    }
    if list.len() > TRANSFORMATIONS_MAX {
        let what = format!(
            "{} text transformations, above {TRANSFORMATIONS_MAX}",
            list.len()
        );
        found.error(codes::TRANSFORMATIONS, &path, what, "leave some out");
    }
    let mut seen = BTreeSet::new();
    for (index, transformation) in list.iter().enumerate() {
        if !seen.insert(transformation.priority) {
            found.error(
                codes::SAME_TRANSFORMATION_PRIORITY,
                format!("{path}/{index}/Priority"),
                format!("priority {} stands twice", transformation.priority),
                "number them 0, 1, 2, …",
            );
        }
    }
}
