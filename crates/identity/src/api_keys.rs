//! API keys: callers that hold a long random secret instead of a token.
//!
//! # File format
//! UTF-8 text, one key a line, fields between spaces; `#` begins a comment line.
//! ```text
//! # SHA-256 of the key: 64 characters of hex, or 43 of base64url   subject      account plan not-after
//! b22edff472d991b475a48064fad696cdca571c9dd4d79c6ee11d4b75364311d9 billing-job  acme    gold 1798761600
//! KfC4k0ca-EcmoYxrsqNBI7IJ_EmKYUm_bKLSdETVvZ0                      nightly      -       -    -
//! ```
//! Not-after is in seconds since 1970 and itself outside; `-` stands for none. Subject, account and
//! plan are as a token's claims: at most 255 bytes without control characters, here without spaces.
//! On Unix the file must be readable and writable by its owner alone (0600): whoever writes it
//! makes users, and whoever reads it learns who they are.
//!
//! # Why plain SHA-256
//! A key that [`ApiKeysText::add`] makes carries 256 random bits: there is no list of likely ones to
//! try against a stolen file, so that a salt or a slow hash would protect nothing. A slow one would
//! give every stranger a way to exhaust us, one header field a time. Whoever puts the hash of a key
//! from elsewhere into the file vouches that it is as random; a password is not.
//!
//! # Looking a key up
//! Shape first, then one hash; only a key that is not known asks what its network may still fail, so
//! that a good one never waits for its neighbours. The digest is found by a hash
//! map under a random key of the process and compared in constant time, so that no timing tells how
//! much of a stored digest a guess has right. The [`User`] values are made when the file is read: a
//! look-up allocates nothing. A key takes about 250 bytes of memory beside its names.

mod field;
mod line;
mod text;
mod verdict;

use std::{collections::HashMap, fmt, path::Path, sync::Arc};

use zeroize::Zeroizing;

use self::line::{Digest, Line};
use crate::{
    ApiKeysError, FailureBudget, IdentityError, User,
    private_file::{self, PrivateFileError},
};

pub use field::api_key;
pub use text::{ApiKeyNote, ApiKeysText, NewApiKey};
pub use verdict::{ApiKeyError, ApiKeyStats, ApiKeyVerdict};

/// What every issuer's name of Tollgate's own begins with; no issuer of tokens may have it.
pub const RESERVED_ISSUERS: &str = "urn:tollgate:";
/// The issuer of every user with an API key: apart from all issuers of tokens.
pub const API_KEY_ISSUER: &str = "urn:tollgate:api-key";
/// Largest file of keys in bytes.
pub const API_KEYS_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Most keys of a file.
pub const API_KEYS_MAX: usize = 1_000_000;
/// Shortest key that is looked up, in bytes.
pub const API_KEY_BYTES_MIN: usize = 20;
/// Longest key that is looked up, in bytes.
pub const API_KEY_BYTES_MAX: usize = 255;

/// The keys of one file, ready to be looked up. Holds no key, only digests.
pub struct ApiKeys {
    users: HashMap<Digest, Arc<User>>,
    counters: verdict::Counters,
}

// === impl ApiKeys ===

impl ApiKeys {
    /// Reads keys from their text; users are counted under `hash_key`, the process's own.
    ///
    /// A text without keys is good: the last key of a file can be revoked.
    ///
    /// # Errors
    /// The line that cannot be read, or both lines of a key that stands twice.
    pub fn parse(text: &str, hash_key: &[u8; 16]) -> Result<Self, ApiKeysError> {
        let issuer: Arc<str> = API_KEY_ISSUER.into();
        let mut users = HashMap::new();
        for line in lines(text) {
            let (number, line) = line?;
            let at_line = |reason| ApiKeysError::Line {
                line: number,
                reason,
            };
            if users.len() == API_KEYS_MAX {
                return Err(at_line("more than 1,000,000 keys"));
            }
            let user = Arc::new(user(&line, &issuer, hash_key));
            if users.insert(line.digest, user).is_some() {
                return Err(ApiKeysError::Twice {
                    line: number,
                    first: first(text, line.digest),
                });
            }
        }
        Ok(Self {
            users,
            counters: verdict::Counters::default(),
        })
    }

    /// Reads keys from a file that only its owner may read and write.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, has other permissions than 0600 (or narrower), or
    /// does not parse; always with the file's name.
    pub fn load(path: &Path, hash_key: &[u8; 16]) -> Result<Self, IdentityError> {
        let parsed = read(path).and_then(|text| Self::parse(&text, hash_key));
        parsed.map_err(|source| source.of_file(path))
    }

    /// The verdict on a presented key at a moment of the wall clock, in seconds since 1970, within
    /// what its network may still have refused.
    ///
    /// A known key passes whatever the budget: a look-up costs one hash. One that is not, and comes
    /// from a network that has nothing left, is not told apart further.
    pub fn verify_within(
        &self,
        key: &[u8],
        now_unix_s: u64,
        budget: &impl FailureBudget,
    ) -> ApiKeyVerdict {
        let verdict = self.ladder(key, now_unix_s, budget);
        if let ApiKeyVerdict::Invalid(_) = verdict {
            budget.charge();
        }
        self.counters.count(&verdict);
        verdict
    }

    /// The counters as they stand.
    pub fn stats(&self) -> ApiKeyStats {
        self.counters.stats(self.users.len())
    }

    fn ladder(&self, key: &[u8], now_s: u64, budget: &impl FailureBudget) -> ApiKeyVerdict {
        if !has_shape(key) {
            return ApiKeyVerdict::Invalid(ApiKeyError::Malformed);
        }
        // A look-up costs a hash, and a known key passes whatever its neighbours in the network do.
        let reason = match self.users.get(&Digest::of(key)) {
            Some(user) if user.expires_unix_s > now_s => {
                return ApiKeyVerdict::Valid(Arc::clone(user));
            }
            Some(_) => ApiKeyError::Expired,
            None => ApiKeyError::Unknown,
        };
        if budget.is_spent() {
            return ApiKeyVerdict::OverBudget;
        }
        ApiKeyVerdict::Invalid(reason)
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("keys", &self.users.len())
            .finish_non_exhaustive()
    }
}

/// Whether a request can present these bytes as its key: 20 to 255 visible ASCII characters without
/// a comma, by which proxies join fields.
#[must_use]
pub fn is_presentable(key: &[u8]) -> bool {
    has_shape(key) && !key.contains(&b',')
}

/// 20 to 255 visible ASCII bytes.
fn has_shape(key: &[u8]) -> bool {
    (API_KEY_BYTES_MIN..=API_KEY_BYTES_MAX).contains(&key.len())
        && key.iter().all(u8::is_ascii_graphic)
}

/// The lines that hold a key, each with its number from 1.
fn lines(text: &str) -> impl Iterator<Item = Result<(usize, Line<'_>), ApiKeysError>> {
    let numbered = text.lines().zip(1..).map(|(line, number)| (number, line));
    let written = numbered.filter(|(_, line)| !line::is_blank(line));
    written.map(|(line, text)| match Line::parse(text) {
        Ok(parsed) => Ok((line, parsed)),
        Err(reason) => Err(ApiKeysError::Line { line, reason }),
    })
}

/// The number of the first line with a digest. Looked for only where it stands twice, so that
/// a million keys need not remember their lines.
fn first(text: &str, digest: Digest) -> usize {
    let mut found = lines(text).flatten();
    let line = found.find(|(_, line)| line.digest == digest);
    line.map_or(0, |(number, _)| number)
}

fn user(line: &Line<'_>, issuer: &Arc<str>, hash_key: &[u8; 16]) -> User {
    User {
        // One name for all of them.
        issuer: Arc::clone(issuer),
        expires_unix_s: line.not_after_s.unwrap_or(u64::MAX),
        ..User::named(hash_key, issuer, line.subject, line.account, line.plan)
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, ApiKeysError> {
    private_file::read(path, API_KEYS_BYTES_MAX).map_err(|error| match error {
        PrivateFileError::Mode(mode) => ApiKeysError::Mode { mode },
        PrivateFileError::Unreadable(reason) => ApiKeysError::Unreadable { reason },
        PrivateFileError::TooLarge => ApiKeysError::Unreadable {
            reason: "larger than 128 MiB".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests;
