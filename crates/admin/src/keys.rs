//! Keys of the admin API: who may call it, by the hash of a long random secret.
//!
//! The file is one of API keys as [`tollgate_identity::api_keys`] describes it, and is read by the same
//! code: SHA-256 of the key, its name, `-`, its role, not-after. A look-up is one hash and a comparison in
//! constant time; why a hash without salt is enough is told there.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tollgate_identity::{
    ApiKeyVerdict, ApiKeys, ApiKeysError, ApiKeysText, FailureBudget, IdentityError, NewApiKey,
    Redacted,
};
use zeroize::Zeroizing;

use crate::role::Role;

/// What a key begins with, so that people and secret scanners know one when they see it.
pub const KEY_PREFIX: &str = "tga_";
/// The characters of a key: the prefix, and 32 random bytes as base64url.
const KEY_CHARS: usize = 4 + 43;
/// The most keys of one file.
pub const KEYS_MAX: usize = 1_000;

/// The keys of one file, ready to be looked up. Holds no key, only digests.
#[derive(Debug)]
pub struct AdminKeys {
    keys: ApiKeys,
    notes: Vec<KeyNote>,
    /// Where a key's note is, by the whole digest.
    by_digest: HashMap<KeyDigest, usize>,
}

/// SHA-256 of a key, in hex as the file has it: by this a session knows its key again.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct KeyDigest(String);

/// What may be said of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNote {
    /// Its name: who is said to have done what is done with it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The beginning of its SHA-256 in hex, enough to tell keys of one name apart.
    pub digest: String,
    /// The first second since 1970 in which it is refused.
    pub not_after_s: Option<u64>,
}

/// Who presented a good key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The key's name.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
}

/// Why a file of admin keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminKeysError {
    /// It is no file of keys.
    #[error(transparent)]
    File(#[from] IdentityError),
    /// It is no text of keys.
    #[error("admin keys: {0}")]
    Text(#[from] ApiKeysError),
    /// A key without a role, or with something that is none.
    #[error(
        "admin key {name:?}: where a caller's key names a plan this one names a role, `read`, `operate` or `admin`"
    )]
    Role {
        /// The key's name.
        name: String,
    },
    /// A key with an account, of which there are none here.
    #[error("admin key {name:?}: write `-` for the account")]
    Account {
        /// The key's name.
        name: String,
    },
    /// More keys than one file may have.
    #[error("more than {KEYS_MAX} admin keys")]
    TooMany,
}

// === impl AdminKeys ===

impl AdminKeys {
    /// Reads keys from a file that only its owner may read and write.
    ///
    /// # Errors
    /// When it cannot be read, has other permissions than 0600, or a line is wrong.
    pub fn load(path: &Path) -> Result<Self, AdminKeysError> {
        Self::of(&ApiKeysText::load(path)?)
    }

    /// Reads keys from a text that was read already.
    ///
    /// # Errors
    /// A key without a role, or with an account.
    pub fn of(text: &ApiKeysText) -> Result<Self, AdminKeysError> {
        let mut notes = Vec::new();
        let mut by_digest = HashMap::new();
        for key in text.keys() {
            let digest = key.short_digest().to_owned();
            by_digest.insert(KeyDigest(key.digest.clone()), notes.len());
            let name = key.subject;
            if key.account.is_some() {
                return Err(AdminKeysError::Account { name });
            }
            let Some(Ok(role)) = key.plan.as_deref().map(str::parse) else {
                return Err(AdminKeysError::Role { name });
            };
            if notes.len() == KEYS_MAX {
                return Err(AdminKeysError::TooMany);
            }
            notes.push(KeyNote {
                name,
                role,
                digest,
                not_after_s: key.not_after_s,
            });
        }
        let text = String::from_utf8_lossy(text.as_bytes());
        // The key under which users are counted: nobody is counted here.
        let keys = ApiKeys::parse(&text, &[0; 16])?;
        Ok(Self {
            keys,
            notes,
            by_digest,
        })
    }

    /// What is known of each key, in the order of the file.
    #[must_use]
    pub fn notes(&self) -> &[KeyNote] {
        &self.notes
    }

    /// Who has the key of a digest, at a moment in seconds since 1970, if it is still good.
    pub(crate) fn holder_of(&self, digest: &KeyDigest, now_unix_s: u64) -> Option<Caller> {
        let note = self.notes.get(*self.by_digest.get(digest)?)?;
        let is_good = note.not_after_s.is_none_or(|end_s| now_unix_s < end_s);
        is_good.then(|| Caller {
            name: note.name.clone(),
            role: note.role,
        })
    }

    /// Who presents this key, at a moment in seconds since 1970.
    ///
    /// A good key passes whatever the budget of its network; what is no key charges it.
    pub(crate) fn verify(
        &self,
        key: &str,
        now_unix_s: u64,
        budget: &impl FailureBudget,
    ) -> Result<Caller, Refused> {
        if !(key.starts_with(KEY_PREFIX) && key.len() == KEY_CHARS) {
            let refused = match budget.is_spent() {
                true => Refused::OverBudget,
                false => Refused::NoKey,
            };
            budget.charge();
            return Err(refused);
        }
        match self.keys.verify_within(key.as_bytes(), now_unix_s, budget) {
            ApiKeyVerdict::Valid(user) => {
                let role = user.plan.as_deref().and_then(|role| role.parse().ok());
                Ok(Caller {
                    name: user.subject.to_string(),
                    // `of` takes no key without a role.
                    role: role.ok_or(Refused::NoKey)?,
                })
            }
            ApiKeyVerdict::Invalid(_) => Err(Refused::NoKey),
            ApiKeyVerdict::OverBudget => Err(Refused::OverBudget),
        }
    }
}

impl KeyDigest {
    pub(crate) fn of(key: &str) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(key)))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest")
    }
}

/// Why a key did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is none, or none any more.
    NoKey,
    /// Its network has failed too often to be told.
    OverBudget,
}

/// Makes a key and adds its hash to the text of a file. What is returned is the key itself, and the only
/// time that it is anywhere.
///
/// # Errors
/// A name that cannot stand in the file, or no random bytes.
pub fn add_key(
    text: &mut ApiKeysText,
    name: &str,
    role: Role,
    not_after_s: Option<u64>,
) -> Result<Redacted<Zeroizing<String>>, ApiKeysError> {
    text.add_beginning_with(
        KEY_PREFIX,
        &NewApiKey {
            subject: name,
            account: None,
            plan: Some(role.as_str()),
            not_after_s,
        },
    )
}

#[cfg(test)]
mod tests {
    use tollgate_identity::Unbounded;

    use super::*;

    fn text(lines: &str) -> ApiKeysText {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, lines).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        ApiKeysText::load(&path).unwrap()
    }

    const DIGEST: &str = "b22edff472d991b475a48064fad696cdca571c9dd4d79c6ee11d4b75364311d9";

    #[test]
    fn a_new_key_is_known_by_its_name_and_role_until_its_end() {
        let mut file = ApiKeysText::empty();
        let key = add_key(&mut file, "ops", Role::Operate, Some(100)).unwrap();
        let key = key.expose().as_str();
        assert!(key.starts_with(KEY_PREFIX) && key.len() == KEY_CHARS);
        let keys = AdminKeys::of(&file).unwrap();
        let caller = keys.verify(key, 99, &Unbounded).unwrap();
        assert_eq!((caller.name.as_str(), caller.role), ("ops", Role::Operate));
        assert_eq!(keys.verify(key, 100, &Unbounded), Err(Refused::NoKey));
        let digest = KeyDigest::of(key);
        assert_eq!(keys.holder_of(&digest, 99), Some(caller));
        assert_eq!(keys.holder_of(&digest, 100), None);
        assert_eq!(keys.holder_of(&KeyDigest::of("tga_"), 0), None);
        assert!(!format!("{keys:?}").contains(&key[KEY_PREFIX.len()..]));
    }

    #[test]
    fn what_is_no_admin_key_is_not_even_looked_up() {
        let mut file = ApiKeysText::empty();
        let new = NewApiKey {
            subject: "caller",
            account: None,
            plan: Some("admin"),
            not_after_s: None,
        };
        let callers = file.add(&new).unwrap();
        let keys = AdminKeys::of(&file).unwrap();
        for key in ["", "tga_", callers.expose().as_str()] {
            assert_eq!(keys.verify(key, 0, &Unbounded), Err(Refused::NoKey));
        }
    }

    #[test]
    fn a_key_without_a_role_or_with_an_account_is_refused_with_its_name() {
        for line in ["ops - - -", "ops - gold -", "ops acme read -"] {
            let error = AdminKeys::of(&text(&format!("{DIGEST} {line}\n"))).unwrap_err();
            assert!(error.to_string().contains("\"ops\""), "{error}");
        }
        let keys = AdminKeys::of(&text(&format!("{DIGEST} ops - read -\n"))).unwrap();
        assert_eq!(keys.notes()[0].digest, DIGEST[..12]);
    }
}
