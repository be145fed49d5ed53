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
    /// The calls of a load came to nothing.
    #[error("failed to call the rate limit service: {0}")]
    Calls(io::Error),
    /// limitador's library cannot be served.
    #[error("failed to serve limitador: {0}")]
    Limitador(String),
    /// The layers cannot be measured.
    #[error("failed to measure the layers: {0}")]
    Layers(String),
}
