//! Header fields of a forwarded request: what a client claims is removed, what was verified added.

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_policy::{ForwardingConfig, Plan};

use crate::decision::{Decision, Principal};
use crate::error::EngineError;

/// Names of the identity headers in force.
#[derive(Debug)]
pub(crate) struct ForwardNames {
    subject: Option<HeaderName>,
    account: Option<HeaderName>,
    plan: Option<HeaderName>,
    /// Which first letters a claim's name may have: nearly every field is told by its first.
    first_letters: [bool; 256],
    /// The plans' names as field values, by plan.
    plan_values: Vec<Option<HeaderValue>>,
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
    pub(crate) fn new(config: &ForwardingConfig, plans: &[Plan]) -> Result<Self, EngineError> {
        let name = |name: &Option<String>| {
            let parse = |name: &String| {
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| EngineError::Header(name.clone()))
            };
            name.as_ref().map(parse).transpose()
        };
        let mut names = Self {
            subject: name(&config.subject)?,
            account: name(&config.account)?,
            plan: name(&config.plan)?,
            first_letters: [false; 256],
            plan_values: plans
                .iter()
                .map(|plan| HeaderValue::from_str(&plan.name).ok())
                .collect(),
        };
        let own = [&names.subject, &names.account, &names.plan];
        let own = own.into_iter().flatten().map(|name| name.as_str());
        let letters: Vec<u8> = own
            .chain(STRIPPED)
            .chain([OWN_PREFIX])
            .flat_map(|name| name.bytes().next())
            .collect();
        for letter in letters {
            names.first_letters[usize::from(letter)] = true;
            if letter == b'-' {
                names.first_letters[usize::from(b'_')] = true;
            }
        }
        Ok(names)
    }

    /// A field by which a client could claim an identity or a rate limit.
    fn is_claim(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        let first = name.as_bytes().first().copied().unwrap_or_default();
        self.first_letters[usize::from(first)]
            && (starts_with_own_prefix(name)
                || STRIPPED.iter().any(|stripped| same_field(stripped, name))
                || self.is_own(name))
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
        // Nearly no request has one: look first, so that the common case allocates nothing.
        if headers.keys().any(|name| names.is_claim(name)) {
            let claims = headers.keys().filter(|name| names.is_claim(name));
            for name in claims.cloned().collect::<Vec<_>>() {
                headers.remove(name);
            }
        }
        let forward = self.snapshot.policy().forwarding().forward_authorization;
        if !forward {
            headers.remove(http::header::AUTHORIZATION);
        }
        if let Some(door) = &self.snapshot.api_keys {
            door.strip(headers, forward);
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
        let plan = self
            .plan
            .and_then(|plan| names.plan_values[usize::from(plan.0)].clone());
        if let (Some(name), Some(value)) = (&names.plan, plan) {
            headers.insert(name.clone(), value);
        }
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
