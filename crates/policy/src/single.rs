//! A limit or a route by itself, as it is written outside a policy: in an override, for one.

use std::path::Path;
use std::sync::Arc;

use crate::check::Check;
use crate::codes;
use crate::diagnostics::Diagnostics;
use crate::findings::{Finding, Findings, Source};
use crate::limit::{Limit, Mode};
use crate::node::{self, FromNode};
use crate::raw::{RawLimit, RouteNameParts, route_name};
use crate::route::{Route, RouteMethod};

/// The longest text of one limit, in bytes.
pub const LIMIT_BYTES_MAX: usize = 1024;

impl Limit {
    /// Reads one limit as it stands in a policy's list: `{name: burst, rate: 10/s, burst: 20}`.
    ///
    /// `name` stands in messages. The text is at most [`LIMIT_BYTES_MAX`] bytes.
    ///
    /// ```
    /// let limit = tollgate_policy::Limit::parse("override", "{name: burst, rate: 10/s}").unwrap();
    /// assert_eq!(limit.amount.to_string(), "10/s burst 10");
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn parse(name: &str, text: &str) -> Result<Limit, Diagnostics> {
        let source = Source { name, text };
        let mut findings = Findings::new(source);
        let mut limit = None;
        if text.len() > LIMIT_BYTES_MAX {
            let message = format!("limit is longer than {LIMIT_BYTES_MAX} bytes");
            let finding = Finding::file(codes::UNREADABLE, message);
            findings.push(finding.help("write it on one line, without comments"));
        } else {
            match node::parse(source) {
                Ok(node) => {
                    let raw = RawLimit::from_node(&node, &mut findings);
                    limit = raw.and_then(|raw| {
                        Check::new(Path::new(""), &mut findings).limit(raw, Mode::Enforce)
                    });
                }
                Err(finding) => findings.push(*finding),
            }
        }
        match limit {
            Some(limit) if !findings.has_errors() => Ok(limit),
            _ => Err(Diagnostics::new(findings.into_list())),
        }
    }
}

impl Route {
    /// Reads a route by its name, `GET /orders/{order_id}` or `*`, and gives it back in the form
    /// in which it displays. Whether a policy has such a route is not asked.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn parse(name: &str, text: &str) -> Result<Route, Diagnostics> {
        let refused = |finding: Finding| {
            let diagnostic = finding.into_diagnostic(Source { name, text });
            Diagnostics::new(vec![diagnostic])
        };
        match route_name(text) {
            Ok(RouteNameParts::Unmatched) => Ok(Route::unmatched()),
            Ok(RouteNameParts::Named {
                method, template, ..
            }) => Ok(named(method, template.as_str())),
            Err(problem) => {
                let finding = Finding::file(problem.code, problem.message);
                Err(refused(finding.help(problem.help)))
            }
        }
    }
}

fn named(method: RouteMethod, template: &str) -> Route {
    Route {
        method,
        template: Arc::from(template),
        never_block: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes_of(text: &str) -> Vec<&'static str> {
        let diagnostics = Limit::parse("override", text).unwrap_err();
        diagnostics.iter().map(|found| found.code).collect()
    }

    #[test]
    fn a_limit_by_itself_is_read_as_in_a_policy() {
        let limit = Limit::parse("override", "{name: monthly, quota: 50000/month}").unwrap();
        assert_eq!(&*limit.name, "monthly");
        assert_eq!(limit.amount.to_string(), "50000/month in UTC");
        assert_eq!(limit.mode, Mode::Enforce);
    }

    #[test]
    fn all_that_is_wrong_with_a_limit_is_told_at_once() {
        assert_eq!(codes_of("{name: 'a b', rate: 10}").len(), 2);
        assert_eq!(codes_of("{name: a, rate: 1/s, cost: 2}").len(), 1);
        assert_eq!(codes_of("{nam: a, rate: 1/s}").len(), 1);
        for text in ["", "a", "[]", "{name: a}", "{name: a, rate: 1/s}\n---\n{}"] {
            assert!(!codes_of(text).is_empty(), "{text}");
        }
        assert_eq!(codes_of(&" ".repeat(LIMIT_BYTES_MAX + 1)).len(), 1);
    }

    #[test]
    fn a_route_by_itself_is_read_and_displayed_alike() {
        for text in ["GET /orders/{order_id}", "ANY /files/{path+}", "*"] {
            assert_eq!(Route::parse("override", text).unwrap().to_string(), text);
        }
        assert!(Route::parse("override", "/orders").is_err());
    }
}
