//! Secrets that come from the environment, where there is no disk to keep them on.

use std::sync::Arc;

use tollgate_identity::{IdentityError, KeyRing};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The text of a key ring, for policies with `bucket_keys: environment`.
pub(crate) const BUCKET_KEYS: &str = "TOLLGATE_BUCKET_KEYS";

/// The ring of [`BUCKET_KEYS`], if it is set.
pub(crate) fn bucket_keys() -> Result<Option<Arc<KeyRing>>, Failure> {
    let Some(text) = std::env::var_os(BUCKET_KEYS) else {
        return Ok(None);
    };
    let text = Zeroizing::new(text.into_encoded_bytes());
    let parsed = str::from_utf8(&text)
        .map_err(|_| IdentityError::KeyRing {
            reason: "it is no UTF-8 text",
        })
        .and_then(KeyRing::parse);
    match parsed {
        Ok(ring) => Ok(Some(Arc::new(ring))),
        Err(source) => Err(Failure::Keys {
            file: BUCKET_KEYS.into(),
            source,
        }),
    }
}
