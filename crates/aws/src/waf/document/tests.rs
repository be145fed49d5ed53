use std::path::Path;

use proptest::prelude::*;
use tollgate_policy::Policy;

use crate::waf::model::{RuleSetKind, Scope, Statement, Text};
use crate::waf::{WafError, read};

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Most: {Type: Number, Default: 600}
  Secret: {Type: String}
Mappings: {ByStage: {live: {limit: 200}}}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Group:
    Type: AWS::WAFv2::RuleGroup
    Properties: {Scope: REGIONAL, Capacity: 50, Rules: []}
  Acl:
    Type: AWS::WAFv2::WebACL
    Properties:
      Name: !Sub "${AWS::StackName}-acl"
      Scope: REGIONAL
      Description: !Ref AWS::NoValue
      DefaultAction: {Allow: {}}
      Rules:
        - Name: per-id
          Priority: 1
          Action: {Block: {}}
          Statement:
            RateBasedStatement:
              Limit: !Ref Most
              EvaluationWindowSec: 60
              AggregateKeyType: IP
              ScopeDownStatement:
                ByteMatchStatement:
                  FieldToMatch: {SingleHeader: {Name: x-origin}}
                  PositionalConstraint: EXACTLY
                  SearchString: !Ref Secret
                  TextTransformations: [{Priority: 0, Type: NONE}]
        - Name: more
          Priority: 2
          Action: {Block: {}}
          Statement:
            RateBasedStatement:
              Limit: !FindInMap [ByStage, live, limit]
              AggregateKeyType: IP
        - Name: group
          Priority: 3
          OverrideAction: {None: {}}
          Statement: {RuleGroupReferenceStatement: {Arn: !GetAtt Group.Arn}}
"#;

#[test]
fn a_template_is_read_with_its_short_tags_and_defaults() {
    let sets = read("template.yaml", TEMPLATE).unwrap();
    let kinds: Vec<_> = sets.iter().map(|set| (set.kind, set.id.as_str())).collect();
    assert_eq!(
        kinds,
        [
            (RuleSetKind::WebAcl, "Acl"),
            (RuleSetKind::RuleGroup, "Group")
        ]
    );
    let acl = &sets[0];
    assert_eq!(acl.title(), "${AWS::StackName}-acl");
    assert_eq!(acl.scope, Some(Scope::Regional));
    let Statement::RateBased(rate) = &acl.rules[0].statement else {
        panic!("rate-based");
    };
    assert_eq!(rate.limit, 600);
    let Some(Statement::ByteMatch(scope)) = &rate.scope_down else {
        panic!("scope-down");
    };
    assert_eq!(scope.search, Text::Later("Secret".to_owned()));
    let Statement::RateBased(more) = &acl.rules[1].statement else {
        panic!("rate-based");
    };
    assert_eq!((more.limit, more.window_s), (200, 300));
    let Statement::RuleGroup(used) = &acl.rules[2].statement else {
        panic!("rule group");
    };
    assert!(sets[1].is_meant_by(&used.name));
}

#[test]
fn a_template_in_json_is_read_with_long_names() {
    let text = r#"{"Resources": {"Acl": {"Type": "AWS::WAFv2::WebACL", "Properties": {
        "Scope": "CLOUDFRONT", "DefaultAction": {"Allow": {}},
        "Rules": [{"Name": {"Fn::Sub": "a-${AWS::Region}"}, "Priority": 0, "Action": {"Count": {}},
            "Statement": {"IPSetReferenceStatement": {"Arn": {"Fn::GetAtt": ["Set", "Arn"]}}}}]}}}}"#;
    let sets = read("template.json", text).unwrap();
    assert_eq!(sets[0].rules[0].name.to_string(), "a-${AWS::Region}");
    assert_eq!(sets[0].scope, Some(Scope::CloudFront));
}

#[test]
fn the_answer_of_the_api_is_read_with_base64() {
    let text = r#"{"LockToken": "x", "WebACL": {"Name": "acl", "Id": "1", "ARN": "arn:x",
        "DefaultAction": {"Allow": {}}, "Capacity": 2, "Rules": [{"Name": "r", "Priority": 0,
        "Action": {"Block": {}}, "VisibilityConfig": {}, "Statement": {"ByteMatchStatement": {
            "SearchString": "L2FwaS8=", "FieldToMatch": {"UriPath": {}},
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
            "PositionalConstraint": "STARTS_WITH"}}}]}}"#;
    let sets = read("acl.json", text).unwrap();
    let Statement::ByteMatch(found) = &sets[0].rules[0].statement else {
        panic!("byte match");
    };
    assert_eq!(found.search.known(), Some("/api/"));
    assert_eq!(sets[0].place, "/WebACL");
}

const TERRAFORM: &str = r#"
variable "most" {
  default = 600
}
locals {
  half = var.most / 2
}
resource "aws_wafv2_rule_group" "mine" {
  name     = "mine"
  scope    = "REGIONAL"
  capacity = 10
}
resource "aws_wafv2_web_acl" "main" {
  name  = "${var.prefix}-acl"
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  custom_response_body {
    key          = "limited"
    content_type = "APPLICATION_JSON"
    content      = <<-EOT
      {"title": "limited"}
    EOT
  }
  rule {
    name     = "per-id"
    priority = 1
    action {
      block {
        custom_response {
          response_code            = 429
          custom_response_body_key = "limited"
          response_header {
            name  = "retry-after"
            value = "60"
          }
        }
      }
    }
    statement {
      rate_based_statement {
        limit                 = local.half
        evaluation_window_sec = 60
        aggregate_key_type    = "CUSTOM_KEYS"
        custom_key {
          header {
            name = "x-id"
            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
        custom_key {
          ip {}
        }
        scope_down_statement {
          and_statement {
            statement {
              byte_match_statement {
                search_string         = "/api"
                positional_constraint = "STARTS_WITH"
                field_to_match {
                  uri_path {}
                }
                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }
            statement {
              not_statement {
                statement {
                  ip_set_reference_statement {
                    arn = aws_wafv2_ip_set.ours.arn
                  }
                }
              }
            }
          }
        }
      }
    }
    rule_label {
      name = "limited"
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "per-id"
      sampled_requests_enabled   = true
    }
  }
  rule {
    name     = "group"
    priority = 2
    override_action {
      none {}
    }
    statement {
      rule_group_reference_statement {
        arn = aws_wafv2_rule_group.mine.arn
      }
    }
  }
}
"#;

#[test]
fn terraform_is_read_into_the_same_model() {
    let sets = read("main.tf", TERRAFORM).unwrap();
    assert_eq!(sets[0].capacity, Some(10));
    let acl = &sets[1];
    assert_eq!(acl.title(), "${var.prefix}-acl");
    assert_eq!(acl.bodies[0].0, "limited");
    assert_eq!(
        acl.bodies[0].1.content.known(),
        Some("{\"title\": \"limited\"}\n")
    );
    let rule = &acl.rules[0];
    assert_eq!(rule.labels, [Text::from("limited")]);
    let response = rule
        .action
        .as_ref()
        .and_then(|action| action.response.as_ref());
    let response = response.unwrap();
    assert_eq!(response.code, 429);
    assert_eq!(response.headers, [("retry-after".into(), "60".into())]);
    let Statement::RateBased(rate) = &rule.statement else {
        panic!("rate-based");
    };
    assert_eq!((rate.limit, rate.keys.len()), (300, 2));
    let Some(Statement::And(both)) = &rate.scope_down else {
        panic!("and");
    };
    let Statement::Not(not) = &both[1] else {
        panic!("not");
    };
    let Statement::IpSet(set) = &**not else {
        panic!("IP set");
    };
    assert_eq!(set.arn, Text::Later("aws_wafv2_ip_set.ours.arn".to_owned()));
    let Statement::RuleGroup(used) = &acl.rules[1].statement else {
        panic!("rule group");
    };
    assert!(sets[0].is_meant_by(&used.name));
}

#[test]
fn what_only_terraform_can_make_is_refused_with_its_path() {
    let dynamic = r#"resource "aws_wafv2_web_acl" "a" {
        scope = "REGIONAL"
        dynamic "rule" {
          for_each = var.rules
        }
    }"#;
    let error = read("main.tf", dynamic).unwrap_err().to_string();
    assert!(
        error.starts_with("aws_wafv2_web_acl.a: `dynamic` is known only at deployment"),
        "{error}"
    );
}

#[test]
fn hostile_and_foreign_files_are_refused() {
    let deep = format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read("main.tf", &deep).is_err());
    assert!(read("a.json", &"[".repeat(100_000)).is_err());
    assert!(read("a.yaml", &"[".repeat(100_000)).is_err());
    for (name, text) in [("a.json", "{}"), ("a.yaml", "Resources: {}"), ("a.tf", "")] {
        assert!(
            matches!(read(name, text), Err(WafError::NoWebAcl)),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_damaged_file_is_refused_or_gives_a_good_policy(
        which in 0_usize..3,
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        put in "[ -~\n]{0,8}",
    ) {
        let (name, text) = [
            ("a.yaml", TEMPLATE),
            ("a.tf", TERRAFORM),
            ("a.json", r#"{"Rules": [{"Name": "r", "Priority": 0, "Action": {"Block": {}}, "Statement":
                {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP"}}}]}"#),
        ][which];
        // Both files are ASCII: every index is a boundary.
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        let damaged = format!("{}{put}{}", &text[..start], &text[end..]);
        if let Ok(sets) = read(name, &damaged) {
            for set in &sets {
                let total = crate::waf::capacity::of(set, &sets).total;
                prop_assert!(total.units <= total.at_most);
            }
            for found in crate::waf::check::check(&sets, None) {
                prop_assert!(sets.iter().any(|set| found.path.starts_with(&set.place)));
            }
            let imported = crate::import::waf::policy(name, &sets).policy;
            let policy = Policy::parse("p.yaml", &imported, Path::new("."));
            prop_assert!(policy.is_ok(), "{imported}");
        }
    }
}
