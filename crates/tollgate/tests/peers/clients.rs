//! What a user's first client sees: curl, Node's fetch, Python's httpx, over every protocol.
//!
//! Each sends five requests where three are allowed at once, and one without a token.

use serde_json::json;
use tollgate_testkit::Origin;
use tollgate_testkit::peers::nginx_json_origin;

use crate::client::{Seen, bearer, curl_sees, run_python, run_script, tool};
use crate::front::{Certificate, Front};

const THREE_AT_ONCE: &str = "
routes: ['GET /orders/{order_id}']
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 3}]}
default_plan: standard
";
const REQUESTS: usize = 5;

/// Three served, the rest refused with all that a client needs to behave well.
fn check_limited(answers: &[Seen], version: &str) {
    let statuses: Vec<u64> = answers.iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429], "{answers:?}");
    for (number, seen) in answers.iter().enumerate() {
        assert_eq!(seen.version, version, "{seen:?}");
        assert_eq!(
            seen.header("ratelimit-policy"),
            Some("\"burst\";q=3;w=10800"),
            "{seen:?}"
        );
        let state = seen.header("ratelimit").unwrap();
        let left = 2_usize.saturating_sub(number);
        assert!(
            state.starts_with(&format!("\"burst\";r={left};t=")),
            "{seen:?}"
        );
    }
    for seen in &answers[3..] {
        let wait: u64 = seen.header("retry-after").unwrap().parse().unwrap();
        assert!((3_500..=3_600).contains(&wait), "{seen:?}");
        assert_eq!(seen.header("cache-control"), Some("no-store"));
        assert_eq!(
            seen.header("content-type"),
            Some("application/problem+json")
        );
        let problem = seen.json();
        assert_eq!(problem["violated-policies"], json!(["burst"]));
        assert_eq!(problem["status"], 429);
    }
}

fn check_anonymous(seen: &Seen) {
    assert_eq!(seen.status, 401, "{seen:?}");
    assert_eq!(
        seen.header("www-authenticate"),
        Some("Bearer realm=\"tollgate\"")
    );
}

fn check_curl(front: &Front, url: &str, options: &[&str], version: &str) {
    let authorization = bearer(&front.token("curl"));
    let ask = |more: &[&str]| curl_sees(&[options, more, &[url]].concat());
    let answers: Vec<Seen> = (0..REQUESTS)
        .map(|_| ask(&["-H", &authorization]))
        .collect();
    check_limited(&answers, version);
    check_anonymous(&ask(&[]));
}

/// The last line that a script prints is its request without a token.
fn check_script(lines: &[serde_json::Value], version: &str) {
    let mut answers: Vec<Seen> = lines.iter().map(Seen::from_json).collect();
    check_anonymous(&answers.pop().unwrap());
    check_limited(&answers, version);
}

#[test]
fn curl_is_served_and_limited_over_http_1() {
    let origin = nginx_json_origin().unwrap();
    let front = Front::start(&origin.url(), THREE_AT_ONCE);
    check_curl(&front, &front.url("/orders/1"), &["--http1.1"], "1.1");
}

#[test]
fn curl_is_served_and_limited_over_http_2_in_the_clear() {
    let origin = nginx_json_origin().unwrap();
    let front = Front::start(&origin.url(), THREE_AT_ONCE);
    check_curl(
        &front,
        &front.url("/orders/1"),
        &["--http2-prior-knowledge"],
        "2",
    );
}

#[test]
fn curl_is_served_and_limited_over_tls_by_the_protocol_it_prefers() {
    let origin = nginx_json_origin().unwrap();
    for (option, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let front = Front::with_tls(&origin.url(), THREE_AT_ONCE, &Certificate::make());
        let ca = front.ca_file();
        let options = [option, "--cacert", ca.to_str().unwrap()];
        check_curl(&front, &front.tls_url("/orders/1"), &options, version);
    }
}

#[test]
fn curl_that_asks_to_upgrade_to_http_2_in_the_clear_is_served_over_http_1() {
    // RFC 9113 section 3.1 retired `Upgrade: h2c`; a server ignores it.
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), THREE_AT_ONCE);
    check_curl(&front, &front.url("/orders/1"), &["--http2"], "1.1");
}

#[test]
fn nodes_fetch_is_served_and_limited() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), THREE_AT_ONCE);
    let arguments = [
        front.url("/orders/1"),
        front.token("node"),
        REQUESTS.to_string(),
    ];
    // fetch does not tell the version; it speaks HTTP/1.1.
    check_script(&run_script(&tool("node"), "node_fetch.mjs", &arguments), "");
    assert_eq!(origin.hits("/orders/1", "node"), 3);
}

#[test]
fn httpx_is_served_and_limited_over_http_1_and_2() {
    let origin = Origin::start().unwrap();
    let front = Front::with_tls(origin.url(), THREE_AT_ONCE, &Certificate::make());
    let ca = front.ca_file().to_str().unwrap().to_owned();
    let url = front.tls_url("/orders/1");
    for version in ["1.1", "2"] {
        let user = format!("httpx over {version}");
        let (token, count) = (front.token(&user), REQUESTS.to_string());
        let arguments = [url.as_str(), &token, &count, version, &ca];
        let lines = run_python("httpx_fetch.py", &arguments);
        check_script(&lines, &format!("HTTP/{version}"));
        assert_eq!(origin.hits("/orders/1", &user), 3);
    }
}
