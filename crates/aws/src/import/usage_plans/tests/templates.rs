//! Templates of CloudFormation, SAM and Terraform.

use super::*;

const CLOUDFORMATION: &str = r#"
AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  Rate: {Type: Number, Default: 0.1}
  Secret: {Type: String, NoEcho: true}
Resources:
  Api: {Type: 'AWS::ApiGateway::RestApi', Properties: {Name: orders}}
  Stage:
    Type: AWS::ApiGateway::Stage
    Properties:
      MethodSettings:
        - {ResourcePath: '/*', HttpMethod: '*', ThrottlingRateLimit: 100, ThrottlingBurstLimit: 50}
  Gold:
    Type: AWS::ApiGateway::UsagePlan
    Properties:
      UsagePlanName: !Sub '${AWS::StackName}-gold'
      Throttle: {RateLimit: !Ref Rate, BurstLimit: '5'}
      Quota: {Limit: 1000, Period: WEEK}
      ApiStages:
        - ApiId: !Ref Api
          Stage: prod
          Throttle:
            /v1/records/GET: {RateLimit: 2.5, BurstLimit: 3}
            '/files/{proxy+}/ANY': {RateLimit: 1, BurstLimit: 1}
  Customer:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Name: customer, Enabled: true, Value: CustomerKey0123456789abcdefghij}
  Unstated:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Value: UnstatedKey0123456789abcdefghij}
  Hidden:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Enabled: true, Value: !Ref Secret}
  CustomerInGold:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Customer, KeyType: API_KEY, UsagePlanId: !Ref Gold}
  UnstatedInGold:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !GetAtt Unstated.APIKeyId, KeyType: API_KEY, UsagePlanId: !Ref Gold}
"#;

#[test]
fn a_cloudformation_template_says_plan_keys_and_links() {
    let imported = imported(&[input("template.yaml", CLOUDFORMATION)]);
    let policy = checked(&imported);
    let plan = &usage_plans_of(&policy)[0];
    assert_eq!(plan.throttle.unwrap().rate.to_string(), "0.1");
    assert_eq!(plan.quota.unwrap().limit.get(), 1000);
    let methods: Vec<String> = plan.stages[0]
        .methods
        .iter()
        .map(|method| format!("{} {}", method.method, method.path))
        .collect();
    assert_eq!(methods, ["ANY /files/{proxy+}", "GET /v1/records"]);
    let keys: Vec<(String, bool)> = imported
        .keys
        .keys()
        .map(|key| (key.subject, key.not_after_s.is_none()))
        .collect();
    let expected = [
        ("Customer".to_owned(), true),
        ("Unstated".to_owned(), false),
    ];
    assert_eq!(keys, expected);
    assert!(tells(&imported, Fidelity::Lost, "key `Hidden`"));
    assert!(tells(
        &imported,
        Fidelity::Assumed,
        "without a word on `Enabled`"
    ));
    assert!(tells(
        &imported,
        Fidelity::Lost,
        "throttles of the stage `Stage` itself: 1"
    ));
}

#[test]
fn what_only_a_stack_knows_is_an_error_and_not_an_open_plan() {
    let text = CLOUDFORMATION.replace(
        "RateLimit: !Ref Rate",
        "RateLimit: !ImportValue shared-rate",
    );
    let said = refused(&[input("template.yaml", &text)]);
    assert!(
        said.contains("the rate of its throttle is not a number"),
        "{said}"
    );
    let text = CLOUDFORMATION.replace(
        "Throttle: {RateLimit: !Ref Rate, BurstLimit: '5'}",
        "Throttle: !If [Big, {RateLimit: 1}, {RateLimit: 2}]",
    );
    let said = refused(&[input("template.yaml", &text)]);
    assert!(said.contains("its throttle cannot be read"), "{said}");
}

#[test]
fn a_plan_that_sam_makes_is_read_where_it_stands_alone() {
    let text = r#"
Transform: AWS::Serverless-2016-10-31
Globals: {Api: {Auth: {UsagePlan: {CreateUsagePlan: SHARED, Throttle: {RateLimit: 5, BurstLimit: 6}}}}}
Resources:
  One: {Type: 'AWS::Serverless::Api', Properties: {StageName: prod}}
  Two: {Type: 'AWS::Serverless::Api', Properties: {StageName: prod}}
  Own:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        ApiKeyRequired: true
        UsagePlan:
          CreateUsagePlan: PER_API
          UsagePlanName: own
          Quota: {Limit: 7, Period: DAY}
"#;
    let imported = imported(&[input("template.yaml", text)]);
    let plans: Vec<(&str, usize)> = imported
        .plans
        .iter()
        .map(|plan| (plan.id.as_str(), plan.stages.len()))
        .collect();
    assert_eq!(plans, [("ServerlessUsagePlan", 2), ("OwnUsagePlan", 1)]);
    assert!(tells(&imported, Fidelity::Lost, "key `OwnApiKey`"));
    checked(&imported);
}

const TERRAFORM: &str = r#"
variable "rate" {
  type    = number
  default = 0.5
}
locals { burst = 7 }

resource "aws_api_gateway_usage_plan" "gold" {
  name = "gold"
  api_stages {
    api_id = aws_api_gateway_rest_api.orders.id
    stage  = aws_api_gateway_stage.prod.stage_name
    throttle {
      path        = "/test/GET"
      rate_limit  = 1
      burst_limit = 2
    }
  }
  throttle_settings {
    rate_limit  = var.rate
    burst_limit = local.burst
  }
  quota_settings {
    limit  = 20
    offset = 2
    period = "WEEK"
  }
}

resource "aws_api_gateway_api_key" "customer" {
  name  = "customer"
  value = "TerraformKey0123456789abcdefghij"
}

resource "aws_api_gateway_usage_plan_key" "main" {
  key_id        = aws_api_gateway_api_key.customer.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.gold.id
}
"#;

#[test]
fn a_configuration_of_terraform_says_plan_keys_and_links() {
    let imported = imported(&[input("main.tf", TERRAFORM)]);
    let policy = checked(&imported);
    let plan = &usage_plans_of(&policy)[0];
    assert_eq!(plan.throttle.unwrap().rate.to_string(), "0.5");
    assert_eq!(plan.throttle.unwrap().burst_or_second(), 7);
    assert_eq!(plan.stages[0].methods.len(), 1);
    let keys: Vec<_> = imported.keys.keys().collect();
    assert_eq!(
        (keys[0].subject.as_str(), keys[0].plan.as_deref()),
        ("customer", Some("gold"))
    );
    assert!(keys[0].not_after_s.is_none());
}

#[test]
fn what_only_terraform_knows_is_an_error_and_not_an_open_plan() {
    for (from, to, words) in [
        (
            "rate_limit  = var.rate",
            "rate_limit = var.nowhere",
            "not a number",
        ),
        (
            "rate_limit  = var.rate",
            "rate_limit = data.x.y.z",
            "not a number",
        ),
        (
            "rate_limit  = var.rate",
            "rate_limit = 2 * 3",
            "not a number",
        ),
        ("name = \"gold\"", "for_each = toset([\"a\"])", "for_each"),
        (
            "throttle_settings {",
            "dynamic \"throttle_settings\" {",
            "dynamic",
        ),
    ] {
        let said = refused(&[input("main.tf", &TERRAFORM.replace(from, to))]);
        assert!(
            said.starts_with("main.tf: ") && said.contains(words),
            "{to}: {said}"
        );
    }
    let unknown = TERRAFORM.replace(
        "\"TerraformKey0123456789abcdefghij\"",
        "random_password.k.result",
    );
    let imported = imported(&[input("main.tf", &unknown)]);
    assert_eq!(imported.key_count, 0);
    assert!(tells(&imported, Fidelity::Lost, "key `customer`"));
}

#[test]
fn what_terraform_shows_of_its_state_reads_alike() {
    let state = json!({"format_version": "1.0", "values": {"root_module": {
        "resources": [
            {"address": "aws_api_gateway_usage_plan.gold", "type": "aws_api_gateway_usage_plan",
             "name": "gold", "values": {
                "id": "c7y23b", "name": "gold",
                "throttle_settings": [{"rate_limit": 0.5, "burst_limit": 7}],
                "quota_settings": [{"limit": 20, "offset": 0, "period": "WEEK"}],
                "api_stages": [{"api_id": "a", "stage": "prod", "throttle": [
                    {"path": "/test/GET", "rate_limit": 1, "burst_limit": 2}]}]}},
        ],
        "child_modules": [{"resources": [
            {"type": "aws_api_gateway_api_key", "values": {
                "id": "k1", "name": "customer", "enabled": true,
                "value": "TerraformKey0123456789abcdefghij"}},
            {"type": "aws_api_gateway_usage_plan_key", "values": {
                "key_id": "k1", "usage_plan_id": "c7y23b"}},
        ]}],
    }}});
    let imported = imported(&[input("state.json", &state.to_string())]);
    assert_eq!((imported.plans.len(), imported.key_count), (1, 1));
    assert_eq!(imported.plans[0].stages[0].methods.len(), 1);
    checked(&imported);
}
