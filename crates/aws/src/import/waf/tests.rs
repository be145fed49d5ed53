use std::path::Path;

use serde_json::{Value, json};
use tollgate_policy::{Mode, Per, Policy, RouteId};

use super::*;
use crate::waf::read;

fn none() -> Value {
    json!([{"Priority": 0, "Type": "NONE"}])
}

fn rate(name: &str, more: &Value) -> Value {
    let mut rate = json!({"Limit": 600, "EvaluationWindowSec": 60, "AggregateKeyType": "IP"});
    for (key, value) in more.as_object().unwrap() {
        rate[key] = value.clone();
    }
    json!({"Name": name, "Priority": 0, "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": rate}})
}

fn by_keys(name: &str, keys: &Value) -> Value {
    rate(
        name,
        &json!({"AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": keys}),
    )
}

fn bytes(field: &str, positional: &str, search: &str) -> Value {
    json!({"ByteMatchStatement": {"FieldToMatch": {field: {}}, "SearchString": search,
        "PositionalConstraint": positional, "TextTransformations": none()}})
}

fn imported(rules: &[Value]) -> (Imported, Policy) {
    let document = json!({"Name": "acl", "DefaultAction": {"Allow": {}}, "Rules": rules});
    let sets = read("acl.json", &document.to_string()).unwrap();
    let imported = super::policy("acl.json", &sets);
    let policy = Policy::parse("p.yaml", &imported.policy, Path::new("."));
    let policy = policy.unwrap_or_else(|found| panic!("{}\n{found}", imported.policy));
    (imported, policy)
}

fn notes(imported: &Imported) -> String {
    let lines: Vec<_> = imported.notes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn a_rule_by_address_comes_over_whole() {
    let (imported, policy) = imported(&[rate("per-ip", &json!({}))]);
    assert!(
        imported
            .policy
            .contains("- {name: \"per-ip\", window: 600/60s, per: network, across: all_routes}")
    );
    assert_eq!(imported.notes, []);
    let limits = policy.limits(policy.default_plan(), RouteId::UNMATCHED);
    assert_eq!((limits.len(), limits[0].per), (1, Per::Network));
    assert_eq!(limits[0].mode, Mode::Enforce);
}

#[test]
fn a_header_becomes_the_user_and_is_said_to_be_no_identity() {
    let header = json!({"Header": {"Name": "x-id", "TextTransformations": none()}});
    let path = json!({"UriPath": {"TextTransformations": none()}});
    let (imported, policy) = imported(&[by_keys("per-id", &json!([header, path]))]);
    let limits = policy.limits(policy.default_plan(), RouteId::UNMATCHED);
    assert_eq!(limits[0].per, Per::User);
    assert!(imported.policy.contains("window: 600/60s, per: user}"));
    let notes = notes(&imported);
    for expected in [
        "the header `x-id` becomes `per: user`",
        "UriPath becomes one bucket a route",
        "is not an identity",
    ] {
        assert!(notes.contains(expected), "{notes}");
    }
}

#[test]
fn scopes_on_method_and_path_become_routes() {
    let scoped = |name: &str, scope: Value| rate(name, &json!({"ScopeDownStatement": scope}));
    let both = json!({"AndStatement": {"Statements": [
        bytes("Method", "EXACTLY", "POST"), bytes("UriPath", "EXACTLY", "/login")]}});
    let (imported, policy) = imported(&[
        scoped("a", both),
        scoped("b", bytes("UriPath", "STARTS_WITH", "/api/")),
        scoped("c", bytes("UriPath", "STARTS_WITH", "/")),
        scoped("d", bytes("UriPath", "STARTS_WITH", "/ap")),
        scoped("e", bytes("UriPath", "CONTAINS", "\u{1F600}\"")),
    ]);
    let plan = policy.default_plan();
    let limited = |method: &str, path: &str| -> Vec<String> {
        let limits = policy.limits(plan, policy.routes().classify(method, path));
        limits
            .iter()
            .map(|limit| format!("{} {}", limit.name, limit.mode.as_str()))
            .collect()
    };
    let always = ["c enforce", "d shadow", "e shadow"];
    assert_eq!(limited("GET", "/"), always);
    assert!(limited("POST", "/login").contains(&"a enforce".to_owned()));
    assert_eq!(limited("GET", "/login"), always);
    assert!(limited("GET", "/api/x/y").contains(&"b enforce".to_owned()));
    assert!(notes(&imported).contains("cannot be a route"));
}

#[test]
fn actions_and_answers_are_told() {
    let with = |name: &str, action: Value| {
        let mut rule = rate(name, &json!({}));
        rule["Action"] = action;
        rule
    };
    let response = json!({"CustomResponse": {"ResponseCode": 403}});
    let (imported, policy) = imported(&[
        with("block", json!({"Block": response})),
        with("count", json!({"Count": {}})),
        with("captcha", json!({"Captcha": {}})),
        with("allow", json!({"Allow": {}})),
    ]);
    let limits = policy.limits(policy.default_plan(), RouteId::UNMATCHED);
    let modes: Vec<_> = limits.iter().map(|limit| limit.mode).collect();
    assert_eq!(modes, [Mode::Enforce, Mode::Shadow, Mode::Shadow]);
    let notes = notes(&imported);
    assert!(notes.contains("429 instead of 403"), "{notes}");
    assert!(notes.contains("Captcha has no like"), "{notes}");
    assert!(notes.contains("rule `allow`: left out"), "{notes}");
}

#[test]
fn what_cannot_be_counted_is_left_out_and_told() {
    let (imported, policy) = imported(&[
        by_keys("asn", &json!([{"ASN": {}}, {"IP": {}}])),
        rate(
            "fast",
            &json!({"Limit": 2_000_000_000, "EvaluationWindowSec": 60}),
        ),
        rate("large", &json!({"Limit": 1_000_000})),
        json!({"Name": "geo", "Priority": 0, "Action": {"Block": {}},
            "Statement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}}}),
    ]);
    let limits = policy.limits(policy.default_plan(), RouteId::UNMATCHED);
    assert_eq!(limits.len(), 1);
    assert!(imported.policy.contains("rate: 1000000/60s"));
    let notes = notes(&imported);
    for expected in ["counts by ASN", "above what can be counted", "is no rate"] {
        assert!(notes.contains(expected), "{notes}");
    }
}

#[test]
fn names_are_made_to_fit_and_no_comment_is_left_by_them() {
    let many: Vec<_> = (0..20)
        .map(|_| rate("same name\n- x: y", &json!({})))
        .collect();
    let (imported, policy) = imported(&many);
    let limits = policy.limits(policy.default_plan(), RouteId::UNMATCHED);
    assert_eq!(limits.len(), 16);
    assert_eq!(&*limits[1].name, "same-name---x--y-2");
    assert!(notes(&imported).contains("at most 16 limits"));
}

#[test]
fn nothing_to_import_is_a_policy_that_says_so() {
    let (imported, _) = imported(&[]);
    assert!(notes(&imported).contains("limits nobody"));
}
