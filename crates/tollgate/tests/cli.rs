//! The command line as a person uses it: what it prints, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const GOOD: &str = "tollgate: 1
origin: http://127.0.0.1:9000
identity:
  anonymous: {plan: free}
routes: [GET /orders, 'GET /orders/{id}', POST /orders]
plans:
  free:
    limits: [{name: burst, rate: 2/s, burst: 2}]
default_plan: free
tests:
  - {as: anonymous, send: 3 x GET /orders in 0s, expect: {allowed: 2, limited: 1}}
";

fn tollgate(arguments: &[&str], folder: &Path, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("TOLLGATE_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn folder(policy: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tollgate.yaml");
    std::fs::write(&file, policy).unwrap();
    (folder, file)
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn check_says_what_it_checked_and_runs_the_policys_tests() {
    let (folder, _) = folder(GOOD);
    let output = tollgate(&["check"], folder.path(), "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "tollgate.yaml: 3 routes, 1 plans, 0 issuers\ntollgate.yaml: 1 of 1 tests passed\n"
    );
}

#[test]
fn check_shows_every_error_with_its_place_and_ends_with_3() {
    let broken = GOOD
        .replace("rate: 2/s", "rate: 0/s")
        .replace("default_plan: free", "default_plan: fre");
    let (folder, _) = folder(&broken);
    let output = tollgate(&["check"], folder.path(), "");
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    assert!(text.contains("tollgate.yaml:8:"), "{text}");
    assert!(text.contains("tollgate.yaml:9:"), "{text}");
    assert!(text.contains("error: 2 errors in the policy"), "{text}");
}

#[test]
fn check_ends_with_1_when_a_test_of_the_policy_fails() {
    let (folder, _) = folder(&GOOD.replace("allowed: 2, limited: 1", "allowed: 3"));
    let output = tollgate(&["check"], folder.path(), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("expected 3 allowed, got 2"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_missing_file_is_named() {
    let folder = TempDir::new().unwrap();
    let output = tollgate(&["check", "absent.yaml"], folder.path(), "");
    assert_ne!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("absent.yaml"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn routes_match_reads_arguments_or_standard_input() {
    let (folder, _) = folder(GOOD);
    let output = tollgate(
        &["routes", "match", "POST /orders", "//orders/7?x=1"],
        folder.path(),
        "",
    );
    let lines: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["route"], "POST /orders");
    assert_eq!(lines[1]["route"], "GET /orders/{id}");
    assert_eq!(lines[1]["canonical"], "/orders/7");
    let output = tollgate(&["routes", "match"], folder.path(), "/nowhere\n\n/a%2fb\n");
    let lines: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&lines[0]["route"], &lines[0]["matched"]),
        (&"*".into(), &false.into())
    );
    assert_eq!(lines[1]["status"], 400);
}

#[test]
fn routes_come_from_an_openapi_document_too() {
    let (folder, _) = folder(GOOD);
    let document = r#"{"openapi": "3.1.0", "paths": {"/pets/{id}": {"get": {}, "put": {}}}}"#;
    std::fs::write(folder.path().join("pets.json"), document).unwrap();
    let output = tollgate(
        &["routes", "list", "--openapi", "pets.json"],
        folder.path(),
        "",
    );
    let text = stdout(&output);
    assert!(
        text.contains("\"route\":\"GET /pets/{id}\""),
        "{text} {}",
        stderr(&output)
    );
    assert!(text.contains("\"route\":\"PUT /pets/{id}\""), "{text}");
}

#[test]
fn the_schema_is_json_schema() {
    let output = tollgate(&["schema"], Path::new("."), "");
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        schema["$schema"]
            .as_str()
            .unwrap()
            .contains("json-schema.org")
    );
    assert!(schema["properties"]["plans"].is_object());
}

#[test]
fn serve_says_why_it_cannot_bind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen: {}\nadmin: off\n", taken.local_addr().unwrap());
    let (folder, _) = folder(&format!("{GOOD}{listen}"));
    let output = tollgate(&["serve"], folder.path(), "");
    assert_eq!(output.status.code(), Some(4));
    assert!(
        stderr(&output).contains("another process listens there"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_demo_shows_seven_scenes_and_checks_each() {
    let folder = TempDir::new().unwrap();
    let output = tollgate(&["demo", "--once", "--dir", "."], folder.path(), "");
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    assert!(text.contains("All seven scenes held."), "{text}");
    assert!(text.contains(" after the change\n"), "{text}");
    for number in 1..=7 {
        assert!(text.contains(&format!("\n{number}. ")), "{text}");
    }
    // The policy that it wrote passes its own tests.
    let check = tollgate(&["check"], folder.path(), "");
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));
}
