//! HAProxy from Debian.

use std::net::SocketAddr;

use super::process::{Launch, Peer};
use super::tool::Tool;
use crate::error::TestkitError;

/// Starts HAProxy in the foreground with this configuration, which listens on `address` and may name `files`.
///
/// # Errors
/// When HAProxy is missing or does not start.
pub fn haproxy(
    config: &str,
    files: &[(&str, &str)],
    address: SocketAddr,
) -> Result<Peer, TestkitError> {
    let tool = Tool::find("haproxy")?;
    let files = [&[("haproxy.cfg", config)], files].concat();
    Peer::launch(&Launch {
        name: "haproxy",
        program: tool.path(),
        arguments: &["-db", "-f", "haproxy.cfg"],
        files: &files,
        address,
    })
}
