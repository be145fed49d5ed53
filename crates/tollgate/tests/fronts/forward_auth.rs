//! nginx, HAProxy and Caddy ask the check endpoint.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use tollgate_testkit::peers::{caddy, haproxy, nginx_file};

use crate::stage::Stage;
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
fn haproxy_lets_nobody_pass_who_has_no_address() {
    let stage = Stage::start();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("front.sock");
    let tcp = format!("bind :{}\n", stage.front.port());
    let both = format!("{tcp}    bind unix@{}\n", socket.display());
    let config = stage.config("haproxy/haproxy.cfg");
    assert!(config.contains(&tcp));
    let script = stage.config("haproxy/tollgate.lua");
    let files = [("tollgate.lua", script.as_str())];
    let _proxy = haproxy(&config.replace(&tcp, &both), &files, stage.front).unwrap();
    assert_eq!(stage.get("/orders", "alice").status(), 200);

    let mut stream = UnixStream::connect(&socket).unwrap();
    // The last hop would be what the client says.
    let request = format!(
        "GET /orders HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\nx-forwarded-for: 203.0.113.9\r\n\
         connection: close\r\n\r\n",
        stage.token("bob")
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(stage.origin.hits_total(), 1);
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
