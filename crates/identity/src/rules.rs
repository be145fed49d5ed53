//! The checked rules under which an issuer's tokens are verified.

use std::sync::Arc;

use crate::{Algorithm, IdentityError, KeyHolder, RESERVED_ISSUERS, Secret};

/// Most issuers of one verifier; they are searched in turn.
pub const ISSUERS_MAX: usize = 64;
/// Default time a refused token's verdict is remembered, in seconds.
pub const NEGATIVE_TTL_S_DEFAULT: u64 = 5;
/// Longest time a refused token's verdict may be remembered, in seconds.
pub const NEGATIVE_TTL_S_MAX: u64 = 60;
/// Most leeway for clocks, in seconds.
pub const LEEWAY_S_MAX: u64 = 600;

/// What a token of one issuer must be.
#[derive(Debug, Clone)]
pub struct IssuerRules {
    /// Compared with `iss` as an exact string.
    pub issuer: String,
    /// At least one; the token's `aud` must contain one of them as a string.
    pub audiences: Vec<String>,
    /// The allow-list. HS256 stands alone: an issuer is symmetric or it is not.
    pub algorithms: Vec<Algorithm>,
    /// Tolerance of clocks for `exp`, `nbf` and `iat`, at most 600 s.
    pub leeway_s: u64,
    /// Claim paths that must be present and not null.
    pub required_claims: Vec<String>,
    /// The claim path of the subject, `sub` as a rule. In a path, dots descend into objects
    /// (`user.id`); a path with `:` or `/` is one literal name, as namespaced claims are.
    pub subject_claim: String,
    /// The claim path that names the client of a machine token (`client_id`, `azp`): the subject
    /// of a token that has none is `client:` and its value. A token that claims such a subject
    /// itself is then refused, so that nobody can register as somebody's name.
    pub client_claim: Option<String>,
    /// The claim path of the account, if users belong to accounts.
    pub account_claim: Option<String>,
    /// The claim path of the plan hint.
    pub plan_claim: Option<String>,
    /// The media type that `typ` must name, `at+jwt` for RFC 9068; any when `None`.
    pub typ: Option<String>,
    /// The longest accepted remaining and (with `iat`) total life, in seconds.
    pub max_lifetime_s: u64,
    /// The secret of an HS256 issuer, and only of one.
    pub secret: Option<Secret>,
    /// The live key set; unused by an HS256 issuer.
    pub keys: Arc<KeyHolder>,
}

/// What a [`crate::Verifier`] is made of.
#[derive(Debug, Clone)]
pub struct VerifierConfig {
    /// At most 64; an empty list refuses every token.
    pub issuers: Vec<IssuerRules>,
    /// Verdicts of valid tokens kept; 0 switches the cache off. An entry takes about 400 bytes,
    /// at most 1.2 KB when subject, account and plan are as long as they may be.
    pub cache_entries: usize,
    /// How long a refusal is remembered, 0 to 60 s; 0 remembers none.
    pub negative_ttl_s: u64,
    /// The process-random key of every [`crate::PrincipalKey`].
    pub hash_key: [u8; 16],
}

impl IssuerRules {
    /// Everything that would make a rule ambiguous, or verify nothing.
    pub(crate) fn check(&self) -> Result<(), IdentityError> {
        let wrong = |reason| {
            Err(IdentityError::IssuerRules {
                issuer: self.issuer.clone(),
                reason,
            })
        };
        if self.issuer.is_empty() {
            return wrong("the issuer is empty");
        }
        // A user of such an issuer would share the buckets of one that Tollgate itself vouches for.
        if self.issuer.starts_with(RESERVED_ISSUERS) {
            return wrong("names under `urn:tollgate:` are Tollgate's own");
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return wrong("an audience is required (RFC 8725 section 3.9)");
        }
        if self.algorithms.is_empty() {
            return wrong("no algorithm is allowed");
        }
        let symmetric = self.algorithms.iter().filter(|a| a.is_symmetric()).count();
        if symmetric > 0 && symmetric < self.algorithms.len() {
            return wrong("HS256 cannot stand beside algorithms with public keys");
        }
        if (symmetric > 0) != self.secret.is_some() {
            return wrong("HS256 and a secret need each other");
        }
        if self.leeway_s > LEEWAY_S_MAX {
            return wrong("the leeway is more than 600 s");
        }
        if self.max_lifetime_s == 0 {
            return wrong("the longest lifetime is zero");
        }
        let paths = [
            Some(&self.subject_claim),
            self.client_claim.as_ref(),
            self.account_claim.as_ref(),
            self.plan_claim.as_ref(),
        ];
        let mut paths = paths.into_iter().flatten().chain(&self.required_claims);
        if paths.any(|path| path.is_empty()) {
            return wrong("a claim path is empty");
        }
        Ok(())
    }
}
