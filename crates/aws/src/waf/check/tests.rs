use serde_json::{Value, json};

use super::*;
use crate::waf::read;

fn none() -> Value {
    json!([{"Priority": 0, "Type": "NONE"}])
}

fn by_address(name: &str, priority: usize) -> Value {
    json!({"Name": name, "Priority": priority, "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}})
}

fn search() -> Value {
    json!({"ByteMatchStatement": {
        "FieldToMatch": {"SingleHeader": {"Name": "x-id"}}, "PositionalConstraint": "STARTS_WITH",
        "SearchString": "r.", "TextTransformations": none()}})
}

/// A web ACL with nothing wrong: rule 0 counts by a key and answers by itself, rule 1 matches, rule
/// 2 uses a rule group.
fn good() -> Value {
    json!({
        "Name": "acl", "Scope": "CLOUDFRONT", "DefaultAction": {"Allow": {}},
        "CustomResponseBodies": {"limited": {"ContentType": "APPLICATION_JSON", "Content": "{}"}},
        "Rules": [
            {"Name": "per-id", "Priority": 0,
                "Action": {"Block": {"CustomResponse": {"ResponseCode": 429,
                    "CustomResponseBodyKey": "limited",
                    "ResponseHeaders": [{"Name": "retry-after", "Value": "60"}]}}},
                "Statement": {"RateBasedStatement": {"Limit": 600, "EvaluationWindowSec": 60,
                    "AggregateKeyType": "CUSTOM_KEYS",
                    "CustomKeys": [
                        {"Header": {"Name": "x-id", "TextTransformations": none()}},
                        {"ForwardedIP": {}}],
                    "ForwardedIPConfig": {"HeaderName": "x-real-ip", "FallbackBehavior": "MATCH"},
                    "ScopeDownStatement": search()}}},
            {"Name": "match", "Priority": 1, "Action": {"Count": {}},
                "Statement": {"OrStatement": {"Statements": [search(), search()]}}},
            {"Name": "group", "Priority": 2, "OverrideAction": {"None": {}},
                "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "C"}}},
        ],
    })
}

const RATE: &str = "/Rules/0/Statement/RateBasedStatement";
const RESPONSE: &str = "/Rules/0/Action/Block/CustomResponse";
const OR: &str = "/Rules/1/Statement/OrStatement";

fn codes_of(document: &Value, region: Option<&str>) -> Vec<(String, String)> {
    let sets = read("acl.json", &document.to_string()).unwrap();
    let found = check(&sets, region).into_iter();
    found
        .map(|found| (found.code.to_owned(), found.path))
        .collect()
}

#[test]
fn a_good_web_acl_has_no_finding() {
    assert_eq!(codes_of(&good(), Some("us-east-1")), []);
}

/// One broken document a check: what is put where, and the code and path of its only finding.
fn table() -> Vec<(String, Value, &'static str, String)> {
    let rate = |path: &str| format!("{RATE}/{path}");
    let response = |path: &str| format!("{RESPONSE}/{path}");
    let header = |name: &str| json!({"Header": {"Name": name, "TextTransformations": none()}});
    let body = |bytes: usize| json!({"ContentType": "TEXT_PLAIN", "Content": "x".repeat(bytes)});
    let bodies = |count: usize, bytes: usize| {
        let all = (0..count).map(|key| (key.to_string(), body(bytes)));
        let mut all: serde_json::Map<String, Value> = all.collect();
        all.insert("limited".to_owned(), body(1));
        Value::Object(all)
    };
    let transformations = |count: usize| -> Value {
        (0..count)
            .map(|at| json!({"Priority": at, "Type": "NONE"}))
            .collect()
    };
    let nested = by_address("n", 0)["Statement"].clone();
    let group = json!({"RuleGroupReferenceStatement": {"ARN": "arn:aws:x"}});
    let long = "x".repeat(201);
    let regex = json!({"RegexMatchStatement": {"FieldToMatch": {"UriPath": {}},
        "RegexString": "x".repeat(513), "TextTransformations": none()}});
    let address = |key: &str| json!([{key: {}}]);
    let sets: Value = (0..51)
        .map(|_| json!({"IPSetReferenceStatement": {"ARN": "arn:aws:x"}}))
        .collect();
    // 50 WCU each.
    let costly: Value = (0..250)
        .map(|_| {
            json!({"XssMatchStatement": {"FieldToMatch": {"Body": {}},
            "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}]}})
        })
        .collect();
    let mut table = vec![
        (
            "/Rules/1/Priority".to_owned(),
            json!(0),
            "WAF05",
            "/Rules/1/Priority".to_owned(),
        ),
        (
            "/Rules/1/Name".to_owned(),
            json!("per-id"),
            "WAF06",
            "/Rules/1/Name".to_owned(),
        ),
        (
            "/Rules/1/Name".to_owned(),
            json!("per id"),
            "WAF09",
            "/Rules/1/Name".to_owned(),
        ),
        (
            format!("{OR}/Statements"),
            sets,
            "WAF08",
            "/Rules".to_owned(),
        ),
        (
            format!("{OR}/Statements"),
            costly,
            "WAF03",
            "/Rules".to_owned(),
        ),
        (
            "/CustomResponseBodies".to_owned(),
            bodies(50, 1),
            "WAF10",
            "/CustomResponseBodies".to_owned(),
        ),
        (
            "/CustomResponseBodies".to_owned(),
            bodies(13, 4_000),
            "WAF12",
            "/CustomResponseBodies".to_owned(),
        ),
        (
            "/CustomResponseBodies/limited".to_owned(),
            body(4_097),
            "WAF11",
            "/CustomResponseBodies/limited/Content".to_owned(),
        ),
        (
            "/Rules/1/Action".to_owned(),
            Value::Null,
            "WAF20",
            "/Rules/1".to_owned(),
        ),
        (
            "/Rules/2/OverrideAction".to_owned(),
            Value::Null,
            "WAF20",
            "/Rules/2".to_owned(),
        ),
        (
            "/Rules/2/Action".to_owned(),
            json!({"Block": {}}),
            "WAF20",
            "/Rules/2".to_owned(),
        ),
        (
            "/Rules/1/OverrideAction".to_owned(),
            json!({"None": {}}),
            "WAF20",
            "/Rules/1".to_owned(),
        ),
        (
            "/Rules/1/Action".to_owned(),
            json!({"Allow": {"CustomResponse": {"ResponseCode": 200}}}),
            "WAF21",
            "/Rules/1/Action/Allow/CustomResponse".to_owned(),
        ),
        (
            response("ResponseCode"),
            json!(999),
            "WAF22",
            response("ResponseCode"),
        ),
        (
            response("ResponseCode"),
            json!(199),
            "WAF22",
            response("ResponseCode"),
        ),
        (
            response("CustomResponseBodyKey"),
            json!("gone"),
            "WAF23",
            response("CustomResponseBodyKey"),
        ),
        (
            response("ResponseHeaders"),
            (0..11)
                .map(|at| json!({"Name": format!("x-{at}"), "Value": "1"}))
                .collect(),
            "WAF24",
            response("ResponseHeaders"),
        ),
        (
            response("ResponseHeaders/0/Name"),
            json!("x".repeat(65)),
            "WAF25",
            response("ResponseHeaders/0/Name"),
        ),
        (
            response("ResponseHeaders/0/Value"),
            json!("x".repeat(256)),
            "WAF26",
            response("ResponseHeaders/0/Value"),
        ),
        (rate("Limit"), json!(9), "WAF30", rate("Limit")),
        (
            rate("Limit"),
            json!(2_000_000_001_u64),
            "WAF30",
            rate("Limit"),
        ),
        (
            rate("EvaluationWindowSec"),
            json!(61),
            "WAF31",
            rate("EvaluationWindowSec"),
        ),
        (rate("CustomKeys"), Value::Null, "WAF32", rate("CustomKeys")),
        (
            rate("CustomKeys"),
            (0..6).map(|at| header(&format!("x-{at}"))).collect(),
            "WAF32",
            rate("CustomKeys"),
        ),
        (
            rate("AggregateKeyType"),
            json!("IP"),
            "WAF32",
            rate("CustomKeys"),
        ),
        (
            rate("CustomKeys"),
            address("IP"),
            "WAF34",
            rate("CustomKeys/0"),
        ),
        (
            rate("CustomKeys"),
            address("ForwardedIP"),
            "WAF34",
            rate("CustomKeys/0"),
        ),
        (
            rate("ForwardedIPConfig"),
            Value::Null,
            "WAF35",
            RATE.to_owned(),
        ),
        (
            rate("CustomKeys/0"),
            header(&"x".repeat(65)),
            "WAF36",
            rate("CustomKeys/0/Header/Name"),
        ),
        (
            rate("CustomKeys/0/Header/TextTransformations"),
            Value::Null,
            "WAF42",
            rate("CustomKeys/0/Header/TextTransformations"),
        ),
        (
            format!("{OR}/Statements/0"),
            nested,
            "WAF40",
            format!("{OR}/Statements/0/RateBasedStatement"),
        ),
        (
            format!("{OR}/Statements/0"),
            group,
            "WAF40",
            format!("{OR}/Statements/0/RuleGroupReferenceStatement"),
        ),
        (
            format!("{OR}/Statements"),
            json!([search()]),
            "WAF41",
            format!("{OR}/Statements"),
        ),
        (
            format!("{OR}/Statements/0/ByteMatchStatement/SearchString"),
            json!(long),
            "WAF45",
            format!("{OR}/Statements/0/ByteMatchStatement/SearchString"),
        ),
        (
            format!("{OR}/Statements/0"),
            regex,
            "WAF46",
            format!("{OR}/Statements/0/RegexMatchStatement/RegexString"),
        ),
    ];
    let list = format!("{OR}/Statements/0/ByteMatchStatement/TextTransformations");
    let same = json!([{"Priority": 0, "Type": "NONE"}, {"Priority": 0, "Type": "LOWERCASE"}]);
    table.extend([
        (list.clone(), Value::Null, "WAF42", list.clone()),
        (list.clone(), same, "WAF43", format!("{list}/1/Priority")),
        (list.clone(), transformations(11), "WAF44", list),
    ]);
    table
}

#[test]
fn every_broken_document_has_its_one_finding() {
    for (place, value, code, path) in table() {
        let mut document = good();
        put(&mut document, &place, value);
        let expected = [(code.to_owned(), path)];
        assert_eq!(codes_of(&document, None), expected, "{place}");
    }
}

/// Sets what a JSON pointer points to, and makes its last key where it is not there.
fn put(document: &mut Value, pointer: &str, value: Value) {
    if let Some(there) = document.pointer_mut(pointer) {
        *there = value;
        return;
    }
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
}

#[test]
fn constant_counts_nothing_without_a_scope() {
    let mut document = good();
    let constant = json!({"Limit": 100, "AggregateKeyType": "CONSTANT"});
    put(&mut document, RATE, constant);
    assert_eq!(
        codes_of(&document, None),
        [("WAF33".to_owned(), RATE.to_owned())]
    );
}

#[test]
fn ten_rate_based_rules_are_enough_and_eleven_too_many() {
    let with = |count: usize| {
        let rules: Vec<_> = (0..count)
            .map(|at| by_address(&format!("r{at}"), at))
            .collect();
        json!({"Name": "acl", "DefaultAction": {"Allow": {}}, "Rules": rules})
    };
    assert_eq!(codes_of(&with(10), None), []);
    assert_eq!(codes_of(&with(11), None)[0].0, "WAF01");
}

#[test]
fn a_rule_group_has_four_rate_based_rules_its_capacity_and_no_group() {
    let with = |count: usize, capacity: u64| {
        let rules: Vec<_> = (0..count)
            .map(|at| by_address(&format!("r{at}"), at))
            .collect();
        json!({"Name": "group", "Capacity": capacity, "Rules": rules})
    };
    assert_eq!(codes_of(&with(4, 8), None), []);
    assert_eq!(codes_of(&with(5, 10), None)[0].0, "WAF02");
    assert_eq!(
        codes_of(&with(4, 7), None),
        [("WAF04".to_owned(), "/Capacity".to_owned())]
    );
    let managed = good()["Rules"][2].clone();
    let nested = json!({"Name": "group", "Capacity": 1, "Rules": [managed]});
    assert_eq!(codes_of(&nested, None)[0].0, "WAF47");
}

#[test]
fn cloudfront_is_deployed_in_virginia() {
    let found = codes_of(&good(), Some("eu-central-1"));
    assert_eq!(found, [("WAF07".to_owned(), "/Scope".to_owned())]);
}

#[test]
fn every_code_is_raised_by_a_test_and_unique() {
    let mut raised: Vec<&str> = table().iter().map(|row| row.2).collect();
    raised.extend(["WAF01", "WAF02", "WAF04", "WAF07", "WAF33", "WAF47"]);
    for code in CODES {
        assert!(raised.contains(&code.id), "{}", code.id);
        let same = CODES.iter().filter(|other| other.id == code.id);
        assert_eq!(same.count(), 1, "{}", code.id);
    }
}
