//! Bucket ids and passes end to end: a ring made by the command, ids asked for and presented.

use std::process::Command;

use reqwest::blocking::Response;
use serde_json::Value;

use crate::support::{PLANS, Running};

const ID: &str = "x-ratelimit-user-id";

fn ids(running: &Running, token: &str, query: &str) -> Value {
    let answer = running.get(&format!("/ratelimit-user-id{query}"), token);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.json().unwrap()
}

fn get_with_id(running: &Running, path: &str, token: &str, id: &str) -> Response {
    let url = format!("{}{path}", running.gateway.url());
    let request = running.client.get(url).bearer_auth(token).header(ID, id);
    request.send().unwrap()
}

#[test]
fn a_user_presents_its_own_id_and_the_origin_gets_the_gateway_s() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("bucket.keys");
    let made = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["keys", "new"])
        .arg(&ring)
        .status()
        .unwrap();
    assert!(made.success());
    let rest = format!(
        "  bucket_keys: {}\n{PLANS}edge: {{after: true, before: {{cookie: bucket_id}}, pass: {{}}}}\naccess_log: access.log\n",
        ring.display()
    );
    let running = Running::start(&rest);
    let (alice, bob) = (running.token("alice"), running.token("bob"));
    let hers = ids(&running, &alice, "?path=/orders");
    let id = hers["id"].as_str().unwrap();

    assert_eq!(running.get("/orders", &alice).status(), 403, "none");
    let stolen = get_with_id(&running, "/orders", &bob, id);
    assert_eq!(stolen.status(), 403);
    let problem: Value = stolen.json().unwrap();
    let mismatch = "urn:problem-type:tollgate:bucket-id-mismatch";
    assert_eq!(problem["type"], mismatch);
    let passed = get_with_id(&running, "/orders", &alice, id);
    assert_eq!(passed.status(), 200);
    let pass = passed.headers()["x-tollgate-pass"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(passed.headers()["cache-control"], "private");
    // Her root is good for every route, in a cookie; the origin gets the route's id instead.
    let elsewhere = ids(&running, &alice, "?path=/headers");
    let root = elsewhere["root"].as_str().unwrap();
    let answer = running.get("/ratelimit-user-id?cookie=1", &alice);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains(root), "{cookie}");
    let url = format!("{}/headers", running.gateway.url());
    let request = running.client.get(url).bearer_auth(&alice);
    let sent = request.header("cookie", cookie.split(';').next().unwrap());
    let seen: Value = sent.send().unwrap().json().unwrap();
    assert_eq!(
        seen["headers"][ID],
        serde_json::json!([elsewhere["id"]]),
        "{seen}"
    );
    for status in [200, 200, 429] {
        assert_eq!(
            get_with_id(&running, "/orders", &alice, id).status(),
            status
        );
    }
    // No secret of hers is written anywhere; her bucket is, by its name.
    let log = running.gateway.folder().join("access.log");
    let mut text = String::new();
    running.eventually("the refusals are logged", || {
        text = std::fs::read_to_string(&log).unwrap_or_default();
        text.matches("\"status\":403").count() == 2 && text.contains(id)
    });
    for secret in [root, &pass, "alice"] {
        assert!(!text.contains(secret), "{secret}");
        assert!(!running.metrics().contains(secret), "{secret}");
    }
}
