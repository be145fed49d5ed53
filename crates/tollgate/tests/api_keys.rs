//! `tollgate api-keys`: a file of keys from its making to its last revocation, as its keeper types it.
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

fn api_keys(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("api-keys")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Standard output and standard error of a command that does it.
fn done(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = api_keys(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = api_keys(folder, arguments);
    assert_eq!(output.status.code(), Some(4), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn list(folder: &Path) -> Vec<Value> {
    let (lines, _) = done(folder, &["list", "keys"]);
    let parsed = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    parsed.collect()
}

fn text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("keys")).unwrap()
}

#[test]
fn a_key_is_shown_once_and_its_hash_kept_in_a_private_file() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let (out, said) = done(folder, &["new", "--subject", "job", "keys"]);
    assert!(said.contains("a new key of job"), "{said}");
    assert!(said.contains("api_keys: {file: keys}"), "{said}");
    let key = out.strip_suffix('\n').unwrap();
    assert!(key.starts_with("tgk_") && key.len() == 47, "{key}");
    let mode = std::fs::metadata(folder.join("keys")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o7777, 0o600);
    assert!(!text(folder).contains(&key[4..]) && !said.contains(&key[4..]));

    let more = ["--account", "acme", "--plan", "gold", "--not-after"];
    let new = [&["new", "--subject", "job"], &more[..], &["90d", "keys"]].concat();
    let (second, said) = done(folder, &new);
    assert!(!said.contains("identity:"), "{said}");
    assert_ne!(second.trim(), key);
    let [first, second] = &list(folder)[..] else {
        panic!("two keys");
    };
    assert_eq!(first["subject"], "job");
    assert_eq!(first["not_after"], Value::Null);
    assert_eq!(second["account"], "acme");
    assert_eq!(second["plan"], "gold");
    assert!(second["not_after"].is_u64());
    assert_eq!(second["accepted"], true);
    let digest = first["digest"].as_str().unwrap();
    assert_eq!(digest.len(), 12);
    assert!(text(folder).contains(&format!("\n{digest}")));
}

#[test]
fn keys_are_revoked_by_digest_or_by_subject_and_the_rest_stays() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    for subject in ["job", "job", "eve", "job"] {
        done(folder, &["new", "--subject", subject, "keys"]);
    }
    let before = text(folder);
    let digest = list(folder)[1]["digest"].as_str().unwrap().to_owned();
    let (said, _) = done(folder, &["revoke", "--digest", &digest, "keys"]);
    assert_eq!(said, format!("{digest} of job: gone from the file\n"));
    assert_eq!(list(folder).len(), 3);
    let (said, _) = done(folder, &["revoke", "--subject", "job", "keys"]);
    assert_eq!(said.lines().count(), 2);
    let left = list(folder);
    assert_eq!((left.len(), &left[0]["subject"]), (1, &"eve".into()));
    // Comments and the other line are as they were.
    for line in text(folder).lines() {
        assert!(before.contains(line), "{line}");
    }
    // The last key can go as well.
    done(folder, &["revoke", "--subject", "eve", "keys"]);
    assert!(list(folder).is_empty());
}

#[test]
fn nothing_is_changed_by_a_slip() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let (key, _) = done(folder, &["new", "--subject", "job", "keys"]);
    let before = text(folder);
    for subject in ["", "-", "a b", "a\nb"] {
        let error = refused(folder, &["new", "--subject", subject, "keys"]);
        assert!(error.contains("keys: subject, account and plan"), "{error}");
    }
    let over = ["new", "--subject", "job", "--not-after", "5", "keys"];
    assert!(refused(folder, &over).contains("over before it begins"));
    for prefix in ["", "ab", "00000000", key.trim()] {
        refused(folder, &["revoke", "--digest", prefix, "keys"]);
    }
    refused(folder, &["revoke", "--subject", "nobody", "keys"]);
    refused(folder, &["list", "none"]);
    refused(folder, &["revoke", "--subject", "job", "none"]);
    assert!(!folder.join("none").exists());
    for misused in [
        &["revoke", "keys"][..],
        &["revoke", "--subject", "a", "--digest", "b", "keys"],
        &["new", "keys"],
        &["new", "--subject", "job", "--not-after", "soon", "keys"],
    ] {
        assert_eq!(
            api_keys(folder, misused).status.code(),
            Some(2),
            "{misused:?}"
        );
    }
    assert_eq!(text(folder), before);

    // What others can read or write is not used, and what to type is said.
    let file = folder.join("keys");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    for arguments in [&["list", "keys"][..], &["new", "--subject", "job", "keys"]] {
        assert!(refused(folder, arguments).contains("chmod 600"));
    }
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();

    // A line that cannot be read is named and not shown.
    std::fs::write(&file, format!("{before}{} job - - -\n", key.trim())).unwrap();
    let error = refused(folder, &["new", "--subject", "job", "keys"]);
    assert!(error.contains("keys: line 4: "), "{error}");
    assert!(!error.contains(&key.trim()[4..]), "{error}");
    std::fs::write(&file, &before).unwrap();

    // What a crash left behind, a link at that, is not written through.
    let elsewhere = folder.join("elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    symlink(&elsewhere, folder.join("keys.new")).unwrap();
    done(folder, &["new", "--subject", "job", "keys"]);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
    assert_eq!(list(folder).len(), 2);
}

#[test]
fn keys_made_at_once_are_all_kept() {
    let folder = TempDir::new().unwrap();
    let new = || done(folder.path(), &["new", "--subject", "job", "keys"]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(new);
        }
    });
    assert_eq!(list(folder.path()).len(), 8);
}
