//! Keys of a file of one's own: for checking tokens by hand, never for requests.

use super::{
    KeyRefusal, KeySet, KeySetError,
    admission::SharedKey,
    set::{Ignored, document, entries},
};
use crate::{Secret, token::json::Json};

/// Public keys and shared secrets of one file.
///
/// An issuer's published set has no secrets ([`KeySet`] ignores them): whoever reads the set could
/// sign. In a file that only its owner sees they are what HS256 is checked with.
#[derive(Debug)]
pub struct LocalKeys {
    public: KeySet,
    shared: Vec<SharedKey>,
    ignored: Vec<(KeyRefusal, usize)>,
}

impl LocalKeys {
    /// Parses a JWK set, or a single JWK, and admits its keys; it may be that none is left.
    ///
    /// # Errors
    /// When the document is neither.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let document = document(json)?;
        let single;
        let entries = if document.contains("kty") && !document.contains("keys") {
            single = [Json::Object(document.clone())];
            &single[..]
        } else {
            entries(&document)?
        };
        let public = KeySet::of(entries.iter().filter(|entry| !SharedKey::is_one(entry)));
        let mut ignored = Ignored(public.ignored().to_vec());
        let mut shared = Vec::new();
        for entry in entries.iter().filter(|entry| SharedKey::is_one(entry)) {
            match SharedKey::admit(entry) {
                Ok(key) => shared.push(key),
                Err(refusal) => ignored.add(refusal),
            }
        }
        Ok(Self {
            public,
            shared,
            ignored: ignored.0,
        })
    }

    /// How many keys were admitted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.public.len() + self.shared.len()
    }

    /// No key of the file may be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys were ignored, by reason.
    #[must_use]
    pub fn ignored(&self) -> &[(KeyRefusal, usize)] {
        &self.ignored
    }

    /// The public keys.
    pub(crate) fn public(&self) -> &KeySet {
        &self.public
    }

    pub(super) fn into_public(self) -> KeySet {
        self.public
    }

    /// The secrets that a token with this key id may be signed with: those of the id, or all of them
    /// for a token without one.
    pub(crate) fn secrets<'k>(&'k self, kid: Option<&'k str>) -> impl Iterator<Item = &'k Secret> {
        let named = move |key: &&SharedKey| kid.is_none() || key.kid.as_deref() == kid;
        self.shared.iter().filter(named).map(|key| &key.secret)
    }
}
