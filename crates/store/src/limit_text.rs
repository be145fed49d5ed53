//! A limit and a route in the policy's own words, checked by the policy's own reader.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_policy::{Diagnostics, Limit, Route};

use crate::error::StoreError;

/// The longest name of a route, in bytes.
pub const ROUTE_BYTES_MAX: usize = 1024;

/// One limit as it stands in a policy's list, with what it means:
/// `{name: burst, rate: 1000/s, burst: 2000}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LimitText {
    text: Arc<str>,
    limit: Arc<Limit>,
}

/// A route by its name: `GET /orders/{order_id}`, or `*` for what no template matches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RouteName(Arc<str>);

// === impl LimitText ===

impl LimitText {
    /// Reads a limit, at most [`tollgate_policy::LIMIT_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`StoreError::Limit`] with all that is wrong.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        // YAML allows a NUL in quotes as `\0`, but not in the text itself.
        let limit = Limit::parse("limit", text).map_err(|findings| StoreError::Limit {
            findings: one_line(&findings),
        })?;
        Ok(Self {
            text: text.into(),
            limit: Arc::new(limit),
        })
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As written, to share.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// What it means.
    #[must_use]
    pub fn limit(&self) -> &Arc<Limit> {
        &self.limit
    }

    /// The name of the limit, by which it replaces the plan's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.limit.name
    }
}

impl TryFrom<String> for LimitText {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        Self::parse(&text)
    }
}

impl From<LimitText> for String {
    fn from(limit: LimitText) -> String {
        limit.text.as_ref().to_owned()
    }
}

// === impl RouteName ===

impl RouteName {
    /// Reads the name of a route, at most [`ROUTE_BYTES_MAX`] bytes. Whether the policy has it is the
    /// caller's to know.
    ///
    /// # Errors
    /// [`StoreError::Route`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let route = Route::parse("route", text).map_err(|findings| StoreError::Route {
            findings: one_line(&findings),
        })?;
        let name = route.to_string();
        if name.len() > ROUTE_BYTES_MAX {
            return Err(StoreError::Route {
                findings: format!("it is longer than {ROUTE_BYTES_MAX} bytes"),
            });
        }
        Ok(Self(name.into()))
    }

    /// Its name, as the policy displays it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RouteName {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        Self::parse(&text)
    }
}

impl From<RouteName> for String {
    fn from(route: RouteName) -> String {
        route.0.as_ref().to_owned()
    }
}

/// All findings as one line, for an error of another file.
fn one_line(findings: &Diagnostics) -> String {
    let lines = findings.iter().map(|found| match &found.help {
        Some(help) => format!("{} ({help})", found.message),
        None => found.message.clone(),
    });
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_keeps_its_text_and_its_meaning() {
        let limit = LimitText::parse("{name: burst, rate: 1000/s, burst: 2000}").unwrap();
        assert_eq!(limit.name(), "burst");
        assert_eq!(limit.limit().amount.to_string(), "1000/s burst 2000");
        let again: LimitText =
            serde_json::from_str(&serde_json::to_string(&limit).unwrap()).unwrap();
        assert_eq!(again, limit);
    }

    #[test]
    fn what_a_policy_would_refuse_is_refused_with_its_words() {
        let error = LimitText::parse("{name: burst, rate: 10}").unwrap_err();
        assert!(error.to_string().starts_with("not a limit: "), "{error}");
        assert!(LimitText::parse("{name: a\0, rate: 10/s}").is_err());
        assert!(LimitText::parse("{name: a, rate: 10/s} # \0").is_err());
        let error = RouteName::parse("/orders").unwrap_err();
        assert!(error.to_string().contains("GET /orders"), "{error}");
        assert!(RouteName::parse(&format!("GET /{}", "a".repeat(1020))).is_err());
        assert!(RouteName::parse("GET /a\0b").is_err());
    }
}
