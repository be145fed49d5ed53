//! Caddy from Debian.

use std::net::SocketAddr;

use super::process::{Launch, Peer};
use super::tool::Tool;
use crate::error::TestkitError;

/// Starts Caddy with this Caddyfile, which listens on `address`.
///
/// # Errors
/// When Caddy is missing or does not start.
pub fn caddy(config: &str, address: SocketAddr) -> Result<Peer, TestkitError> {
    let tool = Tool::find("caddy")?;
    Peer::launch(&Launch {
        name: "caddy",
        program: tool.path(),
        arguments: &["run", "--config", "Caddyfile", "--adapter", "caddyfile"],
        files: &[("Caddyfile", config)],
        address,
    })
}
