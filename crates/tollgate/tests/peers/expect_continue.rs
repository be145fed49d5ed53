//! `Expect: 100-continue` by curl: who is refused keeps the body.

use std::fs::File;

use serde_json::Value;
use tempfile::TempDir;
use tollgate_testkit::Origin;

use crate::client::{Seen, bearer, curl_figures};
use crate::front::Front;

const BODY_BYTES: u64 = 10 << 20;
const ONE_AT_ONCE: &str = "
routes: [PUT /upload]
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 1}]}
default_plan: standard
";

/// One upload whose body waits for the gateway's word, without ever losing patience.
fn upload(front: &Front, token: &str) -> (Seen, Value, String) {
    let folder = TempDir::new().unwrap();
    let (body, trace) = (folder.path().join("body"), folder.path().join("trace"));
    File::create(&body).unwrap().set_len(BODY_BYTES).unwrap();
    let (seen, figures) = curl_figures(&[
        "--http1.1",
        "--expect100-timeout",
        "600",
        "--max-time",
        "60",
        "-H",
        "Expect: 100-continue",
        "-H",
        &bearer(token),
        "--trace-ascii",
        trace.to_str().unwrap(),
        "--upload-file",
        body.to_str().unwrap(),
        &front.url("/upload"),
    ]);
    (seen, figures, std::fs::read_to_string(trace).unwrap())
}

#[test]
fn case_109_an_allowed_upload_is_asked_for_and_a_refused_one_stays_with_the_client() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), ONE_AT_ONCE);
    let token = front.token("sender");

    let (seen, figures, trace) = upload(&front, &token);
    assert_eq!(seen.status, 200, "{seen:?}");
    assert!(trace.contains("HTTP/1.1 100 Continue"), "{trace}");
    assert_eq!(figures["size_upload"], BODY_BYTES);
    assert_eq!(seen.json()["bytes"], BODY_BYTES);

    let connections = origin.connections();
    let (seen, figures, trace) = upload(&front, &token);
    assert_eq!(seen.status, 429, "{seen:?}");
    assert!(seen.header("retry-after").is_some());
    assert!(!trace.contains("100 Continue"), "{trace}");
    assert_eq!(figures["size_upload"], 0);
    assert_eq!(seen.header("connection"), Some("close"));
    assert_eq!(origin.hits("/upload", "sender"), 1);
    assert_eq!(origin.connections(), connections);
}

#[test]
fn case_109_an_upload_without_a_valid_token_stays_with_the_client_too() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), ONE_AT_ONCE);
    let forged = front.issuer.token("sender").forged().mint();
    let (seen, figures, _) = upload(&front, &forged);
    assert_eq!(
        (seen.status, figures["size_upload"].as_u64()),
        (401, Some(0)),
        "{seen:?}"
    );
    assert_eq!(origin.hits_total(), 0);
}
