//! The Lambda authorizer beside the edge: its cache's key and how long it may keep an answer.

use serde_json::{Map, Value, json};

use super::tags;
use crate::authorizer::{AuthorizerApi, Variant, identity_sources, ttl_s_max};
use crate::compile::Deployment;

pub(super) fn template(deployment: &Deployment<'_>) -> Value {
    let variant = Variant::of(deployment.policy);
    let mut resources = Map::new();
    let mut add = |name: &str, kind: &str, condition: Option<&str>, properties: Value| {
        let mut resource = json!({"Type": kind, "Properties": properties});
        if let Some(condition) = condition {
            resource["Condition"] = condition.into();
        }
        resources.insert(name.to_owned(), resource);
    };
    add("Role", "AWS::IAM::Role", None, role());
    add(
        "Authorizer",
        "AWS::Lambda::Function",
        None,
        function(deployment),
    );
    let (rest, http) = (AuthorizerApi::RestRequest, AuthorizerApi::HttpV2);
    let ttl = |api, sources: &Value| {
        let cached = sources
            .as_array()
            .is_some_and(|sources| !sources.is_empty());
        if cached {
            ttl_s_max(api, deployment.policy, None)
        } else {
            0
        }
    };
    let sources = |api| json!(identity_sources(api, &variant).unwrap_or_default());
    let (rest_sources, http_sources) = (sources(rest), sources(http));
    let (rest_ttl, http_ttl) = (ttl(rest, &rest_sources), ttl(http, &http_sources));
    let mut properties = json!({
        "Name": "tollgate",
        "Type": "REQUEST",
        "RestApiId": {"Ref": "RestApiId"},
        "AuthorizerUri": invocation(),
        "AuthorizerResultTtlInSeconds": rest_ttl,
    });
    if let Some(list) = joined(&rest_sources) {
        properties["IdentitySource"] = list.into();
    }
    add(
        "RestAuthorizer",
        "AWS::ApiGateway::Authorizer",
        Some("HasRestApi"),
        properties,
    );
    add(
        "RestPermission",
        "AWS::Lambda::Permission",
        Some("HasRestApi"),
        permission("RestApiId"),
    );
    let mut properties = json!({
        "Name": "tollgate",
        "AuthorizerType": "REQUEST",
        "ApiId": {"Ref": "HttpApiId"},
        "AuthorizerUri": invocation(),
        "AuthorizerPayloadFormatVersion": "2.0",
        "EnableSimpleResponses": true,
        "AuthorizerResultTtlInSeconds": http_ttl,
    });
    if joined(&http_sources).is_some() {
        properties["IdentitySource"] = http_sources;
    }
    add(
        "HttpAuthorizer",
        "AWS::ApiGatewayV2::Authorizer",
        Some("HasHttpApi"),
        properties,
    );
    add(
        "HttpPermission",
        "AWS::Lambda::Permission",
        Some("HasHttpApi"),
        permission("HttpApiId"),
    );
    let is_given = |name: &str| json!({"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]});
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Tollgate as a Lambda authorizer; deploy it in the region of the API.",
        "Parameters": {
            "CodeBucket": {"Type": "String", "Description": "The bucket with bootstrap.zip"},
            "CodeKey": {"Type": "String", "Default": "bootstrap.zip"},
            "BucketKeys": {
                "Type": "String",
                "NoEcho": true,
                "Description": "The text of the ring of bucket keys",
            },
            "RestApiId": {"Type": "String", "Default": ""},
            "HttpApiId": {"Type": "String", "Default": ""},
        },
        "Conditions": {"HasRestApi": is_given("RestApiId"), "HasHttpApi": is_given("HttpApiId")},
        "Resources": resources,
        "Outputs": {"FunctionArn": {"Value": {"Fn::GetAtt": ["Authorizer", "Arn"]}}},
    })
}

/// A REST API has its sources in one text.
fn joined(sources: &Value) -> Option<String> {
    let list = sources.as_array().filter(|list| !list.is_empty())?;
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    Some(texts.join(","))
}

fn function(deployment: &Deployment<'_>) -> Value {
    json!({
        "FunctionName": format!("{}-authorizer", deployment.target.name),
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "MemorySize": 128,
        "Timeout": 10,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
        "Environment": {"Variables": {"TOLLGATE_BUCKET_KEYS": {"Ref": "BucketKeys"}}},
        "Tags": tags(deployment),
    })
}

fn role() -> Value {
    json!({
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }],
        },
        "ManagedPolicyArns": [{
            "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        }],
    })
}

fn invocation() -> Value {
    json!({"Fn::Sub":
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Authorizer.Arn}/invocations"
    })
}

fn permission(api: &str) -> Value {
    let source = format!(
        "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{api}}}/authorizers/*"
    );
    json!({
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Authorizer"},
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": source},
    })
}
