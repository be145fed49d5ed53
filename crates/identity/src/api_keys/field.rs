//! The field of a request that carries an API key.

use http::{HeaderMap, HeaderName};

use crate::CredentialError;

/// The key that a request presents, not looked at yet; `None` without the field.
///
/// # Errors
/// More than one key, as two fields or joined by a comma, which is how proxies join fields: another
/// reader might take the other one.
pub fn api_key<'a>(
    headers: &'a HeaderMap,
    field: &HeaderName,
) -> Result<Option<&'a [u8]>, CredentialError> {
    let mut fields = headers.get_all(field).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(CredentialError::SeveralKeys),
        (Some(key), None) if key.as_bytes().contains(&b',') => Err(CredentialError::JoinedKeys),
        (Some(key), None) => Ok(Some(key.as_bytes())),
    }
}
