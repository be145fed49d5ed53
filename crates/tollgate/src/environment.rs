//! Secrets that come from the environment, where there is no disk to keep them on.

use std::sync::Arc;

use tollgate_identity::{IdentityError, KeyRing};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The text of a key ring, for policies with `bucket_keys: environment`.
pub(crate) const BUCKET_KEYS: &str = "TOLLGATE_BUCKET_KEYS";

/// The URL of the store, for policies with `store: environment`.
pub(crate) const STORE: &str = "TOLLGATE_STORE";

/// What [`STORE`] says, if it is set; it may have a password.
pub(crate) fn store() -> Option<Zeroizing<String>> {
    std::env::var(STORE).ok().map(Zeroizing::new)
}

/// A key of the admin API, for commands that ask a running gateway.
const ADMIN_KEY: &str = "TOLLGATE_ADMIN_KEY";

/// What [`ADMIN_KEY`] says, if it is set.
pub(crate) fn admin_key() -> Option<Zeroizing<String>> {
    std::env::var(ADMIN_KEY).ok().map(Zeroizing::new)
}

/// The text of [`BUCKET_KEYS`], if it is set.
pub(crate) fn bucket_keys_text() -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(text) = std::env::var_os(BUCKET_KEYS) else {
        return Ok(None);
    };
    match String::from_utf8(text.into_encoded_bytes()) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) => {
            // Dropped with its bytes zeroed.
            drop(Zeroizing::new(error.into_bytes()));
            Err(unusable(IdentityError::KeyRing {
                reason: "it is no UTF-8 text",
            }))
        }
    }
}

/// The ring of [`BUCKET_KEYS`], if it is set.
pub(crate) fn bucket_keys() -> Result<Option<Arc<KeyRing>>, Failure> {
    let text = bucket_keys_text()?;
    let ring = text.map(|text| KeyRing::parse(&text).map(Arc::new));
    ring.transpose().map_err(unusable)
}

fn unusable(source: IdentityError) -> Failure {
    Failure::Keys {
        file: BUCKET_KEYS.into(),
        source,
    }
}
