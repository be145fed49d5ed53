//! `tollgate waf` and `tollgate import waf`: web ACLs looked at, and taken over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const TEMPLATE: &str = r#"
Parameters:
  Most: {Type: Number, Default: 600}
Resources:
  Acl:
    Type: AWS::WAFv2::WebACL
    Properties:
      Name: api
      Scope: CLOUDFRONT
      DefaultAction: {Allow: {}}
      VisibilityConfig: {SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName: api}
      Rules:
        - Name: per-id
          Priority: 10
          Action: {Block: {CustomResponse: {ResponseCode: 429}}}
          VisibilityConfig: {SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName: a}
          Statement:
            RateBasedStatement:
              Limit: !Ref Most
              EvaluationWindowSec: 60
              AggregateKeyType: CUSTOM_KEYS
              CustomKeys:
                - Header: {Name: x-id, TextTransformations: [{Priority: 0, Type: NONE}]}
              ScopeDownStatement:
                ByteMatchStatement:
                  FieldToMatch: {SingleHeader: {Name: x-id}}
                  PositionalConstraint: STARTS_WITH
                  SearchString: "r."
                  TextTransformations: [{Priority: 0, Type: NONE}]
        - Name: per-address
          Priority: 5
          Action: {Block: {}}
          VisibilityConfig: {SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName: b}
          Statement: {RateBasedStatement: {Limit: 2000, AggregateKeyType: IP}}
"#;

const REPORT: &str = "\
web ACL `api` (CLOUDFRONT)
  priority    WCU  at most  rule         statement
         5      2        2  per-address  RateBasedStatement
        10     34       44  per-id       RateBasedStatement
  36 of 5000 WCU (at most 46), 1500 in the base price; 2 of 10 rate-based rules

note: AWS documents 10 WCU for each text transformation and does not say whether NONE is one; \
it is counted as free, and in `at most`
no findings
";

fn tollgate(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Exit code, standard output and standard error.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = tollgate(folder, arguments);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn folder(name: &str, text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    folder
}

#[test]
fn capacity_is_a_table_for_people() {
    let folder = folder("template.yaml", TEMPLATE);
    let arguments = ["waf", "capacity", "template.yaml", "--region", "us-east-1"];
    let (code, out, err) = run(folder.path(), &arguments);
    assert_eq!((code, out.as_str(), err.as_str()), (0, REPORT, ""));
}

#[test]
fn findings_have_a_code_a_place_and_a_fix_and_end_with_1() {
    let broken = TEMPLATE.replace("Priority: 5\n", "Priority: 10\n");
    let folder = folder("template.yaml", &broken);
    let (code, out, err) = run(folder.path(), &["waf", "capacity", "template.yaml"]);
    assert_eq!(code, 1, "{err}");
    let expected = "\
error[WAF05]: priority 10 is also that of `per-id`
  at: /Resources/Acl/Properties/Rules/1/Priority (rule `per-address`)
  fix: give each rule its own priority
";
    assert!(out.ends_with(expected), "{out}");
    assert_eq!(err, "error: AWS would refuse one thing\n");

    let arguments = [
        "waf",
        "capacity",
        "template.yaml",
        "--region",
        "eu-west-1",
        "--json",
    ];
    let (code, out, _) = run(folder.path(), &arguments);
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    let codes: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| &found["code"])
        .collect();
    assert_eq!(codes, ["WAF07", "WAF05"]);
    assert_eq!(report["sets"][0]["wcu"], 36);
    assert_eq!(report["sets"][0]["rules"][0]["wcu_at_most"], 44);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_path_and_ends_with_4() {
    let unknown = TEMPLATE.replace("ByteMatchStatement", "ByteMatchStatment");
    let folder = folder("template.yaml", &unknown);
    let (code, out, err) = run(folder.path(), &["waf", "capacity", "template.yaml"]);
    assert_eq!((code, out.as_str()), (4, ""));
    assert!(
        err.starts_with(
            "error: template.yaml: /Resources/Acl/Properties/Rules/0/Statement/RateBasedStatement/\
             ScopeDownStatement: unknown statement `ByteMatchStatment`; known are "
        ),
        "{err}"
    );
    let (code, _, err) = run(folder.path(), &["import", "waf", "none.yaml"]);
    assert_eq!(code, 4);
    assert!(err.contains("failed to read none.yaml"), "{err}");
}

#[test]
fn an_imported_policy_passes_the_check_and_says_what_is_lost() {
    let folder = folder("template.yaml", TEMPLATE);
    let arguments = ["import", "waf", "template.yaml", "--out", "tollgate.yaml"];
    let (code, out, err) = run(folder.path(), &arguments);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    for expected in [
        "template.yaml: rule `per-id`: the header `x-id` becomes `per: user`",
        "rule `per-id`: `mode: shadow`: its scope-down statement (ByteMatchStatement) cannot be a route",
        "a header field or a cookie that nobody verifies is not an identity",
        "tollgate.yaml: a policy with 2 limits",
    ] {
        assert!(err.contains(expected), "{err}");
    }
    let policy = std::fs::read_to_string(folder.path().join("tollgate.yaml")).unwrap();
    for expected in [
        "# - rule `per-id`: the header `x-id` becomes `per: user`",
        "- {name: \"per-address\", window: 2000/300s, per: network, across: all_routes}",
        "- {name: \"per-id\", window: 600/60s, per: user, across: all_routes, mode: shadow}",
    ] {
        assert!(policy.contains(expected), "{policy}");
    }
    let (code, _, err) = run(folder.path(), &["check", "tollgate.yaml"]);
    assert_eq!(code, 0, "{err}");
    // Not written over; and without a file's name it goes to standard output.
    let (code, _, err) = run(folder.path(), &arguments);
    assert_eq!(code, 4);
    assert!(err.contains("failed to write tollgate.yaml"), "{err}");
    let (code, out, _) = run(folder.path(), &["import", "waf", "template.yaml"]);
    assert_eq!((code, out), (0, policy));
}
