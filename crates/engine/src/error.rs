//! Why an engine cannot be built from a policy.

use tollgate_identity::{IdentityError, KeySetError};
use tollgate_limiter::{LimitError, SnapshotError, TableError};

/// Errors of building or reloading an engine; never of deciding, where a denial is a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A limit's numbers are out of what can be counted.
    #[error("limit `{limit}` of plan `{plan}` cannot be counted: {source}")]
    Limit {
        /// The limit's name.
        limit: String,
        /// The plan that it stands in.
        plan: String,
        /// What is out of range.
        source: LimitError,
    },
    /// A rule's numbers are out of what can be counted.
    #[error("a rule of domain `{domain}` cannot be counted: {source}")]
    Rule {
        /// The domain.
        domain: String,
        /// What is out of range.
        source: LimitError,
    },
    /// The table of buckets cannot be had, or takes no more limits.
    #[error("failed to set up counting: {0}")]
    Table(#[from] TableError),
    /// Saved counts cannot be taken up.
    #[error("failed to restore the counts: {0}")]
    Snapshot(#[from] SnapshotError),
    /// One route of one plan has more limits than a decision may consult.
    #[error("plan `{plan}` has {count} limits on `{route}`; at most {max} can be decided as one")]
    TooManyLimits {
        /// The plan.
        plan: String,
        /// The route, as written in the policy.
        route: String,
        /// How many it has.
        count: usize,
        /// How many it may have.
        max: usize,
    },
    /// The issuers, their keys, or the key ring for bucket ids cannot be used.
    #[error("failed to set up identity: {0}")]
    Identity(#[from] IdentityError),
    /// The policy leaves the keys of bucket ids to the environment, which has none.
    #[error(
        "`bucket_keys: environment`, and `TOLLGATE_BUCKET_KEYS` is not set: give it the text of a ring, as `tollgate keys new` writes it to a file"
    )]
    NoBucketKeys,
    /// A key set that came with the policy holds nothing to verify with.
    #[error("the key set of issuer `{issuer}` cannot be used: {source}")]
    KeySet {
        /// The issuer.
        issuer: String,
        /// What is wrong with it.
        source: KeySetError,
    },
    /// A file of keys that the policy names cannot be read.
    #[error("failed to read {path}: {source}")]
    KeyFile {
        /// The file.
        path: std::path::PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A header name or value in the policy is not valid HTTP.
    #[error("`{0}` is not valid in an HTTP header")]
    Header(String),
    /// The operating system gave no random bytes.
    #[error("failed to get random bytes from the operating system")]
    Random,
}
