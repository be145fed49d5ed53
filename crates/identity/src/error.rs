//! What can be wrong with the configuration of identity; never with a request.

use std::path::{Path, PathBuf};

/// Why identity cannot be set up as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Two issuers with the same `iss` would make the choice of keys ambiguous.
    #[error("issuer {issuer:?} is configured twice")]
    DuplicateIssuer {
        /// The issuer.
        issuer: String,
    },
    /// More issuers than are searched for one token.
    #[error("{count} issuers are configured, the most is {max}")]
    TooManyIssuers {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A rule of an issuer cannot hold or would verify nothing.
    #[error("issuer {issuer:?}: {reason}")]
    IssuerRules {
        /// The issuer.
        issuer: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An HS256 secret that is shorter than its hash, or absurdly long.
    #[error("an HS256 secret takes 32 to 4096 bytes")]
    SecretLength,
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Randomness,
    /// A line of a key ring cannot be read; the line itself is never shown.
    #[error("key ring line {line}: {reason}")]
    KeyRingLine {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A key ring as a whole cannot be used.
    #[error("key ring: {reason}")]
    KeyRing {
        /// What is wrong.
        reason: &'static str,
    },
    /// A key ring file cannot be read.
    #[error("key ring {path}: {reason}")]
    KeyRingFile {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// A key ring file that others than its owner may read or write.
    #[error("key ring {path} has mode {mode:04o}, expected 0600: run `chmod 600` on it")]
    KeyRingMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file of API keys that cannot be used, or not be changed so.
    #[error("API keys {path}: {source}")]
    ApiKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ApiKeysError,
    },
    /// A limit class is 1 to 8 of `a-z0-9`.
    #[error("a limit class is 1 to 8 of a-z and 0-9")]
    LimitClass,
}

/// Why a file of API keys cannot be used, or not be changed so. Shows no part of a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysError {
    /// A line cannot be read.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// One key is given to two users, or to one twice.
    #[error("line {line}: this key stands on line {first} already")]
    Twice {
        /// The second line, counted from 1.
        line: usize,
        /// The first one.
        first: usize,
    },
    /// The file cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// The operating system's words.
        reason: String,
    },
    /// Others than its owner may read or write the file.
    #[error("the file has mode {mode:04o}, expected 0600: run `chmod 600` on it")]
    Mode {
        /// Its permission bits.
        mode: u32,
    },
    /// A change that cannot be made.
    #[error("{reason}")]
    Change {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Randomness,
}

impl ApiKeysError {
    /// The same with the name of the file.
    #[must_use]
    pub fn of_file(self, path: &Path) -> IdentityError {
        IdentityError::ApiKeys {
            path: path.to_owned(),
            source: self,
        }
    }
}
