//! `tollgate keys`: a ring from its making to its last rotation, as its keeper types it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn keys(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("keys")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = keys(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = keys(folder, arguments);
    assert_eq!(output.status.code(), Some(4), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn list(folder: &Path) -> Vec<Value> {
    let lines = done(folder, &["list", "ring"]);
    let parsed = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    parsed.collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_ring_is_made_rotated_and_thinned_out_and_shows_no_secret() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let ring = folder.join("ring");
    let mut said = done(folder, &["new", "ring"]);
    assert!(said.contains("bucket_keys: ring"), "{said}");
    assert_eq!(mode(&ring), 0o600);
    let first = list(folder)[0]["kid"].as_str().unwrap().to_owned();

    said += &done(folder, &["rotate", "ring", "--overlap", "1h"]);
    let [before, current] = &list(folder)[..] else {
        panic!("two keys");
    };
    assert_eq!(before["kid"], *first);
    assert_eq!(
        (&before["current"], &before["accepted"]),
        (&false.into(), &true.into())
    );
    assert!(before["not_after"].is_u64());
    assert_eq!(
        (&current["current"], &current["accepted"]),
        (&true.into(), &true.into())
    );
    let second = current["kid"].as_str().unwrap().to_owned();

    let error = refused(folder, &["retire", "ring", &second]);
    assert!(error.contains("rotate first"), "{error}");
    said += &done(folder, &["retire", "ring", &first]);
    // Without an overlap the key before is gone at once.
    said += &done(folder, &["rotate", "ring", "--overlap", "0s"]);
    assert_eq!(list(folder).len(), 1);
    assert_eq!(mode(&ring), 0o600);

    let text = std::fs::read_to_string(&ring).unwrap();
    said += &done(folder, &["list", "ring"]);
    for word in text
        .split_ascii_whitespace()
        .filter(|word| word.len() == 43)
    {
        assert!(!said.contains(word), "a secret was said");
    }
}

#[test]
fn nothing_is_lost_by_a_slip() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let ring = folder.join("ring");
    done(folder, &["new", "ring"]);
    let text = std::fs::read(&ring).unwrap();
    let error = refused(folder, &["new", "ring"]);
    assert!(
        error.contains("ring") && error.contains("rotate"),
        "{error}"
    );
    for kid in ["nope", "K1", ""] {
        let error = refused(folder, &["retire", "ring", kid]);
        assert!(error.contains("error: ring: "), "{error}");
    }
    refused(folder, &["rotate", "none"]);
    assert_eq!(
        keys(folder, &["rotate", "ring", "--overlap", "soon"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(std::fs::read(&ring).unwrap(), text);

    // What others can read is not used, and what to type is said.
    std::fs::set_permissions(&ring, PermissionsExt::from_mode(0o644)).unwrap();
    for command in ["list", "rotate"] {
        assert!(refused(folder, &[command, "ring"]).contains("chmod 600"));
    }
    std::fs::set_permissions(&ring, PermissionsExt::from_mode(0o600)).unwrap();

    // What a crash left behind, a link at that, is not written through.
    let elsewhere = folder.join("elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    symlink(&elsewhere, folder.join("ring.new")).unwrap();
    done(folder, &["rotate", "ring"]);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
    assert!(!folder.join("ring.new").exists());
}

const BY_ENVIRONMENT: &str = "tollgate: 1
listen: 127.0.0.1:0
admin: off
origin: http://127.0.0.1:9
identity: {anonymous: {plan: free}, bucket_keys: environment}
plans: {free: {limits: [{name: burst, rate: 5/s}]}}
";

fn with_ring(folder: &Path, command: &[&str], ring: Option<&str>) -> Output {
    std::fs::write(folder.join("tollgate.yaml"), BY_ENVIRONMENT).unwrap();
    let mut tollgate = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    tollgate
        .args(command)
        .current_dir(folder)
        .env_remove("TOLLGATE_BUCKET_KEYS");
    if let Some(ring) = ring {
        tollgate.env("TOLLGATE_BUCKET_KEYS", ring);
    }
    tollgate.output().unwrap()
}

#[test]
fn a_ring_may_come_from_the_environment_and_is_missed_only_where_it_is_needed() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    // A policy is checked where its secrets are not, and served where they are.
    let checked = with_ring(folder, &["check"], None);
    assert_eq!(checked.status.code(), Some(0));
    let served = with_ring(folder, &["serve"], None);
    let said = String::from_utf8_lossy(&served.stderr).into_owned();
    assert_eq!(served.status.code(), Some(3), "{said}");
    assert!(said.contains("`TOLLGATE_BUCKET_KEYS` is not set"), "{said}");

    done(folder, &["new", "ring"]);
    let ring = std::fs::read_to_string(folder.join("ring")).unwrap();
    let checked = with_ring(folder, &["check"], Some(&ring));
    assert_eq!(checked.status.code(), Some(0));
    let broken = ring.replace("current", "curent");
    let refused = with_ring(folder, &["check"], Some(&broken));
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.starts_with("error: TOLLGATE_BUCKET_KEYS: "), "{said}");
    for word in ring
        .split_ascii_whitespace()
        .filter(|word| word.len() == 43)
    {
        assert!(!said.contains(word), "{said}");
    }
}
