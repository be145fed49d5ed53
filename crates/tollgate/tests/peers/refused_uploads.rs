//! An upload that is refused while it is still being sent: the client must get to see why.
//!
//! Many clients send before they read, and take a connection or stream that ends under them for
//! a broken network. An answer that nobody sees is no answer.

use std::fs::File;

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::Origin;

use crate::client::{bearer, curl_sees, run_python, run_script, tool};
use crate::front::{Certificate, Front};

const ONE_AT_ONCE: &str = "
routes: [PUT /upload]
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 1}]}
default_plan: standard
";
/// A small document, one that fits into the buffers on the way, one that does not.
const SIZES: [u64; 3] = [1_000, 200_000, 5_000_000];
/// What races only sometimes is asked often.
const TRIES: usize = 20;

/// A gateway at which this user's `PUT /upload` is used up.
fn exhausted() -> (Origin, Front, String) {
    let origin = Origin::start().unwrap();
    let front = Front::with_tls(origin.url(), ONE_AT_ONCE, &Certificate::make());
    let token = front.token("sender");
    let first = ["-X", "PUT", "-H", &bearer(&token), &front.url("/upload")];
    assert_eq!(curl_sees(&first).status, 200);
    (origin, front, token)
}

fn all_refused() -> Vec<Value> {
    vec![json!(429); TRIES]
}

#[test]
fn curl_sees_why_its_upload_was_refused() {
    let (origin, front, token) = exhausted();
    let folder = TempDir::new().unwrap();
    let (authorization, url) = (bearer(&token), front.url("/upload"));
    for size in SIZES {
        let path = folder.path().join(size.to_string());
        File::create(&path).unwrap().set_len(size).unwrap();
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            // Without `Expect`: the body is on its way when the answer comes.
            let (path, none) = (path.to_str().unwrap(), "Expect:");
            let arguments = [
                version,
                "-H",
                &authorization,
                "-H",
                none,
                "--upload-file",
                path,
                &url,
            ];
            for _ in 0..TRIES {
                let seen = curl_sees(&arguments);
                assert_eq!(seen.status, 429, "{size} bytes, {version}");
                assert!(seen.header("retry-after").is_some());
            }
        }
    }
    assert_eq!(origin.hits_total(), 1);
}

#[test]
fn nodes_fetch_sees_why_its_upload_was_refused() {
    let (origin, front, token) = exhausted();
    for size in SIZES {
        let arguments = [
            front.url("/upload"),
            token.clone(),
            size.to_string(),
            TRIES.to_string(),
        ];
        let statuses = run_script(&tool("node"), "node_upload.mjs", &arguments);
        assert_eq!(statuses, all_refused(), "{size} bytes");
    }
    assert_eq!(origin.hits_total(), 1);
}

#[test]
fn httpx_sees_why_its_upload_was_refused() {
    let (origin, front, token) = exhausted();
    let (url, ca, tries) = (front.tls_url("/upload"), front.ca_file(), TRIES.to_string());
    for size in SIZES.map(|size| size.to_string()) {
        for version in ["1.1", "2"] {
            let ca = ca.to_str().unwrap();
            let arguments = [url.as_str(), &token, &size, &tries, version, ca];
            let statuses = run_python("httpx_upload.py", &arguments);
            assert_eq!(statuses, all_refused(), "{size} bytes over HTTP/{version}");
        }
    }
    assert_eq!(origin.hits_total(), 1);
}
