//! nginx from Debian.

use std::net::SocketAddr;

use super::port::free_address;
use super::process::{Launch, Peer};
use super::tool::Tool;
use crate::error::TestkitError;

/// Starts nginx with one worker and this content of its `http` block, which listens on `address`.
///
/// # Errors
/// When nginx is missing or does not start.
pub fn nginx(http: &str, address: SocketAddr) -> Result<Peer, TestkitError> {
    let config = format!(
        "events {{ worker_connections 4096; }}\n\
         http {{\nkeepalive_requests 1000000000;\nkeepalive_timeout 3600s;\n{http}\n}}\n"
    );
    nginx_file(&config, address)
}

/// As [`nginx`], with a whole file as users have it.
///
/// # Errors
/// When nginx is missing or does not start.
pub fn nginx_file(config: &str, address: SocketAddr) -> Result<Peer, TestkitError> {
    let tool = Tool::find("nginx")?;
    // Its temporary files go into its own folder: Debian's are root's.
    let own = "http {\naccess_log off;\n\
         client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n";
    let config = format!(
        "worker_processes 1;\ndaemon off;\npid nginx.pid;\nerror_log stderr warn;\n{}",
        config.replacen("http {", own, 1)
    );
    Peer::launch(&Launch {
        name: "nginx",
        program: tool.path(),
        arguments: &["-p", ".", "-c", "nginx.conf", "-e", "stderr"],
        files: &[("nginx.conf", &config)],
        address,
    })
}

/// Starts nginx as an origin that answers everything with one small JSON document.
///
/// # Errors
/// When nginx is missing or does not start.
pub fn nginx_json_origin() -> Result<Peer, TestkitError> {
    let address = free_address()?;
    let http = format!(
        "server {{ listen {address} backlog=4096; location / {{ default_type application/json; \
         return 200 '{{\"order\":\"order_001\",\"status\":\"paid\",\"lines\":[{{\"sku\":\"a\",\"qty\":1}},\
         {{\"sku\":\"b\",\"qty\":2}}],\"total\":1234}}'; }} }}"
    );
    nginx(&http, address)
}
