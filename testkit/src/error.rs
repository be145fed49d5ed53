//! What can go wrong while a test's surroundings are set up.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A failure of the surroundings, never of the gateway under test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestkitError {
    /// A program that a test or benchmark starts is not on this machine.
    #[error("{program} is not installed: {remedy}")]
    ToolMissing {
        /// The program's name.
        program: String,
        /// The command that installs it.
        remedy: String,
    },
    /// A child process could not be started.
    #[error("failed to start {program}: {source}")]
    Spawn {
        /// The program's path.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A child process ended before it accepted a connection.
    #[error("{program} ended with {status} before it served: {output}")]
    Ended {
        /// The program's name.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// Nothing accepted a connection in time.
    #[error("nothing accepted a connection on {address} within {waited_ms} ms")]
    NotAccepting {
        /// Where.
        address: SocketAddr,
        /// How long was waited.
        waited_ms: u128,
    },
    /// A tool ran, and failed or printed something unexpected.
    #[error("{program} failed: {output}")]
    Tool {
        /// The program's name.
        program: String,
        /// What it said.
        output: String,
    },
    /// A file or socket operation failed.
    #[error("failed to {action}: {source}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl TestkitError {
    /// Names the action that an I/O error interrupted; for `map_err`.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> TestkitError {
        let action = action.into();
        move |source| TestkitError::Io { action, source }
    }
}
