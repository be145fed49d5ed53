use serde_json::{Value, json};

use super::*;
use crate::waf::read;

/// What one statement costs.
fn wcu(statement: &Value) -> Wcu {
    let text = json!({
        "Name": "acl", "DefaultAction": {"Allow": {}},
        "Rules": [{"Name": "r", "Priority": 0, "Action": {"Block": {}}, "Statement": statement}],
    });
    let sets = read("acl.json", &text.to_string()).unwrap();
    super::statement(&sets[0].rules[0].statement)
}

fn inspecting(field: &str, transformations: &[&str], mut more: Value) -> Value {
    let list = transformations.iter().enumerate();
    let list: Vec<_> = list
        .map(|(priority, kind)| json!({"Priority": priority, "Type": kind}))
        .collect();
    more["FieldToMatch"] = json!({field: {"Name": "x"}});
    more["TextTransformations"] = list.into();
    more
}

fn bytes(positional: &str, field: &str, transformations: &[&str]) -> Value {
    let more = json!({"PositionalConstraint": positional, "SearchString": "r."});
    json!({"ByteMatchStatement": inspecting(field, transformations, more)})
}

fn rate(keys: &Value, scope_down: &Value) -> Value {
    json!({"RateBasedStatement": {"Limit": 600, "AggregateKeyType": "CUSTOM_KEYS",
        "CustomKeys": keys, "ScopeDownStatement": scope_down}})
}

fn key(kind: &str, transformation: &str) -> Value {
    json!({kind: {"Name": "x", "TextTransformations": [{"Priority": 0, "Type": transformation}]}})
}

#[test]
fn figures_are_those_of_the_guide() {
    let arn = "arn:aws:wafv2:us-east-1:1:regional/ipset/a/b";
    let any = json!({"HeaderName": "x", "FallbackBehavior": "MATCH", "Position": "ANY"});
    let regex = |field| inspecting(field, &[], json!({"RegexString": "a"}));
    let regex_set = inspecting("UriPath", &[], json!({"ARN": arn}));
    let size = inspecting(
        "UriPath",
        &[],
        json!({"ComparisonOperator": "GT", "Size": 0}),
    );
    let high = inspecting("Body", &[], json!({"SensitivityLevel": "HIGH"}));
    let geo = json!({"GeoMatchStatement": {"CountryCodes": ["DE"]}});
    let not = json!({"NotStatement": {"Statement": geo}});
    let managed = json!({"VendorName": "AWS", "Name": "C", "ScopeDownStatement": geo});
    let table = [
        (bytes("EXACTLY", "UriPath", &[]), 2),
        (bytes("STARTS_WITH", "UriPath", &[]), 2),
        (bytes("ENDS_WITH", "UriPath", &[]), 2),
        (bytes("CONTAINS", "UriPath", &[]), 10),
        (bytes("CONTAINS_WORD", "UriPath", &[]), 10),
        (
            bytes("EXACTLY", "UriPath", &["LOWERCASE", "URL_DECODE"]),
            22,
        ),
        (bytes("EXACTLY", "AllQueryArguments", &[]), 12),
        (bytes("CONTAINS", "JsonBody", &["LOWERCASE"]), 30),
        (json!({"SizeConstraintStatement": size}), 1),
        (json!({"RegexMatchStatement": regex("UriPath")}), 3),
        (json!({"RegexMatchStatement": regex("JsonBody")}), 6),
        (json!({"RegexPatternSetReferenceStatement": regex_set}), 25),
        (
            json!({"SqliMatchStatement": inspecting("Body", &[], json!({}))}),
            20,
        ),
        (json!({"SqliMatchStatement": high}), 30),
        (
            json!({"XssMatchStatement": inspecting("Body", &[], json!({}))}),
            40,
        ),
        (
            json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "a"}}),
            1,
        ),
        (geo.clone(), 1),
        (json!({"AsnMatchStatement": {"AsnList": [1]}}), 1),
        (json!({"IPSetReferenceStatement": {"ARN": arn}}), 1),
        (
            json!({"IPSetReferenceStatement": {"ARN": arn, "IPSetForwardedIPConfig": any}}),
            5,
        ),
        (json!({"OrStatement": {"Statements": [geo, not]}}), 2),
        (json!({"ManagedRuleGroupStatement": managed}), 1),
        (
            json!({"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}),
            2,
        ),
    ];
    for (statement, expected) in table {
        assert_eq!(wcu(&statement), Wcu::exactly(expected), "{statement}");
    }
}

#[test]
fn rates_by_custom_keys_cost_thirty_a_key_and_their_scope() {
    let id = key("Header", "NONE");
    let none = Value::Null;
    assert_eq!(wcu(&rate(&json!([id]), &none)), Wcu::exactly(32));
    let two = json!([{"IP": {}}, key("UriPath", "NONE")]);
    assert_eq!(wcu(&rate(&two, &none)), Wcu::exactly(62));
    // A class by the beginning of its ids.
    let scope = bytes("STARTS_WITH", "SingleHeader", &["NONE"]);
    let class = wcu(&rate(&json!([id]), &scope));
    assert_eq!((class.units, class.at_most), (34, 44));
    let changed = wcu(&rate(&json!([key("UriPath", "LOWERCASE")]), &none));
    assert_eq!((changed.units, changed.at_most), (32, 42));
}

#[test]
fn a_rule_group_costs_what_is_set_aside_for_it_where_the_file_says_so() {
    let template = r"
Resources:
  Group:
    Type: AWS::WAFv2::RuleGroup
    Properties:
      Scope: REGIONAL
      Capacity: 50
      Rules:
        - {Name: a, Priority: 0, Action: {Block: {}},
           Statement: {RateBasedStatement: {Limit: 100, AggregateKeyType: IP}}}
  Acl:
    Type: AWS::WAFv2::WebACL
    Properties:
      Scope: REGIONAL
      DefaultAction: {Allow: {}}
      Rules:
        - {Name: managed, Priority: 2, OverrideAction: {None: {}},
           Statement: {ManagedRuleGroupStatement: {VendorName: AWS, Name: Common}}}
        - {Name: own, Priority: 1, OverrideAction: {None: {}},
           Statement: {RuleGroupReferenceStatement: {Arn: !GetAtt Group.Arn}}}
        - {Name: rate, Priority: 0, Action: {Block: {}},
           Statement: {RateBasedStatement: {Limit: 100, AggregateKeyType: IP}}}
";
    let sets = read("t.yaml", template).unwrap();
    let acl = sets.iter().find(|set| set.id == "Acl").unwrap();
    let capacity = of(acl, &sets);
    assert_eq!(capacity.total, Wcu::exactly(52));
    let rates = (capacity.rate_based_rules, capacity.rate_based_in_groups);
    assert_eq!(rates, (2, 1));
    assert_eq!(capacity.unknown, ["AWS/Common"]);
    assert_eq!(capacity.notes, [NOTE_GROUPS]);
    let order: Vec<_> = capacity
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    assert_eq!(order, ["rate", "own", "managed"]);
}
