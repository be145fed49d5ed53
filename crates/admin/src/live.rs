//! What is in the gateway's memory and in its policy file: the binary answers for it.
//!
//! All calls are made off the control plane's thread, a few at a time, and may read and write files. They
//! block, and each must come to an end by itself.

mod buckets;
mod explain;
mod policy;
mod traffic;

use std::path::PathBuf;

use crate::problem::{Finding, Kind, Problem};

pub use buckets::{Bucket, BucketAct, BucketChange, BucketPage, BucketsAsked, Who};
pub use explain::{Explanation, LimitSource, Outcome, PlanSource, Question, WeighedLimit};
pub use policy::{PolicyChange, PolicyInForce, PolicyVersion, RollBack};
pub use traffic::{CallerTraffic, RouteTraffic, Traffic, TrafficPoint};

/// What the binary answers for.
///
/// Nothing here consumes anything from anybody, unless it says so.
pub trait Live: Send + Sync + 'static {
    /// The buckets of one caller or account, as they are now.
    ///
    /// # Errors
    /// A route that the policy does not have.
    fn buckets(&self, asked: &BucketsAsked) -> Result<BucketPage, LiveError>;

    /// Fills buckets up, or gives back units; says what they hold then. This changes what the caller may
    /// do, in this process.
    ///
    /// # Errors
    /// A limit or a route that the caller does not have.
    fn change_buckets(&self, change: &BucketChange) -> Result<Vec<Bucket>, LiveError>;

    /// What would become of a request, and why.
    ///
    /// # Errors
    /// A path that the gateway would refuse is no error; a question that makes no sense is.
    fn explain(&self, question: &Question) -> Result<Explanation, LiveError>;

    /// What went through of late.
    fn traffic(&self) -> Traffic;

    /// The policy in force, as text.
    ///
    /// # Errors
    /// When its file cannot be read.
    fn policy(&self) -> Result<PolicyInForce, LiveError>;

    /// Where the names of files in a policy begin.
    fn policy_folder(&self) -> PathBuf;

    /// Policies that were in force and can be again, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn policy_versions(&self) -> Result<Vec<PolicyVersion>, LiveError>;

    /// Puts another policy in force, and keeps it: the file too. All or nothing.
    ///
    /// # Errors
    /// [`LiveError::OtherVersion`] when another one is in force than the writer has seen,
    /// [`LiveError::Refused`] for one that cannot be put in force.
    fn apply(&self, change: &PolicyChange) -> Result<PolicyInForce, LiveError>;

    /// Puts a policy in force again that was.
    ///
    /// # Errors
    /// As [`Live::apply`]; [`LiveError::NotThere`] for a version that is not kept.
    fn roll_back(&self, change: &RollBack) -> Result<PolicyInForce, LiveError>;
}

/// Why something could not be answered or done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// What was named is not there.
    #[error("there is no such {what}")]
    NotThere {
        /// What it would be.
        what: &'static str,
    },
    /// Another version is in force than the writer has seen.
    #[error("the policy in force is another version, {found}")]
    OtherVersion {
        /// Which.
        found: String,
    },
    /// A part of what was sent cannot be.
    #[error("{reason}")]
    Refused {
        /// Where in the body, as a JSON pointer.
        pointer: &'static str,
        /// Why.
        reason: String,
    },
    /// It cannot be done here: the policy file is not ours to write, say.
    #[error("{reason}")]
    NotPossible {
        /// Why.
        reason: String,
    },
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] tollgate_store::StoreError),
    /// It failed: the disk is full, say.
    #[error("{reason}")]
    Failed {
        /// Why, for the log.
        reason: String,
    },
}

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::NotThere { what } => Problem::not_found(what),
            LiveError::OtherVersion { ref found } => {
                let tag = crate::etag::of(found);
                Problem::new(Kind::OtherVersion, error.to_string()).with(http::header::ETAG, tag)
            }
            LiveError::Refused { pointer, reason } => Problem::invalid_all(
                reason.clone(),
                vec![Finding {
                    pointer: format!("#{pointer}"),
                    detail: reason,
                }],
            ),
            LiveError::Store(error) => Problem::of_store(&error),
            LiveError::NotPossible { reason } => Problem::new(Kind::NotPossible, reason),
            LiveError::Failed { reason } => {
                tracing::error!(%reason, "admin API");
                Problem::new(Kind::Failed, "it failed; the gateway's log says how")
            }
        }
    }
}
