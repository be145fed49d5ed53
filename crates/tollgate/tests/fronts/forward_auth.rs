//! nginx, HAProxy and Caddy ask the check endpoint.

use tollgate_testkit::peers::{caddy, haproxy, nginx_file};

use crate::story::{Dialect, behind};

#[test]
fn nginx_with_auth_request() {
    behind(
        |stage| nginx_file(&stage.config("nginx/nginx.conf"), stage.front).unwrap(),
        Dialect::default(),
    );
}

#[test]
fn haproxy_with_its_own_http_client() {
    behind(
        |stage| {
            let script = stage.config("haproxy/tollgate.lua");
            let files = [("tollgate.lua", script.as_str())];
            haproxy(&stage.config("haproxy/haproxy.cfg"), &files, stage.front).unwrap()
        },
        Dialect::default(),
    );
}

#[test]
fn caddy_with_forward_auth() {
    behind(
        |stage| caddy(&stage.config("caddy/Caddyfile"), stage.front).unwrap(),
        // Its own words for a check that failed.
        Dialect {
            down: 502,
            slow: 504,
            ..Dialect::default()
        },
    );
}
