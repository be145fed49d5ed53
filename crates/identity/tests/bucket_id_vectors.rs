//! The binding vectors of bucket ids, shared with every other implementation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::HashSet;
use std::process::Command;

use serde_json::Value;
use tollgate_identity::{BucketId, KeyId, KeyRing, LimitClass, bucket_id};

#[test]
fn every_vector_holds() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/bucket-id.json")).unwrap();
    let ring: String = vectors["keys"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(kid, secret)| {
            let state = if kid == "k2" { "current" } else { "accepted" };
            format!("{kid} {} - - {state}\n", secret.as_str().unwrap())
        })
        .collect();
    let ring = KeyRing::parse(&ring).unwrap();
    let mut ids = HashSet::new();
    for case in vectors["cases"].as_array().unwrap() {
        let text = |member: &str| case[member].as_str().unwrap();
        let kid = KeyId::new(text("kid")).unwrap();
        let account = Some(text("account")).filter(|account| !account.is_empty());
        let root = ring
            .root_under(kid, text("iss"), text("sub"), account)
            .unwrap();
        assert_eq!(root.expose(), text("root"), "{case}");
        let class = LimitClass::new(text("class")).unwrap();
        let id = bucket_id(&root, &class, text("method"), text("template"));
        assert_eq!(id.as_str(), text("id"), "{case}");
        assert_eq!(text("id").parse::<BucketId>(), Ok(id));
        ids.insert(id.to_string());
    }
    assert_eq!(ids.len(), 60, "no two ids are equal");
}

/// An edge that only runs JavaScript makes the same ids.
#[test]
fn every_vector_holds_in_njs() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let output = Command::new("njs")
        .args(["bucket-id.js", "bucket-id.json"])
        .current_dir(vectors)
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "failed to run njs ({error}): `apt-get install njs`, or `cargo xtask setup` as root"
            )
        });
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    assert_eq!(said, "60 of 60\n", "{wrong}");
}
