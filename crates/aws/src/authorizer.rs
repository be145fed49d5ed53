//! Lambda authorizers of API Gateway: what their cache must be keyed by, and how long it may keep.
//!
//! API Gateway keeps an authorizer's answer under the values of its *identity sources* for its TTL,
//! and uses it for every request with the same values, whatever else the request says. It does not
//! look at a token's `exp`. Two rules follow:
//!
//! 1. **The key holds everything that the answer depends on.** Else an answer for one route, id or
//!    credential lets another through. Sources are all required: a request that lacks one is 401
//!    without a question. So what may be left out (an anonymous caller's token, one of two ways to
//!    show an id) cannot be in a key, and such a policy cannot be cached.
//! 2. **No answer outlives its credential.** The authorizer is told the TTL and refuses what would end
//!    within it. Up to the shortest leeway of the policy nobody notices: a token is accepted that long past
//!    its `exp`. Beyond it, the last seconds of every token are refused.

use std::fmt;

use tollgate_policy::{InvalidToken, Policy};

/// The longest that API Gateway keeps an answer, in seconds.
pub const TTL_S_MAX: u32 = 3_600;
/// The TTL where nothing that the policy accepts ends by itself soon, in seconds: API keys only.
const TTL_S_WITHOUT_TOKENS: u32 = 300;
/// The longest answer, in bytes. Documented for WebSocket APIs; taken for all.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// The longest `Resource` of a policy document, in characters.
pub const RESOURCE_CHARS_MAX: usize = 512;
/// What the message of a failed authorizer must be for API Gateway to answer 401.
pub const UNAUTHORIZED: &str = "Unauthorized";

/// Which API asks, and in which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorizerApi {
    /// REST API, type `TOKEN`: it sees one header field and the ARN.
    RestToken,
    /// REST API, type `REQUEST`.
    RestRequest,
    /// HTTP API, payload format 1.0; answered with a policy document.
    HttpV1,
    /// HTTP API, payload format 2.0; answered with a policy document or with a simple response.
    HttpV2,
}

/// A way in which a request shows something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It need not.
    NotAtAll,
    /// Always, in this header field.
    InField(String),
    /// Not always, or in one of several ways.
    Variously,
}

/// What an answer depends on beside the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The credential.
    pub credential: Shown,
    /// The bucket id.
    pub id: Shown,
}

/// Why no answer may be kept: the TTL must be 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Uncacheable {
    /// A caller may have no credential, or one of several kinds.
    #[error(
        "the credential is not always there, or not always in one field, and a request without an identity source is 401"
    )]
    CredentialVaries,
    /// An id may be missing, or stand in a field or a cookie.
    #[error(
        "the bucket id is not always there, or not always in one field, and a request without an identity source is 401"
    )]
    IdVaries,
    /// A `TOKEN` authorizer's key is the token alone.
    #[error("a TOKEN authorizer is keyed by the token alone, and sees no bucket id")]
    IdUnseen,
}

// === impl AuthorizerApi ===

impl AuthorizerApi {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::RestToken,
        Self::RestRequest,
        Self::HttpV1,
        Self::HttpV2,
    ];

    fn field(self, name: &str) -> String {
        match self {
            Self::RestToken | Self::RestRequest => format!("method.request.header.{name}"),
            Self::HttpV1 | Self::HttpV2 => format!("$request.header.{name}"),
        }
    }

    /// What names the route: the method and the template, never the path.
    fn route(self) -> &'static [&'static str] {
        match self {
            Self::RestToken => &[],
            Self::RestRequest => &["context.httpMethod", "context.resourcePath"],
            Self::HttpV1 | Self::HttpV2 => &["$context.routeKey"],
        }
    }
}

impl fmt::Display for AuthorizerApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RestToken => "REST API, TOKEN",
            Self::RestRequest => "REST API, REQUEST",
            Self::HttpV1 => "HTTP API, payload 1.0",
            Self::HttpV2 => "HTTP API, payload 2.0",
        })
    }
}

// === impl Variant ===

impl Variant {
    /// What a policy has callers show.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let identity = policy.identity();
        let nobody = identity.anonymous.is_some();
        let tokens = !identity.issuers.is_empty();
        let credential = match &identity.api_keys {
            _ if nobody || identity.invalid_token == InvalidToken::Anonymous => Shown::Variously,
            _ if identity.client_certificates.is_some() => Shown::Variously,
            Some(_) if tokens => Shown::Variously,
            Some(keys) => Shown::InField(keys.header.clone()),
            None if identity.token_cookie.is_some() => Shown::Variously,
            None => Shown::InField("authorization".to_owned()),
        };
        let edge = policy.edge();
        let id = match edge.and_then(|edge| Some((edge, edge.before.as_ref()?))) {
            None => Shown::NotAtAll,
            Some((_, before)) if before.cookie.is_some() || before.without_id.is_some() => {
                Shown::Variously
            }
            Some((edge, _)) => Shown::InField(edge.id_header.clone()),
        };
        Self { credential, id }
    }
}

/// The identity sources with which an authorizer's answers may be kept.
///
/// The fields in which a request shows who it is and which bucket is its own, and the route: on an
/// HTTP API the route key, on a REST API method and resource. A `TOKEN` authorizer has no choice: its
/// source is its field, and its answers must hold for every method and resource.
///
/// # Errors
/// [`Uncacheable`] when no list would do. The TTL is then 0, and the list empty: API Gateway answers
/// a request that lacks a source with 401, whatever the TTL.
pub fn identity_sources(api: AuthorizerApi, variant: &Variant) -> Result<Vec<String>, Uncacheable> {
    let Shown::InField(credential) = &variant.credential else {
        return Err(Uncacheable::CredentialVaries);
    };
    let mut sources = vec![api.field(credential)];
    match &variant.id {
        Shown::NotAtAll => {}
        Shown::InField(_) if api == AuthorizerApi::RestToken => return Err(Uncacheable::IdUnseen),
        Shown::InField(name) => sources.push(api.field(name)),
        Shown::Variously => return Err(Uncacheable::IdVaries),
    }
    sources.extend(api.route().iter().map(|&source| source.to_owned()));
    Ok(sources)
}

/// The longest TTL in seconds that a policy's answers may have, 0 when they may not be kept.
///
/// Where the life of the shortest-lived token is not known, the shortest leeway: nobody is refused
/// early then. Where it is, up to half of it; beyond the leeway a token's last seconds are refused.
#[must_use]
pub fn ttl_s_max(api: AuthorizerApi, policy: &Policy, token_life_s: Option<u32>) -> u32 {
    if identity_sources(api, &Variant::of(policy)).is_err() {
        return 0;
    }
    let issuers = policy.identity().issuers.iter();
    let Some(leeway_s) = issuers.map(|issuer| issuer.leeway.as_secs()).min() else {
        return TTL_S_WITHOUT_TOKENS;
    };
    let leeway_s = u32::try_from(leeway_s).unwrap_or(TTL_S_MAX);
    let half_a_life_s = token_life_s.unwrap_or_default() / 2;
    let kept_s = leeway_s.max(half_a_life_s).min(TTL_S_MAX);
    match policy.edge().and_then(|edge| edge.pass.as_ref()) {
        // A pass stands in the answer, and must not end before it.
        Some(pass) => kept_s.min(u32::try_from(pass.lifetime.as_secs() / 2).unwrap_or(TTL_S_MAX)),
        None => kept_s,
    }
}

#[cfg(test)]
mod tests;
