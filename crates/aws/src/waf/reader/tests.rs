use serde_json::{Value, json};

use crate::waf::WafError;
use crate::waf::model::{
    ActionKind, AggregateKeyType, Field, Positional, RateKey, RuleSet, RuleSetKind, Statement, Text,
};
use crate::waf::reader::rule_set;

fn with_statement(statement: &Value) -> Result<RuleSet, WafError> {
    let acl = json!({
        "Name": "acl",
        "Scope": "REGIONAL",
        "DefaultAction": {"Allow": {}},
        "Rules": [{
            "Name": "rule",
            "Priority": 0,
            "Action": {"Block": {}},
            "Statement": statement,
        }],
    });
    rule_set(
        RuleSetKind::WebAcl,
        "/Resources/Acl/Properties",
        "Acl",
        &acl,
    )
}

fn none() -> Value {
    json!([{"Priority": 0, "Type": "NONE"}])
}

#[test]
fn a_rate_based_rule_is_read_whole() {
    let set = with_statement(&json!({"RateBasedStatement": {
        "Limit": "600",
        "EvaluationWindowSec": 60,
        "AggregateKeyType": "CUSTOM_KEYS",
        "CustomKeys": [
            {"Header": {"Name": "x-id", "TextTransformations": none()}},
            {"Cookie": {"Name": "id", "TextTransformations": none()}},
            {"QueryArgument": {"Name": "id", "TextTransformations": none()}},
            {"QueryString": {"TextTransformations": none()}},
            {"UriPath": {"TextTransformations": none()}},
            {"HTTPMethod": {}},
            {"IP": null},
            {"ForwardedIP": {}},
            {"LabelNamespace": {"Namespace": "a:"}},
            {"JA3Fingerprint": {"FallbackBehavior": "MATCH"}},
            {"JA4Fingerprint": {"FallbackBehavior": "NO_MATCH"}},
            {"ASN": {}},
        ],
        "ForwardedIPConfig": {"HeaderName": "x-forwarded-for", "FallbackBehavior": "MATCH"},
        "ScopeDownStatement": {"ByteMatchStatement": {
            "FieldToMatch": {"SingleHeader": {"Name": "x-id"}},
            "PositionalConstraint": "STARTS_WITH",
            "SearchString": "r.",
            "TextTransformations": none(),
        }},
    }}));
    let set = set.unwrap();
    let Statement::RateBased(rate) = &set.rules[0].statement else {
        panic!("rate-based");
    };
    assert_eq!((rate.limit, rate.window_s), (600, 60));
    assert_eq!(rate.aggregate, AggregateKeyType::CustomKeys);
    let kinds: Vec<_> = rate.keys.iter().map(RateKey::kind).collect();
    let expected = [
        "Header",
        "Cookie",
        "QueryArgument",
        "QueryString",
        "UriPath",
        "HTTPMethod",
        "IP",
        "ForwardedIP",
        "LabelNamespace",
        "JA3Fingerprint",
        "JA4Fingerprint",
        "ASN",
    ];
    assert_eq!(kinds, expected);
    let Some(Statement::ByteMatch(scope)) = &rate.scope_down else {
        panic!("scope-down");
    };
    assert_eq!(scope.positional, Positional::StartsWith);
    assert_eq!(scope.inspect.field, Field::SingleHeader("x-id".into()));
    assert_eq!(
        set.rules[0].action.as_ref().map(|action| action.kind),
        Some(ActionKind::Block)
    );
}

#[test]
fn every_other_statement_is_read_under_its_name() {
    let field = json!({"UriPath": {}});
    let inspect = |mut more: Value| {
        more["FieldToMatch"] = field.clone();
        more["TextTransformations"] = none();
        more
    };
    let geo = json!({"GeoMatchStatement": {"CountryCodes": ["DE"]}});
    let arn = "arn:aws:wafv2:us-east-1:1:regional/ipset/a/b";
    let all = [
        json!({"SizeConstraintStatement": inspect(json!({"ComparisonOperator": "GT", "Size": 0}))}),
        json!({"RegexMatchStatement": inspect(json!({"RegexString": "^/a"}))}),
        json!({"RegexPatternSetReferenceStatement": inspect(json!({"ARN": arn}))}),
        json!({"SqliMatchStatement": inspect(json!({"SensitivityLevel": "HIGH"}))}),
        json!({"XssMatchStatement": inspect(json!({}))}),
        json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "a"}}),
        geo.clone(),
        json!({"AsnMatchStatement": {"AsnList": [64500]}}),
        json!({"IPSetReferenceStatement": {"Arn": arn}}),
        json!({"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "Common",
            "ScopeDownStatement": geo}}),
        json!({"RuleGroupReferenceStatement": {"Arn": arn}}),
        json!({"AndStatement": {"Statements": [geo, geo]}}),
        json!({"OrStatement": {"Statements": [geo, geo]}}),
        json!({"NotStatement": {"Statement": geo}}),
    ];
    for statement in all {
        let set = with_statement(&statement).unwrap();
        let kind = set.rules[0].statement.kind();
        assert!(statement.get(kind).is_some(), "{statement}: {kind}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_path() {
    let table = [
        (
            json!({"SnakeStatement": {}}),
            "/Statement: unknown statement `SnakeStatement`",
        ),
        (json!({}), "/Statement: expected an object with one key"),
        (
            json!({"NotStatement": {"Statement": {"Geo": 1}}}),
            "/Statement/NotStatement/Statement: unknown statement `Geo`",
        ),
        (
            json!({"RateBasedStatement": {"AggregateKeyType": "IP"}}),
            "/Statement/RateBasedStatement: `Limit` is missing",
        ),
        (
            json!({"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "USER"}}),
            "AggregateKeyType: unknown aggregate key type `USER`; known are IP, FORWARDED_IP",
        ),
        (
            json!({"RateBasedStatement": {"Limit": {"\u{0}later": "Most"}, "AggregateKeyType": "IP"}}),
            "Limit: `Most` is known only at deployment",
        ),
        (
            json!({"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP", "Window": 60}}),
            "unknown key of a rate-based statement `Window`",
        ),
        (
            json!({"OrStatement": {"Statements": {"a": 1}}}),
            "/OrStatement/Statements: expected a list, found {\"a\":1}",
        ),
    ];
    for (statement, expected) in table {
        let error = with_statement(&statement).unwrap_err().to_string();
        assert!(
            error.starts_with("/Resources/Acl/Properties/Rules/0"),
            "{error}"
        );
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_expression_is_kept_where_a_text_can_be_one() {
    let later = json!({"\u{0}later": "Set.Arn"});
    let set = with_statement(&json!({"IPSetReferenceStatement": {"Arn": later}})).unwrap();
    let Statement::IpSet(found) = &set.rules[0].statement else {
        panic!("IP set");
    };
    assert_eq!(found.arn, Text::Later("Set.Arn".to_owned()));
    assert_eq!(found.arn.to_string(), "${Set.Arn}");
}
