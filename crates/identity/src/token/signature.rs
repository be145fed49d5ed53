//! The signature: which keys are tried, and the check by aws-lc or HMAC.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{
    TokenError,
    compact::{self, Compact},
    header::Header,
};
use crate::{KeySet, LocalKeys, Secret};

/// Most keys tried for a token without a key id.
pub const KEYS_TRIED_MAX: usize = 4;

/// Checks a signature under a public key set.
///
/// The key id must match exactly; a token without one is tried with the first four keys that
/// are for its algorithm. The key decides: it holds a verifier for this algorithm or it does
/// not, so that a header can never turn a key into another kind.
pub(crate) fn check_public(
    keys: &KeySet,
    header: &Header,
    signed: &str,
    signature: &[u8],
) -> Result<(), TokenError> {
    if let Some(kid) = &header.kid {
        let key = keys.named(kid).ok_or(TokenError::UnknownKey)?;
        let verifier = key
            .verifier(header.algorithm)
            .ok_or(TokenError::KeyMismatch)?;
        let checked = verifier.verify_sig(signed.as_bytes(), signature);
        return checked.map_err(|_| TokenError::Signature);
    }
    let mut verifiers = keys
        .verifiers(header.algorithm)
        .take(KEYS_TRIED_MAX)
        .peekable();
    if verifiers.peek().is_none() {
        return Err(TokenError::UnknownKey);
    }
    if verifiers.any(|key| key.verify_sig(signed.as_bytes(), signature).is_ok()) {
        Ok(())
    } else {
        Err(TokenError::Signature)
    }
}

/// Checks an HS256 signature in constant time. The key id is ignored: there is one secret.
pub(crate) fn check_secret(
    secret: &Secret,
    signed: &str,
    signature: &[u8],
) -> Result<(), TokenError> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.bytes()).map_err(|_| TokenError::Signature)?;
    mac.update(signed.as_bytes());
    mac.verify_slice(signature)
        .map_err(|_| TokenError::Signature)
}

/// The signature layer alone: the payload of a compact JWS, whatever it is, once it verified
/// under one of these keys. For tools and outside test suites; a request goes through
/// [`crate::Verifier`].
///
/// # Errors
/// The reason for which the token is refused.
pub fn verify_jws(token: &str, keys: &LocalKeys) -> Result<Vec<u8>, TokenError> {
    let parts = Compact::split_jws(token)?;
    let header = Header::parse(&compact::decode(parts.header)?)?;
    let payload = compact::decode(parts.claims)?;
    let signature = compact::decode(parts.signature)?;
    if header.algorithm.is_symmetric() {
        check_local(keys, &header, parts.signed, &signature)?;
    } else {
        check_public(keys.public(), &header, parts.signed, &signature)?;
    }
    Ok(payload)
}

/// As [`check_public`], under the secrets of a file. Public keys are no secrets, so an HMAC under
/// one of them does not hold.
fn check_local(
    keys: &LocalKeys,
    header: &Header,
    signed: &str,
    signature: &[u8],
) -> Result<(), TokenError> {
    let kid = header.kid.as_deref();
    let mut secrets = keys.secrets(kid).take(KEYS_TRIED_MAX).peekable();
    if secrets.peek().is_none() {
        let is_public = kid.is_some_and(|kid| keys.public().named(kid).is_some());
        return Err(match is_public {
            true => TokenError::KeyMismatch,
            false => TokenError::UnknownKey,
        });
    }
    if secrets.any(|secret| check_secret(secret, signed, signature).is_ok()) {
        Ok(())
    } else {
        Err(TokenError::Signature)
    }
}

/// What header and payload of a token say, unverified and strictly decoded: for showing to whoever
/// asks why a token is refused, and for nothing else.
///
/// # Errors
/// When they cannot be decoded.
pub fn unverified(token: &str) -> Result<(Vec<u8>, Vec<u8>), TokenError> {
    let parts = Compact::split(token)?;
    Ok((
        compact::decode(parts.header)?,
        compact::decode(parts.claims)?,
    ))
}
