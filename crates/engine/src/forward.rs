//! Header fields of a forwarded request: what a client claims is removed, what was verified added.

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_policy::ForwardingConfig;

use crate::decision::{Decision, Principal};
use crate::error::EngineError;

/// Names of the identity headers in force.
#[derive(Debug)]
pub(crate) struct ForwardNames {
    subject: Option<HeaderName>,
    account: Option<HeaderName>,
    plan: Option<HeaderName>,
}

/// Fields by which a client could pass for somebody else, or mislead a limiter further on.
const STRIPPED: [&str; 10] = [
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-user-id",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-envoy-ratelimited",
];

/// Every field under this prefix is Tollgate's own.
const OWN_PREFIX: &str = "x-tollgate-";

// === impl ForwardNames ===

impl ForwardNames {
    pub(crate) fn new(config: &ForwardingConfig) -> Result<Self, EngineError> {
        let name = |name: &Option<String>| {
            let parse = |name: &String| {
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| EngineError::Header(name.clone()))
            };
            name.as_ref().map(parse).transpose()
        };
        Ok(Self {
            subject: name(&config.subject)?,
            account: name(&config.account)?,
            plan: name(&config.plan)?,
        })
    }

    fn is_own(&self, name: &str) -> bool {
        let own = [&self.subject, &self.account, &self.plan];
        own.into_iter()
            .flatten()
            .any(|own| same_field(own.as_str(), name))
    }
}

impl Decision {
    /// Removes every field that claims an identity or a rate limit, also in the underscore form
    /// that some servers fold into the same variable, then adds the verified identity.
    pub fn forward_headers(&self, headers: &mut HeaderMap) {
        let names = &self.snapshot.forward;
        let claims = |name: &HeaderName| {
            let name = name.as_str();
            starts_with_own_prefix(name)
                || STRIPPED.iter().any(|stripped| same_field(stripped, name))
                || names.is_own(name)
        };
        // Nearly no request has one: look first, so that the common case allocates nothing.
        if headers.keys().any(claims) {
            let claimed: Vec<_> = headers
                .keys()
                .filter(|name| claims(name))
                .cloned()
                .collect();
            for name in claimed {
                headers.remove(name);
            }
        }
        if !self.snapshot.policy().forwarding().forward_authorization {
            headers.remove(http::header::AUTHORIZATION);
        }
        let mut add = |name: &Option<HeaderName>, value: Option<&str>| {
            if let (Some(name), Some(value)) = (name, value)
                && let Ok(value) = HeaderValue::from_bytes(value.as_bytes())
            {
                headers.insert(name.clone(), value);
            }
        };
        if let Principal::User(user) = &self.principal {
            add(&names.subject, Some(&user.subject));
            add(&names.account, user.account.as_deref());
        }
        add(&names.plan, self.plan_name());
    }
}

fn starts_with_own_prefix(name: &str) -> bool {
    name.len() > OWN_PREFIX.len()
        && name.as_bytes()[0] == b'x'
        && same_field(OWN_PREFIX, &name[..OWN_PREFIX.len()])
}

/// Header names are lower case here; `_` counts as `-` (CVE-2025-64484: an origin that maps
/// fields to variables cannot tell them apart).
fn same_field(known: &str, name: &str) -> bool {
    known.len() == name.len()
        && known
            .bytes()
            .zip(name.bytes())
            .all(|(a, b)| a == b || (a == b'-' && b == b'_'))
}
