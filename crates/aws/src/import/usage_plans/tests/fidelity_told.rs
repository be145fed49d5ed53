//! What is refused, and what the report says.

use super::*;

fn plan(throttle: &str, quota: &str) -> String {
    format!(
        r#"{{"items": [{{"id": "p", "name": "P", "throttle": {throttle}, "quota": {quota}}}]}}"#
    )
}

#[test]
fn what_would_open_or_close_a_plan_is_refused_with_file_and_fix() {
    let quota = r#"{"limit": 1, "period": "DAY"}"#;
    for (throttle, quota, words) in [
        (r#"{"rateLimit": 0, "burstLimit": 1}"#, quota, "is zero"),
        (r#"{"rateLimit": 1, "burstLimit": 0}"#, quota, "is zero"),
        (r#"{"rateLimit": 1e-9, "burstLimit": 1}"#, quota, "366 days"),
        (
            r#"{"rateLimit": 0.000001, "burstLimit": 5000}"#,
            quota,
            "146 years",
        ),
        (
            r#"{"rateLimit": 10000001, "burstLimit": 5}"#,
            quota,
            "10,000,000",
        ),
        (r#"{"burstLimit": 5}"#, quota, "no rate"),
        (r#"{"rateLimit": "many"}"#, quota, "not a number"),
        (r#"{"Fn::If": [1, 2, 3]}"#, quota, "cannot be read"),
        ("7", quota, "cannot be read"),
        ("{}", r#"{"limit": 0, "period": "DAY"}"#, "is zero"),
        (
            "{}",
            r#"{"limit": 5, "period": "HOUR"}"#,
            "DAY, WEEK and MONTH",
        ),
        ("{}", r#"{"limit": 5}"#, "DAY, WEEK and MONTH"),
        ("{}", r#"{"limit": 1.5, "period": "DAY"}"#, "whole number"),
    ] {
        let said = refused(&[input("plans.json", &plan(throttle, quota))]);
        assert!(
            said.starts_with("plans.json: usage plan \"P\": ") && said.contains(words),
            "{throttle} {quota}: {said}"
        );
        assert!(said.contains("; "), "a fix: {said}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let said = refused(&[
        input("empty.json", " \n"),
        input("broken.json", "{\"items\": [\"a secret\", }"),
        input("other.json", "{\"hello\": 1}"),
        input("keys.json", GOLD_KEYS),
        input("page.json", "{\"items\": [], \"position\": \"next\"}"),
        input("other.yaml", "hello: 1\n"),
        input("broken.tf", "resource \"a\" {\n  x = \"a secret\n"),
    ]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 7, "{said}");
    for (line, begin) in lines.iter().zip([
        "empty.json: the file is empty",
        "broken.json: not valid JSON at line 1",
        "other.json: no usage plans",
        "keys.json: these are the keys of a usage plan",
        "page.json: this is one page of several",
        "other.yaml: no usage plans",
        "broken.tf: not valid HCL at line",
    ]) {
        assert!(line.starts_with(begin), "{line}");
    }
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn the_report_says_what_is_not_the_same() {
    let imported = imported(&[input("plans.json", PLANS)]);
    for (fidelity, what) in [
        (Fidelity::Exact, "rate and burst"),
        (Fidelity::Changed, "best effort"),
        (Fidelity::Assumed, "in UTC"),
        (Fidelity::Assumed, "method throttles replace"),
        (Fidelity::Lost, "the offset 2 of its quota"),
        (Fidelity::Exact, "\"Open\" limits nothing"),
    ] {
        assert!(tells(&imported, fidelity, what), "{what}");
    }
    let odd = plan(r#"{"rateLimit": 33.333333333333336}"#, "null");
    let imported = super::imported(&[input("plans.json", &odd)]);
    assert!(
        imported.policy.contains("rate: 100/3s, burst: 34"),
        "{}",
        imported.policy
    );
    assert!(
        tells(&imported, Fidelity::Changed, "33.333333333333336"),
        "{}",
        imported.report
    );
    assert!(tells(&imported, Fidelity::Assumed, "a burst of 34"));
}

#[test]
fn two_stages_with_two_throttles_get_the_stricter_one() {
    let text = json!({"items": [{"id": "p", "name": "P", "apiStages": [
        {"apiId": "a", "stage": "1", "throttle": {"/x/{a}/GET": {"rateLimit": 5, "burstLimit": 9}}},
        {"apiId": "b", "stage": "2", "throttle": {"/x/{b}/GET": {"rateLimit": 4, "burstLimit": 99}}},
        {"apiId": "b", "stage": "3", "throttle": {"/x/{b}/GET": {"rateLimit": 4, "burstLimit": 99}}},
    ]}]});
    let imported = imported(&[input("plans.json", &text.to_string())]);
    assert!(
        imported.policy.contains("rate: 4/s, burst: 99"),
        "{}",
        imported.policy
    );
    assert!(tells(
        &imported,
        Fidelity::Changed,
        "method throttles of the plan \"P\": 1"
    ));
    checked(&imported);
}

#[test]
fn names_that_are_no_yaml_are_quoted() {
    let name = "a \"quoted\": {name}\n# 無料 | `x`";
    let text = json!({"items": [{"id": "\n- x", "name": name, "throttle": {"rateLimit": 1, "burstLimit": 1}}]});
    let imported = imported(&[input("plans.json", &text.to_string())]);
    let policy = checked(&imported);
    assert_eq!(policy.plans().len(), 1);
    assert_eq!(
        imported.report.matches("\n# ").count(),
        0,
        "{}",
        imported.report
    );
}
