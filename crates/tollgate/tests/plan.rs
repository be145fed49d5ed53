//! `tollgate plan` as an operator uses it: give, look, undo.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = "tollgate: 1
origin: http://127.0.0.1:9000
identity:
  issuers:
    - {issuer: 'https://login.example.com', audience: api, algorithms: [EdDSA], jwks: {file: keys.json}}
routes: [GET /orders, 'GET /orders/{order_id}']
plans:
  free: {limits: [{name: burst, rate: 1/s}]}
  pro: {limits: [{name: burst, rate: 100/s}]}
default_plan: free
";

fn folder(store: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("tollgate.yaml"),
        format!("{POLICY}{store}"),
    )
    .unwrap();
    folder
}

fn plan(folder: &TempDir, args: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("plan")
        .args(args)
        .current_dir(folder.path())
        .env_remove("TOLLGATE_STORE")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn shown(folder: &TempDir, args: &[&str]) -> Value {
    let (code, out, err) = plan(folder, args);
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_plan_is_given_for_a_time_over_another_and_undone() {
    let folder = folder("store: sqlite:tollgate.db\n");
    let alice = ["--subject", "alice"];
    assert_eq!(
        shown(&folder, &[&["show"], &alice[..]].concat())["plan"],
        Value::Null
    );
    let given = shown(
        &folder,
        &[
            "assign",
            "free",
            "--subject",
            "alice",
            "--by",
            "carol",
            "--note",
            "signed up",
        ],
    );
    assert_eq!(
        (&given["plan"], &given["version"]),
        (&"free".into(), &1.into())
    );
    assert_eq!(given["issuer"], "https://login.example.com");
    let trial = shown(
        &folder,
        &[
            "assign",
            "pro",
            "--subject",
            "alice",
            "--until",
            "9998-01-01",
            "--version",
            "1",
        ],
    );
    assert_eq!(trial["plan"], "pro");
    assert_eq!(trial["assignments"][1]["until"], "9998-01-01T00:00:00Z");
    // Somebody else has changed it meanwhile.
    let stale = ["assign", "free", "--subject", "alice", "--version", "1"];
    let (code, _, err) = plan(&folder, &stale);
    assert_eq!(code, Some(2), "{err}");
    let back = shown(&folder, &[&["undo"], &alice[..]].concat());
    assert_eq!(back["plan"], "free");
    let (_, history, _) = plan(&folder, &[&["history"], &alice[..]].concat());
    let lines: Vec<Value> = history
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let acts: Vec<_> = lines
        .iter()
        .map(|line| line["act"].as_str().unwrap())
        .collect();
    assert_eq!(acts, ["undo", "assign", "assign"]);
    assert_eq!(
        (&lines[2]["by"], &lines[2]["note"]),
        (&"carol".into(), &"signed up".into())
    );
}

#[test]
fn limits_of_an_account_are_given_and_taken_back() {
    let folder = folder("store: sqlite:tollgate.db\n");
    let limit = "{name: burst, rate: 1000/s}";
    let given = shown(
        &folder,
        &[
            "override",
            limit,
            "--account",
            "acme",
            "--route",
            "GET /orders/{order_id}",
            "--key",
            "k1",
        ],
    );
    assert_eq!(given["kind"], "account");
    assert_eq!(given["overrides"][0]["limit"], limit);
    assert_eq!(given["overrides"][0]["in_force"], true);
    // The same again, after a time-out say, is the same change.
    let again = shown(
        &folder,
        &[
            "override",
            limit,
            "--account",
            "acme",
            "--route",
            "GET /orders/{order_id}",
            "--key",
            "k1",
        ],
    );
    assert_eq!(again, given);
    let lifted = shown(
        &folder,
        &[
            "lift",
            "burst",
            "--account",
            "acme",
            "--route",
            "GET /orders/{order_id}",
        ],
    );
    assert_eq!(lifted["overrides"], Value::Array(Vec::new()));
}

#[test]
fn what_the_policy_does_not_have_is_refused_with_what_it_has() {
    let folder = folder("store: sqlite:tollgate.db\n");
    let alice = ["--subject", "alice"];
    for (args, told) in [
        (
            &["assign", "gold"][..],
            "no plan `gold` (there are free, pro)",
        ),
        (
            &[
                "override",
                "{name: a, rate: 1/s}",
                "--route",
                "GET /nowhere",
            ],
            "the policy has no route `GET /nowhere`",
        ),
        (&["override", "{name: a, rate: 1}"], "not a limit"),
        (
            &["assign", "pro", "--from", "tomorrow"],
            "`tomorrow` is no time",
        ),
        (&["withdraw", "7"], "assignment"),
    ] {
        let (code, out, err) = plan(&folder, &[args, &alice[..]].concat());
        assert!(code == Some(2) || code == Some(4), "{code:?} {err}");
        assert!(err.contains(told) && out.is_empty(), "{err}");
    }
    let without = self::folder("");
    let (code, _, err) = plan(&without, &["show", "--subject", "alice"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("add `store: sqlite:tollgate.db`"), "{err}");
}
