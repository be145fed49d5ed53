//! The gateway's own binary.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::process::{Launch, Peer};
use super::tool::target_folder;
use crate::error::TestkitError;

/// The policy's file name in the gateway's folder.
const POLICY_FILE: &str = "tollgate.yaml";

/// The gateway to start: `tollgate serve --config tollgate.yaml --workers N` in a folder of its own.
pub struct Gateway<'a> {
    /// The binary: [`gateway_binary`], or `env!("CARGO_BIN_EXE_tollgate")` in that crate's own tests.
    pub binary: &'a Path,
    /// The policy's text; it listens on `address` and may name `files`.
    pub policy: &'a str,
    /// Further files in its folder: name, content.
    pub files: &'a [(&'a str, &'a str)],
    /// Where it will listen.
    pub address: SocketAddr,
    /// Data-plane threads.
    pub workers: usize,
}

impl Gateway<'_> {
    /// Starts it and waits until it accepts connections.
    ///
    /// # Errors
    /// When it does not start; with the end of what it wrote.
    pub fn launch(&self) -> Result<Peer, TestkitError> {
        self.with(&[], Peer::launch)
    }

    /// As [`Gateway::launch`], with further arguments.
    ///
    /// # Errors
    /// When it does not start; with the end of what it wrote.
    pub fn launch_with(&self, arguments: &[&str]) -> Result<Peer, TestkitError> {
        self.with(arguments, Peer::launch)
    }

    /// As [`Gateway::launch`], without waiting: for those that are killed as they start.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self) -> Result<Peer, TestkitError> {
        self.with(&[], Peer::start)
    }

    fn with(
        &self,
        arguments: &[&str],
        begin: impl FnOnce(&Launch<'_>) -> Result<Peer, TestkitError>,
    ) -> Result<Peer, TestkitError> {
        let workers = self.workers.to_string();
        let files = [&[(POLICY_FILE, self.policy)], self.files].concat();
        let own = ["serve", "--config", POLICY_FILE, "--workers", &workers];
        begin(&Launch {
            name: "tollgate",
            program: self.binary,
            arguments: &[&own, arguments].concat(),
            files: &files,
            address: self.address,
        })
    }
}

/// The newest build of the gateway: of the release profile if there is one, else of the debug profile.
///
/// # Errors
/// [`TestkitError::ToolMissing`] when it was never built.
pub fn gateway_binary() -> Result<PathBuf, TestkitError> {
    let target = target_folder();
    let mut builds = ["release/tollgate", "debug/tollgate"]
        .map(|path| target.join(path))
        .into_iter();
    builds
        .find(|path| path.is_file())
        .ok_or_else(|| TestkitError::ToolMissing {
            program: "tollgate".to_owned(),
            remedy: "run `cargo build --release -p tollgate`".to_owned(),
        })
}
