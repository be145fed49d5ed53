//! A file of API keys as text, for whoever keeps it: new keys, revocation.

use std::{fmt, path::Path};

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::{
    API_KEYS_BYTES_MAX, ApiKeys, is_presentable,
    line::{Digest, Line, is_blank},
    lines, read,
};
use crate::{ApiKeysError, IdentityError, Redacted};

const HEADING: &str = "# API keys: SHA-256 of the key, subject, account, plan, not-after (seconds since 1970); - for none.\n\
                       # Whoever writes here makes users. Keep it at mode 0600.\n";

/// What a new key begins with, so that people and secret scanners know one when they see it.
const PREFIX: &str = "tgk_";
/// Random bytes of a new key.
const KEY_BYTES: usize = 32;
/// Shortest beginning of a digest that names a key.
const PREFIX_CHARS_MIN: usize = 8;

/// The text of a valid file. Comments and the order of keys stay when it changes.
pub struct ApiKeysText(Zeroizing<String>);

/// Whose a new key is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewApiKey<'a> {
    /// 1 to 255 bytes without blanks.
    pub subject: &'a str,
    /// As the subject.
    pub account: Option<&'a str>,
    /// The name of a plan of the policy; its default plan without one.
    pub plan: Option<&'a str>,
    /// The first second in which it is refused, since 1970.
    pub not_after_s: Option<u64>,
}

/// What may be said of a key: everything the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyNote {
    /// SHA-256 of the key, in hex.
    pub digest: String,
    /// Whose it is.
    pub subject: String,
    /// The account, if there is one.
    pub account: Option<String>,
    /// The plan, if the line names one.
    pub plan: Option<String>,
    /// The first second in which it is refused, since 1970.
    pub not_after_s: Option<u64>,
}

// === impl ApiKeysText ===

impl ApiKeysText {
    /// A file without keys.
    #[must_use]
    pub fn empty() -> Self {
        Self(Zeroizing::new(HEADING.to_owned()))
    }

    /// A file of keys that callers have already, from elsewhere: it keeps their hashes alone.
    ///
    /// Takes one pass, so that a large stock of keys is moved in one go. Whoever calls vouches that
    /// the keys are as random as ours; see the module's text on plain SHA-256.
    ///
    /// # Errors
    /// A key that no request can present, one that stands twice, a name that cannot stand in the
    /// file, or more keys than a file takes.
    pub fn of_known<'a>(
        keys: impl IntoIterator<Item = (&'a str, NewApiKey<'a>)>,
    ) -> Result<Self, ApiKeysError> {
        let mut text = Zeroizing::new(HEADING.to_owned());
        for (key, new) in keys {
            if !is_presentable(key.as_bytes()) {
                let reason = "a key is 20 to 255 visible ASCII characters without a comma";
                return Err(ApiKeysError::Change { reason });
            }
            text.push_str(&new.line(key)?);
        }
        Self::checked(text)
    }

    /// Reads a file that only its owner may read and write.
    ///
    /// # Errors
    /// As [`ApiKeys::load`].
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let checked = read(path).and_then(Self::checked);
        checked.map_err(|source| source.of_file(path))
    }

    /// The file's new content.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = ApiKeyNote> {
        lines(&self.0)
            .flatten()
            .map(|(_, line)| ApiKeyNote::of(&line))
    }

    /// Makes a key and adds its hash. What is returned is the key itself, and the only time that it
    /// is anywhere.
    ///
    /// # Errors
    /// A name that cannot stand in the file, a file that is full, or no random bytes.
    pub fn add(
        &mut self,
        new: &NewApiKey<'_>,
    ) -> Result<Redacted<Zeroizing<String>>, ApiKeysError> {
        self.add_beginning_with(PREFIX, new)
    }

    /// As [`ApiKeysText::add`], for keys that are told apart from callers' by what they begin with.
    ///
    /// # Errors
    /// As [`ApiKeysText::add`].
    pub fn add_beginning_with(
        &mut self,
        prefix: &'static str,
        new: &NewApiKey<'_>,
    ) -> Result<Redacted<Zeroizing<String>>, ApiKeysError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut bytes[..]).map_err(|_| ApiKeysError::Randomness)?;
        let mut key = Zeroizing::new(String::with_capacity(64));
        key.push_str(prefix);
        BASE64URL_NOPAD.encode_append(&bytes[..], &mut key);
        let line = new.line(&key)?;
        let mut text = Zeroizing::new(self.0.to_string());
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line);
        *self = Self::checked(text)?;
        Ok(Redacted::new(key))
    }

    /// Removes all keys of a subject, whatever their account, and says which.
    ///
    /// # Errors
    /// When there is none.
    pub fn revoke_subject(&mut self, subject: &str) -> Result<Vec<ApiKeyNote>, ApiKeysError> {
        let revoked = self.remove(|line| line.subject == subject)?;
        if revoked.is_empty() {
            let reason = "there is no key of this subject";
            return Err(ApiKeysError::Change { reason });
        }
        Ok(revoked)
    }

    /// Removes the one key whose SHA-256 in hex begins with `prefix`, at least 8 characters.
    ///
    /// # Errors
    /// When no key or more than one begins so; nothing is removed then.
    pub fn revoke_digest(&mut self, prefix: &str) -> Result<ApiKeyNote, ApiKeysError> {
        let change = |reason| Err(ApiKeysError::Change { reason });
        let prefix = prefix.to_ascii_lowercase();
        if prefix.len() < PREFIX_CHARS_MIN {
            return change("the beginning of a digest is at least 8 characters of hex");
        }
        let mut named = self.keys().filter(|note| note.digest.starts_with(&prefix));
        let (found, other) = (named.next(), named.next());
        drop(named);
        match (found, other) {
            (None, _) => change("there is no key whose digest begins so"),
            (Some(_), Some(_)) => change("more than one key's digest begins so; write more of it"),
            (Some(note), None) => {
                self.remove(|line| line.digest.to_hex() == note.digest)?;
                Ok(note)
            }
        }
    }

    /// Leaves out the keys that `gone` holds for, and gives them.
    fn remove(
        &mut self,
        gone: impl Fn(&Line<'_>) -> bool,
    ) -> Result<Vec<ApiKeyNote>, ApiKeysError> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len()));
        let mut removed = Vec::new();
        for line in self.0.lines() {
            let key = (!is_blank(line)).then(|| Line::parse(line));
            match key {
                Some(Ok(key)) if gone(&key) => removed.push(ApiKeyNote::of(&key)),
                _ => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        *self = Self::checked(text)?;
        Ok(removed)
    }

    /// Only what [`ApiKeys`] takes is a file of keys, also after a change.
    pub(super) fn checked(text: Zeroizing<String>) -> Result<Self, ApiKeysError> {
        if text.len() as u64 > API_KEYS_BYTES_MAX {
            let reason = "the file would be larger than 128 MiB";
            return Err(ApiKeysError::Change { reason });
        }
        ApiKeys::parse(&text, &[0; 16])?;
        Ok(Self(text))
    }
}

impl fmt::Debug for ApiKeysText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeysText")
            .field("keys", &self.keys().count())
            .finish_non_exhaustive()
    }
}

// === impl NewApiKey ===

impl NewApiKey<'_> {
    /// The line of a key, which reads back as it is written.
    fn line(&self, key: &str) -> Result<String, ApiKeysError> {
        let line = Line {
            digest: Digest::of(key.as_bytes()),
            subject: self.subject,
            account: self.account,
            plan: self.plan,
            not_after_s: self.not_after_s,
        };
        let line = line.write();
        // A name with a blank would move the fields behind it.
        let reads_back = Line::parse(line.trim_end()).is_ok_and(|read| {
            (read.subject, read.account, read.plan) == (self.subject, self.account, self.plan)
        });
        if !reads_back {
            let reason = "subject, account and plan are 1 to 255 bytes without blanks, and not `-`";
            return Err(ApiKeysError::Change { reason });
        }
        Ok(line)
    }
}

// === impl ApiKeyNote ===

impl ApiKeyNote {
    /// The beginning of the digest, enough to name the key.
    #[must_use]
    pub fn short_digest(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
    }

    fn of(line: &Line<'_>) -> Self {
        Self {
            digest: line.digest.to_hex(),
            subject: line.subject.to_owned(),
            account: line.account.map(str::to_owned),
            plan: line.plan.map(str::to_owned),
            not_after_s: line.not_after_s,
        }
    }
}
