//! Header fields of a forwarded request: what a client claims is removed, what was verified added.

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_identity::{is_spelling_of, remove_cookies};
use tollgate_policy::Policy;

use crate::api_keys::ApiKeyDoor;
use crate::decision::{Decision, Principal};
use crate::error::EngineError;
use crate::snapshot::Snapshot;

/// Names of the identity headers in force.
#[derive(Debug)]
pub(crate) struct ForwardNames {
    subject: Option<HeaderName>,
    account: Option<HeaderName>,
    plan: Option<HeaderName>,
    /// Names of the edge's fields, where they are the policy's choice.
    edge: Vec<HeaderName>,
    /// Cookies that end here.
    cookies: Vec<String>,
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
    pub(crate) fn new(policy: &Policy) -> Result<Self, EngineError> {
        let (config, plans) = (policy.forwarding(), policy.plans());
        let name = |name: &Option<String>| name.as_deref().map(header_name).transpose();
        let mut names = Self {
            subject: name(&config.subject)?,
            account: name(&config.account)?,
            plan: name(&config.plan)?,
            edge: edge_headers(policy)?,
            cookies: cookies(policy),
            first_letters: [false; 256],
            plan_values: plans
                .iter()
                .map(|plan| HeaderValue::from_str(&plan.name).ok())
                .collect(),
        };
        let letters: Vec<u8> = names
            .own()
            .map(HeaderName::as_str)
            .chain(STRIPPED)
            .chain([OWN_PREFIX])
            .flat_map(|name| name.bytes().next())
            .collect();
        for letter in letters {
            names.first_letters[usize::from(letter)] = true;
            if matches!(letter, b'-' | b'_') {
                names.first_letters[usize::from(b'-')] = true;
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
                || STRIPPED
                    .iter()
                    .any(|stripped| is_spelling_of(stripped, name))
                || self.is_own(name))
    }

    fn is_own(&self, name: &str) -> bool {
        self.own().any(|own| is_spelling_of(own.as_str(), name))
    }

    fn own(&self) -> impl Iterator<Item = &HeaderName> {
        let identity = [&self.subject, &self.account, &self.plan];
        identity.into_iter().flatten().chain(&self.edge)
    }
}

impl Snapshot {
    /// True for a field that only the gateway may set: one that claims an identity, a bucket id or a
    /// rate limit. For what comes behind the head, where nobody looks.
    #[must_use]
    pub fn is_ours(&self, name: &HeaderName) -> bool {
        let door = self.api_keys.as_ref();
        self.forward.is_claim(name) || door.is_some_and(|door| door.is_field(name))
    }

    /// Whether a request has a field of ours that [`Decision::identity_fields`] is not put over: an
    /// origin that folds spellings would take it for the verified one.
    pub(crate) fn has_foreign_claim(&self, headers: &HeaderMap) -> bool {
        let door = self.api_keys.as_ref();
        let is_foreign = |name: &HeaderName| {
            let is_credential = door.is_some_and(|door| door.is_the_field(name));
            let is_covered = || self.forward.own().any(|own| own == name);
            !is_credential && self.is_ours(name) && !is_covered()
        };
        headers.keys().any(is_foreign)
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
        if let Some(cookie) = &self.snapshot.policy().identity().token_cookie
            && !(forward && self.is_known_by_cookie(headers))
        {
            remove_cookies(headers, &[cookie]);
        }
        if !forward {
            headers.remove(http::header::AUTHORIZATION);
        }
        if !names.cookies.is_empty() {
            remove_cookies(headers, &names.cookies);
        }
        if let Some(door) = &self.snapshot.api_keys {
            door.strip(headers, forward);
        }
        self.add_identity(headers);
    }

    /// The verified identity as fields to put over a client's request; those that do not apply come
    /// empty, so that what a client wrote into them goes.
    pub fn identity_fields(&self, headers: &mut HeaderMap) {
        for name in self.snapshot.forward.own() {
            headers.insert(name.clone(), HeaderValue::from_static(""));
        }
        self.add_identity(headers);
    }

    /// Whether the token cookie is what says who calls. One that was not looked at, beside another
    /// credential, or that did not verify, must not speak to the origin: it would serve one caller
    /// while another is counted.
    fn is_known_by_cookie(&self, headers: &HeaderMap) -> bool {
        let has_key = |door: &ApiKeyDoor| door.is_presented(headers);
        matches!(self.principal, Principal::User(_))
            && !headers.contains_key(http::header::AUTHORIZATION)
            && !self.snapshot.api_keys.as_ref().is_some_and(has_key)
    }

    fn add_identity(&self, headers: &mut HeaderMap) {
        let names = &self.snapshot.forward;
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
        if let (Some(name), Some(plan)) = (&names.plan, self.plan)
            && let Some(value) = &names.plan_values[usize::from(plan.0)]
        {
            headers.insert(name.clone(), value.clone());
        }
        let edge = self.snapshot.edge.as_ref().filter(|edge| edge.after);
        if let (Some(edge), Some(id)) = (edge, edge.and_then(|_| self.snapshot.bucket_id(self)))
            && let Ok(id) = HeaderValue::from_str(id.as_str())
        {
            headers.insert(edge.id_header.clone(), id);
        }
    }
}

/// A name that the policy chose.
pub(crate) fn header_name(name: &str) -> Result<HeaderName, EngineError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| EngineError::Header(name.to_owned()))
}

fn edge_headers(policy: &Policy) -> Result<Vec<HeaderName>, EngineError> {
    let edge = policy.edge().into_iter();
    let names = edge.flat_map(|edge| {
        let pass = edge.pass.as_ref().and_then(|pass| pass.header.as_deref());
        [Some(edge.id_header.as_str()), pass].into_iter().flatten()
    });
    names.map(header_name).collect()
}

/// The edge's own.
fn cookies(policy: &Policy) -> Vec<String> {
    let edge = policy.edge();
    let before = edge.and_then(|edge| edge.before.as_ref()?.cookie.as_ref());
    let pass = edge.and_then(|edge| edge.pass.as_ref()?.cookie.as_ref());
    [before, pass].into_iter().flatten().cloned().collect()
}

fn starts_with_own_prefix(name: &str) -> bool {
    name.len() > OWN_PREFIX.len()
        && name.as_bytes()[0] == b'x'
        && is_spelling_of(OWN_PREFIX, &name[..OWN_PREFIX.len()])
}
