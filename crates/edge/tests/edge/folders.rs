//! Folders and options that cannot be served: what people are told.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tollgate_edge::waf::{RateRule, Seen, Verdict, Waf};
use tollgate_edge::{Edge, EdgeError, Folder, Options};
use tollgate_limiter::{Nanos, SystemClock};

use crate::stage::fixture;

struct Open;

impl Waf for Open {
    fn rate_rules(&self) -> Vec<RateRule> {
        Vec::new()
    }

    fn decide(&mut self, _: &Seen<'_>, _: Nanos) -> Verdict {
        Verdict::default()
    }
}

/// The error for the folder of the variant `after` in which `name` is `text`, or is not there.
fn wrong(name: &str, text: Option<&str>) -> String {
    let folder = TempDir::new().unwrap();
    let good = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/after");
    for file in ["manifest.json", "function.js", "kvs.json", "web-acl.json"] {
        fs::copy(good.join(file), folder.path().join(file)).unwrap();
    }
    let file = folder.path().join(name);
    match text {
        Some(text) => fs::write(file, text).unwrap(),
        None => fs::remove_file(file).unwrap(),
    }
    let error = Folder::read(folder.path()).err().unwrap().to_string();
    assert!(error.contains(name), "{error}");
    error
}

fn refused(options: &Options) -> EdgeError {
    let clock = Arc::new(SystemClock::new());
    let lines = Box::new(std::io::sink());
    Edge::bind(fixture("after"), Box::new(Open), options, clock, lines)
        .err()
        .unwrap()
}

fn options(listen: &str) -> Options {
    Options {
        listen: listen.parse().unwrap(),
        origin_listen: "127.0.0.1:0".parse().unwrap(),
        origin: None,
    }
}

#[test]
fn a_file_that_is_missing_or_wrong_is_named() {
    for name in ["manifest.json", "function.js", "kvs.json", "web-acl.json"] {
        let error = wrong(name, None);
        assert!(error.contains("tollgate compile aws"), "{error}");
    }
    assert!(wrong("manifest.json", Some("{}")).contains("`variant`"));
    assert!(wrong("kvs.json", Some("[]")).contains("no list `data`"));
    assert!(wrong("function.js", Some("function handler( {")).contains("SyntaxError"));
    let throws = wrong("function.js", Some("null.a; function handler() {}"));
    assert!(throws.contains("503"), "{throws}");
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let error = refused(&options("0.0.0.0:0")).to_string();
    assert_eq!(
        error,
        "0.0.0.0:0 is no loopback address; --listen takes 127.0.0.1 or [::1] with a port"
    );
}

#[test]
fn an_address_that_is_taken_is_named_with_its_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = taken.local_addr().unwrap();
    let error = refused(&options(&address.to_string())).to_string();
    assert!(
        error.contains(&address.to_string()) && error.contains("--listen"),
        "{error}"
    );
}

#[test]
fn an_origin_that_is_none_is_refused() {
    for url in [
        "https://example.com",
        "http://127.0.0.1:9000/base",
        "not a url",
        "/path",
    ] {
        let mut options = options("127.0.0.1:0");
        options.origin = Some(url.to_owned());
        let error = refused(&options).to_string();
        assert!(error.contains(url) && error.contains("--origin"), "{error}");
    }
}
