//! Callers with an API key: who they are, and whether the origin sees the key.

use http::{HeaderMap, HeaderName};
use tollgate_identity::{
    ApiKeyStats, ApiKeyVerdict, ApiKeys, Credential, CredentialError, api_key, is_spelling_of,
};
use tollgate_limiter::Now;
use tollgate_policy::IdentityConfig;

use crate::budget::NetworkBudget;
use crate::decision::{Principal, Rejection, Unauthenticated, Verdict};
use crate::error::EngineError;
use crate::head::RequestHead;
use crate::identify::Identified;
use crate::keys::HashKey;
use crate::snapshot::Snapshot;

/// The keys of the policy in force, and the field that presents one.
#[derive(Debug)]
pub(crate) struct ApiKeyDoor {
    field: HeaderName,
    keys: ApiKeys,
}

// === impl ApiKeyDoor ===

impl ApiKeyDoor {
    /// `None` where the policy has no API keys.
    pub(crate) fn of(
        identity: &IdentityConfig,
        hash: &HashKey,
    ) -> Result<Option<Self>, EngineError> {
        let Some(config) = &identity.api_keys else {
            return Ok(None);
        };
        let field = HeaderName::from_bytes(config.header.as_bytes())
            .map_err(|_| EngineError::Header(config.header.clone()))?;
        let keys = ApiKeys::load(&config.file, &hash.0)?;
        Ok(Some(Self { field, keys }))
    }

    /// Whether a field is the keys', in whatever spelling.
    pub(crate) fn is_field(&self, name: &HeaderName) -> bool {
        is_spelling_of(self.field.as_str(), name.as_str())
    }

    /// Whether a field is the one that is read.
    pub(crate) fn is_the_field(&self, name: &HeaderName) -> bool {
        *name == self.field
    }

    /// Whether a request carries a key, good or bad.
    pub(crate) fn is_presented(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.field)
    }

    /// Leaves the field to the origin or removes it. Its underscore form always goes: nobody looked
    /// at it, and an origin that maps fields to variables could take it for the key that was
    /// verified (CVE-2025-64484).
    pub(crate) fn strip(&self, headers: &mut HeaderMap, forward: bool) {
        let gone = |name: &HeaderName| self.is_field(name) && !(forward && *name == self.field);
        // Nearly no request has one to remove: look first, so that the common case allocates nothing.
        if headers.keys().any(gone) {
            for name in headers
                .keys()
                .filter(|name| gone(name))
                .cloned()
                .collect::<Vec<_>>()
            {
                headers.remove(name);
            }
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Who calls by API key; `None` where the policy has none, or the request presents none.
    pub(crate) fn by_api_key(
        &self,
        beside: &Credential<'_>,
        head: &RequestHead<'_>,
        now: Now,
        failures: &NetworkBudget<'_>,
    ) -> Option<Identified> {
        let door = self.api_keys.as_ref()?;
        let bad_request =
            |error| Identified::Refused(Verdict::BadRequest(Rejection::Credential(error)));
        let key = match api_key(head.headers, &door.field) {
            Ok(key) => key?,
            Err(error) => return Some(bad_request(error)),
        };
        match beside {
            Credential::None | Credential::OtherScheme => {}
            // Two callers in one request: whichever counted, another reader may take the other one.
            Credential::Bearer(_) | Credential::Malformed(CredentialError::Empty) => {
                return Some(bad_request(CredentialError::TokenAndKey));
            }
            Credential::Malformed(error) => return Some(bad_request(*error)),
        }
        Some(match door.keys.verify_within(key, now.unix_s(), failures) {
            ApiKeyVerdict::Valid(user) => {
                let (plan, source) = self.plan_of(&user);
                Identified::Caller(Principal::User(user), plan, source)
            }
            ApiKeyVerdict::Invalid(error) => {
                self.invalid(head, Unauthenticated::InvalidApiKey(error))
            }
            ApiKeyVerdict::OverBudget => {
                Identified::OverBudget(failures.look().unwrap_or_default())
            }
        })
    }

    /// What API keys were presented; `None` where the policy has none.
    #[must_use]
    pub fn api_key_stats(&self) -> Option<ApiKeyStats> {
        self.api_keys.as_ref().map(|door| door.keys.stats())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn policy_and_identity_reserve_the_same_names() {
        use {tollgate_identity as identity, tollgate_policy as policy};
        assert_eq!(identity::API_KEY_ISSUER, policy::API_KEY_ISSUER);
        assert_eq!(identity::RESERVED_ISSUERS, policy::RESERVED_ISSUERS);
        assert!(policy::API_KEY_ISSUER.starts_with(policy::RESERVED_ISSUERS));
    }
}
