//! Why a run could not be made.

use std::io;
use std::path::PathBuf;

use tollgate_testkit::TestkitError;

/// A run that came to no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BenchError {
    /// The origin or the load generator is missing or failed.
    #[error(transparent)]
    Surroundings(#[from] TestkitError),
    /// Nothing is left to measure.
    #[error("no contender is left to measure")]
    NobodyLeft,
    /// The report could not be written.
    #[error("failed to write {path}: {source}")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The bare proxy cannot serve.
    #[error("failed to run the bare proxy: {0}")]
    Bare(io::Error),
}
