//! Names of header fields that the policy may choose: none that means something else.

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;

/// Fields that mean something else to the gateway, to other hops or to the origin.
const TAKEN: [&str; 13] = [
    "cookie",
    "expect",
    "forwarded",
    "max-forwards",
    "origin",
    "proxy-authorization",
    "range",
    "set-cookie",
    "traceparent",
    "tracestate",
    "via",
    "x-real-ip",
    "x-request-id",
];

/// Families of such fields.
const TAKEN_PREFIXES: [&str; 2] = ["access-control-", "x-forwarded-"];

/// Families of the gateway's own.
const OWN_PREFIXES: [&str; 3] = ["x-tollgate-", "ratelimit", "x-ratelimit-"];

/// Whether the gateway's own families are free to be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Families {
    /// For what the gateway itself says.
    Own,
    /// For what others say.
    Taken,
}

impl Check<'_, '_> {
    pub(super) fn free_header(
        &mut self,
        name: &str,
        span: Span,
        families: Families,
        example: &str,
    ) {
        let folded = folded(name);
        let is_of = |prefixes: &[&str]| prefixes.iter().any(|prefix| folded.starts_with(prefix));
        let own = families == Families::Taken && is_of(&OWN_PREFIXES);
        if own || is_of(&TAKEN_PREFIXES) || TAKEN.contains(&folded.as_str()) {
            self.error(
                Finding::error(
                    codes::HEADER,
                    span,
                    format!("header field `{name}` is not free"),
                )
                .label("it means something else already")
                .help(format!("choose another name, for example `{example}`")),
            );
        }
    }

    /// Says it if `name` is one of those `taken`.
    pub(super) fn unique_header(&mut self, name: &str, span: Span, taken: &[&str]) {
        if taken.iter().any(|other| folded(other) == folded(name)) {
            self.error(
                Finding::error(
                    codes::DUPLICATE_NAME,
                    span,
                    format!("header field `{name}` is used twice"),
                )
                .help("give each its own name"),
            );
        }
    }
}

/// An origin that maps fields to variables cannot tell `_` from `-` (CVE-2025-64484).
fn folded(name: &str) -> String {
    name.replace('_', "-")
}
