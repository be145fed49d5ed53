//! A request as AWS WAF's rules see it.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::waf::model::{KeyPattern, MatchScope};

/// A request, as sent: nothing is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WafRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, beginning with `/`, without the query.
    pub path: &'a str,
    /// The query, without `?`; empty if there is none.
    pub query: &'a str,
    /// Header fields, names in any case; cookies are read from `cookie`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The address that the connection came from.
    pub client_ip: IpAddr,
}

// === impl WafRequest ===

impl<'a> WafRequest<'a> {
    /// The value of a header field. AWS does not document what becomes of one that is sent several
    /// times; here its values are joined by commas, as HTTP has it.
    pub(super) fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let headers = self.headers.iter();
        let mut values = headers
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value);
        let first = values.next()?;
        let mut joined = Cow::Borrowed(first);
        for value in values {
            let all = joined.to_mut();
            all.push(',');
            all.push_str(value);
        }
        Some(joined)
    }

    pub(super) fn cookies(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let headers = self.headers.iter();
        headers
            .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"))
            .flat_map(|(_, value)| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&'a str> {
        let mut cookies = self.cookies();
        cookies
            .find(|(found, _)| *found == name)
            .map(|found| found.1)
    }

    pub(super) fn arguments(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    pub(super) fn argument(&self, name: &str) -> Option<&'a str> {
        let mut arguments = self.arguments();
        let found = arguments.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|found| found.1)
    }
}

/// Names, values or both of those pairs that a pattern takes; names in any case.
pub(super) fn selected<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    pattern: &KeyPattern,
    scope: MatchScope,
) -> Vec<Cow<'a, str>> {
    let listed = |names: &[crate::waf::model::Text], name: &str| {
        let mut known = names.iter().filter_map(|name| name.known());
        known.any(|known| known.eq_ignore_ascii_case(name))
    };
    let mut out = Vec::new();
    for (name, value) in pairs {
        let taken = match pattern {
            KeyPattern::All => true,
            KeyPattern::Included(names) => listed(names, name),
            KeyPattern::Excluded(names) => !listed(names, name),
        };
        if taken && scope != MatchScope::Value {
            out.push(Cow::Borrowed(name));
        }
        if taken && scope != MatchScope::Key {
            out.push(Cow::Borrowed(value));
        }
    }
    out
}
