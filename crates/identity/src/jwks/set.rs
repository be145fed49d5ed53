//! A parsed key set: the admitted keys by id, and counts of those that were ignored.

use std::fmt;

use aws_lc_rs::signature::ParsedPublicKey;
use sha2::{Digest, Sha256};

use super::admission::{KeyRefusal, PublicKey};
use crate::{
    Algorithm,
    token::json::{Json, Object},
};

/// Largest key set in bytes.
pub const JWKS_BYTES_MAX: usize = 512 * 1024;
/// Most keys of a set; a larger one is refused whole.
pub const JWKS_KEYS_MAX: usize = 100;
/// Most JSON values of a set, certificates and unknown members included.
const JWKS_VALUES_MAX: u32 = 16 * 1024;

/// Why a document is not taken as a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// More than 512 KiB.
    #[error("the key set is larger than 512 KiB")]
    TooLarge,
    /// Not one JSON object within depth and member limits, or a name twice.
    #[error("the key set is not a JSON object in bounds without duplicate names")]
    Json,
    /// No array `keys` (RFC 7517 section 5.1).
    #[error("the key set has no array `keys`")]
    NoKeysMember,
    /// More than 100 keys.
    #[error("the key set has more than 100 keys")]
    TooManyKeys,
    /// No key of it may be used; the last good set stays.
    #[error("the key set has no usable key")]
    NoUsableKeys,
}

/// Keys that may verify, never changed once made.
pub struct KeySet {
    /// Sorted by key id, keys without one first.
    keys: Vec<PublicKey>,
    ignored: Vec<(KeyRefusal, usize)>,
    fingerprint: [u8; 32],
}

impl KeySet {
    /// Parses a JWK set and admits its keys.
    ///
    /// # Errors
    /// When the document is no key set, or none of its keys may be used. Single keys that may
    /// not be used are ignored and counted (RFC 7517 section 5).
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let set = Self::of(entries(&document(json)?)?);
        if set.keys.is_empty() {
            return Err(KeySetError::NoUsableKeys);
        }
        Ok(set)
    }

    /// Admits what it may of `entries`, which may be nothing.
    pub(super) fn of<'e>(entries: impl IntoIterator<Item = &'e Json<'e>>) -> Self {
        let mut keys = Vec::new();
        let mut ignored = Ignored::default();
        for entry in entries {
            match PublicKey::admit(entry) {
                Ok(key) => keys.push(key),
                Err(refusal) => ignored.add(refusal),
            }
        }
        let keys = without_ambiguous(keys, &mut ignored);
        Self {
            fingerprint: fingerprint(&keys),
            keys,
            ignored: ignored.0,
        }
    }

    /// How many keys were admitted.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never for an issuer's set: one without usable keys is not one.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys were ignored, by reason.
    pub fn ignored(&self) -> &[(KeyRefusal, usize)] {
        &self.ignored
    }

    /// The same for sets with the same keys, in whatever order and layout they were served.
    pub(super) fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The one key with this id.
    pub(crate) fn named(&self, kid: &str) -> Option<&PublicKey> {
        let place = self
            .keys
            .binary_search_by(|key| key.kid.as_deref().cmp(&Some(kid)));
        place.ok().map(|index| &self.keys[index])
    }

    /// The keys that verify this algorithm.
    pub(crate) fn verifiers(&self, algorithm: Algorithm) -> impl Iterator<Item = &ParsedPublicKey> {
        self.keys
            .iter()
            .filter_map(move |key| key.verifier(algorithm))
    }
}

/// Shows what is there, not the key material.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.keys.len())
            .field("ignored", &self.ignored)
            .finish_non_exhaustive()
    }
}

/// A document as a JWK set, or as a key by itself, within its bounds.
pub(super) fn document(json: &[u8]) -> Result<Object<'_>, KeySetError> {
    if json.len() > JWKS_BYTES_MAX {
        return Err(KeySetError::TooLarge);
    }
    Object::parse(json, JWKS_VALUES_MAX).map_err(|_| KeySetError::Json)
}

/// The entries of a JWK set.
pub(super) fn entries<'o>(document: &'o Object<'_>) -> Result<&'o [Json<'o>], KeySetError> {
    let Some(Json::Array(entries)) = document.get("keys") else {
        return Err(KeySetError::NoKeysMember);
    };
    if entries.len() > JWKS_KEYS_MAX {
        return Err(KeySetError::TooManyKeys);
    }
    Ok(entries)
}

/// Keys that were ignored, counted by reason.
#[derive(Default)]
pub(super) struct Ignored(pub(super) Vec<(KeyRefusal, usize)>);

impl Ignored {
    pub(super) fn add(&mut self, refusal: KeyRefusal) {
        match self.0.iter_mut().find(|(known, _)| *known == refusal) {
            Some((_, count)) => *count += 1,
            None => self.0.push((refusal, 1)),
        }
    }
}

/// Sorts by key id and drops every key of an id that stands for several: whoever could add a
/// second key under a known id must not be believed. The same key repeated stays, once.
fn without_ambiguous(mut keys: Vec<PublicKey>, ignored: &mut Ignored) -> Vec<PublicKey> {
    keys.sort_by(|one, other| one.identity().cmp(&other.identity()));
    keys.dedup_by(|one, other| one.identity() == other.identity());
    let repeated = |index: usize| {
        let kid = keys[index].kid.as_deref();
        let is = |other: Option<&PublicKey>| other.is_some_and(|key| key.kid.as_deref() == kid);
        kid.is_some() && (is(keys.get(index + 1)) || (index > 0 && is(keys.get(index - 1))))
    };
    let ambiguous: Vec<bool> = (0..keys.len()).map(repeated).collect();
    let mut ambiguous = ambiguous.into_iter();
    keys.retain(|_| {
        let drop = ambiguous.next().unwrap_or(false);
        if drop {
            ignored.add(KeyRefusal::DuplicateKid);
        }
        !drop
    });
    keys
}

fn fingerprint(keys: &[PublicKey]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for key in keys {
        let (kid, algorithms, material) = key.identity();
        part(kid.map_or(&[][..], str::as_bytes));
        part(if kid.is_some() { b"named" } else { b"nameless" });
        part(algorithms.as_bytes());
        part(material);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
