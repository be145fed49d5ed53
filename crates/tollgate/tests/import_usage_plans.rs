//! `tollgate import usage-plans`: from what AWS prints to a folder that `check` accepts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const GOLD_KEY: &str = "GoldKeyGoldKey0123456789abcdefghijABCDEF";
const FREE_KEY: &str = "FreeKeyFreeKey0123456789abcdefghijABCDEF";

const PLANS: &str = r#"{"items": [
    {"id": "c7y23b", "name": "Gold", "apiStages": [{"apiId": "a1b2c3", "stage": "prod", "throttle": {
        "/v1/records/GET": {"rateLimit": 0.1, "burstLimit": 2}}}],
     "throttle": {"burstLimit": 200, "rateLimit": 100.0},
     "quota": {"limit": 5000, "offset": 0, "period": "MONTH"}},
    {"id": "glvrsr", "name": "Free", "apiStages": [{"apiId": "a1b2c3", "stage": "test"}],
     "throttle": {"burstLimit": 5, "rateLimit": 0.000001}}]}"#;

fn tollgate(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = tollgate(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = tollgate(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    stderr
}

/// A folder with what AWS prints.
fn exported() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("plans.json", PLANS);
    write(
        "keys.json",
        &format!(
            r#"{{"items": [
                {{"id": "k3yid00001", "value": "{GOLD_KEY}", "name": "a", "enabled": true}},
                {{"id": "k3yid00002", "value": "{FREE_KEY}", "name": "b", "enabled": false}}]}}"#
        ),
    );
    for (name, key) in [("gold.json", "k3yid00001"), ("free.json", "k3yid00002")] {
        write(
            name,
            &format!(r#"{{"items": [{{"id": "{key}", "type": "API_KEY"}}]}}"#),
        );
    }
    write(
        "usage.json",
        &format!(
            r#"{{"usagePlanId": "c7y23b", "startDate": "2026-01-01", "endDate": "2026-01-02",
                "items": {{"{GOLD_KEY}": [[10, 4990]]}}}}"#
        ),
    );
    folder
}

const IMPORT: [&str; 9] = [
    "import",
    "usage-plans",
    "--out",
    "out",
    "plans.json",
    "keys.json",
    "c7y23b=gold.json",
    "glvrsr=free.json",
    "usage.json",
];

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("out").join(name)).unwrap()
}

#[test]
fn what_aws_prints_becomes_a_folder_that_check_accepts() {
    let folder = exported();
    let folder = folder.path();
    let said = done(folder, &IMPORT);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "out/tollgate.yaml: 2 plans, 1 routes");
    assert_eq!(
        lines[1],
        "out/api-keys.txt: 2 keys, 1 of them disabled; hashes only"
    );
    assert!(lines[2].starts_with("out/REPORT.md: "), "{said}");
    assert!(lines[3].starts_with("imported 2 keys in 0."), "{said}");
    assert_eq!(
        lines[4],
        "next: read REPORT.md, then `tollgate check out/tollgate.yaml`"
    );
    assert_eq!(mode(&folder.join("out/api-keys.txt")), 0o600);

    let checked = done(folder, &["check", "out/tollgate.yaml"]);
    assert!(
        checked.contains("1 routes, 2 plans, 0 issuers"),
        "{checked}"
    );
    assert!(checked.contains("2 of 2 tests passed"), "{checked}");

    let policy = text(folder, "tollgate.yaml");
    for line in [
        "{name: throttle, rate: 100/s, burst: 200, across: all_routes}",
        "{name: quota, quota: 5000/month, on_exceed: block, across: all_routes}",
        "\"GET /v1/records\": [{name: throttle, rate: 1/10s, burst: 2}]",
        "{name: throttle, rate: 1/1000000s, burst: 5, across: all_routes}",
        "default_plan: \"Free\"",
    ] {
        assert!(policy.contains(line), "{line}\n{policy}");
    }
    let keys = done(folder, &["api-keys", "list", "out/api-keys.txt"]);
    assert!(
        keys.contains(r#""plan":"Gold","subject":"k3yid00001""#),
        "{keys}"
    );
    assert!(keys.contains(r#""accepted":false"#), "{keys}");

    let report = text(folder, "REPORT.md");
    assert!(report.contains("| `k3yid00001` | 10 | 4990 |"), "{report}");
    let keys = text(folder, "api-keys.txt");
    for told in [said, checked, policy, report, keys] {
        assert!(
            !told.contains(GOLD_KEY) && !told.contains(FREE_KEY),
            "{told}"
        );
    }
}

#[test]
fn nothing_that_is_there_is_replaced_without_a_word() {
    let folder = exported();
    let folder = folder.path();
    std::fs::create_dir(folder.join("out")).unwrap();
    std::fs::write(folder.join("out/REPORT.md"), "mine").unwrap();
    let said = refused(folder, &IMPORT, 4);
    assert!(said.contains("out/REPORT.md is there already"), "{said}");
    assert!(said.contains("--force"), "{said}");
    assert!(!folder.join("out/tollgate.yaml").exists());
    assert_eq!(text(folder, "REPORT.md"), "mine");

    // Not through a link either, to where others may read.
    std::fs::write(folder.join("elsewhere"), "theirs").unwrap();
    for name in ["tollgate.yaml", "api-keys.txt"] {
        symlink(folder.join("elsewhere"), folder.join("out").join(name)).unwrap();
    }
    let forced = [&IMPORT[..], &["--force"]].concat();
    done(folder, &forced);
    assert_eq!(
        std::fs::read_to_string(folder.join("elsewhere")).unwrap(),
        "theirs"
    );
    assert_eq!(mode(&folder.join("out/api-keys.txt")), 0o600);
    done(folder, &["check", "out/tollgate.yaml"]);
}

#[test]
fn what_is_wrong_is_told_by_file_with_what_to_do() {
    let folder = exported();
    let folder = folder.path();
    std::fs::write(folder.join("broken.json"), "{").unwrap();
    let out = ["import", "usage-plans", "--out", "out"];
    let with = |files: &[&'static str]| [&out[..], files].concat();
    let said = refused(
        folder,
        &with(&["plans.json", "gold.json", "broken.json"]),
        3,
    );
    assert!(
        said.contains("gold.json: these are the keys of a usage plan"),
        "{said}"
    );
    assert!(said.contains("`PLAN_ID=FILE`"), "{said}");
    assert!(
        said.contains("broken.json: not valid JSON at line 1"),
        "{said}"
    );
    let said = refused(folder, &with(&["keys.json"]), 3);
    assert!(said.contains("get-usage-plans"), "{said}");
    let said = refused(folder, &with(&["nothing.json"]), 4);
    assert!(said.contains("read nothing.json"), "{said}");
    let said = refused(folder, &with(&["plans.json", "--stage", "a1b2c3/none"]), 3);
    assert!(said.contains("API_ID/STAGE"), "{said}");
    refused(folder, &with(&["plans.json", "--stage", "prod"]), 2);
    assert!(!folder.join("out/tollgate.yaml").exists());
}

#[test]
fn an_openapi_document_gives_the_other_routes() {
    let folder = exported();
    let folder = folder.path();
    let document = "openapi: 3.0.0\ninfo: {title: t, version: '1'}\npaths:\n  /v1/records: {get: {responses: {}}}\n  /pets/{id}: {get: {responses: {}}}\n";
    std::fs::write(folder.join("openapi.yaml"), document).unwrap();
    let with = [&IMPORT[..], &["--openapi", "openapi.yaml"]].concat();
    let said = done(folder, &with);
    assert!(
        said.starts_with("out/tollgate.yaml: 2 plans, 2 routes"),
        "{said}"
    );
    done(folder, &["check", "out/tollgate.yaml"]);
}

#[test]
fn ten_thousand_keys_are_imported_and_checked() {
    let folder = exported();
    let folder = folder.path();
    let mut csv = "Name,Key,Enabled,UsagePlanIds\n".to_owned();
    for number in 0..10_000 {
        writeln!(
            csv,
            "customer {number},{number:020}abcdefghijklmnopqrst,TRUE,c7y23b"
        )
        .unwrap();
    }
    std::fs::write(folder.join("keys.csv"), csv).unwrap();
    let import = [
        "import",
        "usage-plans",
        "--out",
        "out",
        "plans.json",
        "keys.csv",
    ];
    let said = done(folder, &import);
    assert!(said.contains("imported 10,000 keys in "), "{said}");
    done(folder, &["check", "out/tollgate.yaml"]);
}
