//! One CloudFormation template for each variant.

use serde_json::{Map, Value, json};

use super::{CACHE_S_MAX, cache_key_headers, tags};
use crate::compile::Deployment;
use crate::rules::{LOCK_HEADER, LOCK_PLACEHOLDER};
use crate::target::Variant;

pub(super) fn template(deployment: &Deployment<'_>) -> Value {
    let variant = deployment.target.variant;
    let mut resources = Map::new();
    let mut add = |name: &str, kind: &str, properties: Value| {
        resources.insert(
            name.to_owned(),
            json!({"Type": kind, "Properties": properties}),
        );
    };
    add("Store", "AWS::CloudFront::KeyValueStore", store(deployment));
    add(
        "Function",
        "AWS::CloudFront::Function",
        function(deployment),
    );
    add(
        "CachePolicy",
        "AWS::CloudFront::CachePolicy",
        cache_policy(deployment),
    );
    add(
        "OriginRequestPolicy",
        "AWS::CloudFront::OriginRequestPolicy",
        request_policy(deployment),
    );
    add("WebAcl", "AWS::WAFv2::WebACL", web_acl(deployment));
    let behind = json!({"Ref": "OriginDomainName"});
    match variant {
        Variant::After => {
            let edge = distribution(deployment, &behind, true, false);
            add("Distribution", "AWS::CloudFront::Distribution", edge);
            let attached = json!({
                "ResourceArn": {"Ref": "ProtectedResourceArn"},
                "WebACLArn": {"Fn::GetAtt": ["WebAcl", "Arn"]},
            });
            add(
                "WebAclAssociation",
                "AWS::WAFv2::WebACLAssociation",
                attached,
            );
        }
        Variant::Before => {
            let edge = distribution(deployment, &behind, true, true);
            add("Distribution", "AWS::CloudFront::Distribution", edge);
        }
        Variant::Chained => {
            let counting = distribution(deployment, &behind, false, true);
            add(
                "CountingDistribution",
                "AWS::CloudFront::Distribution",
                counting,
            );
            let second = json!({"Fn::GetAtt": ["CountingDistribution", "DomainName"]});
            let edge = distribution(deployment, &second, true, false);
            add("Distribution", "AWS::CloudFront::Distribution", edge);
        }
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Tollgate at the edge: variant {variant}, trust {}. {}",
            deployment.target.trust, region(variant)),
        "Parameters": parameters(variant),
        "Conditions": {"HasData": {"Fn::Not": [{"Fn::Equals": [{"Ref": "StoreDataArn"}, ""]}]}},
        "Resources": resources,
        "Outputs": {
            "DomainName": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}},
            "StoreArn": {"Value": {"Fn::GetAtt": ["Store", "Arn"]}},
            "FunctionName": {"Value": {"Ref": "Function"}},
        },
    })
}

/// Where the stack has to stand.
fn region(variant: Variant) -> &'static str {
    match variant {
        Variant::After => "Deploy it in the region of the protected resource.",
        Variant::Before | Variant::Chained => "Deploy it in us-east-1.",
    }
}

fn parameters(variant: Variant) -> Value {
    let mut parameters = json!({
        "OriginDomainName": {
            "Type": "String",
            "Description": "The domain name of what stands behind, without https://",
        },
        "StoreDataArn": {
            "Type": "String",
            "Default": "",
            "Description": "ARN of the object in S3 with kvs.json; empty to fill the store later",
        },
    });
    if variant.sets_id() {
        parameters["LockSecret"] = json!({
            "Type": "String",
            "NoEcho": true,
            "MinLength": 32,
            "MaxLength": 200,
            "AllowedPattern": "[A-Za-z0-9_-]+",
            "Description": "What CloudFront tells the web ACL behind it; 32 letters or more",
        });
    }
    if variant == Variant::After {
        parameters["ProtectedResourceArn"] = json!({
            "Type": "String",
            "Description": "ARN of the load balancer, REST API stage, or other resource that WAF protects",
        });
    }
    parameters
}

fn store(deployment: &Deployment<'_>) -> Value {
    json!({
        "Name": format!("{}-{}", deployment.target.name, deployment.target.variant),
        "Comment": "Tollgate: keys of ids and passes, secrets of issuers, routes",
        "ImportSource": {"Fn::If": [
            "HasData",
            {"SourceType": "S3", "SourceArn": {"Ref": "StoreDataArn"}},
            {"Ref": "AWS::NoValue"},
        ]},
    })
}

fn function(deployment: &Deployment<'_>) -> Value {
    json!({
        "Name": deployment.function_name,
        "AutoPublish": true,
        "FunctionCode": deployment.function.source,
        "FunctionConfig": {
            "Comment": "Tollgate: names each request by its user and route",
            "Runtime": "cloudfront-js-2.0",
            "KeyValueStoreAssociations": [
                {"KeyValueStoreARN": {"Fn::GetAtt": ["Store", "Arn"]}},
            ],
        },
    })
}

fn cache_policy(deployment: &Deployment<'_>) -> Value {
    json!({"CachePolicyConfig": {
        "Name": format!("{}-{}-cache", deployment.target.name, deployment.target.variant),
        "Comment": "Tollgate: caches next to nothing, since hits are not counted",
        "MinTTL": 0,
        "DefaultTTL": 0,
        "MaxTTL": CACHE_S_MAX,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": false,
            "EnableAcceptEncodingBrotli": false,
            "HeadersConfig": {
                "HeaderBehavior": "whitelist",
                "Headers": cache_key_headers(deployment),
            },
            "CookiesConfig": {"CookieBehavior": "all"},
            "QueryStringsConfig": {"QueryStringBehavior": "all"},
        },
    }})
}

fn request_policy(deployment: &Deployment<'_>) -> Value {
    json!({"OriginRequestPolicyConfig": {
        "Name": format!("{}-{}-request", deployment.target.name, deployment.target.variant),
        "Comment": "Tollgate: everything that the viewer sent, but the name of the host",
        "HeadersConfig": {"HeaderBehavior": "allExcept", "Headers": ["host"]},
        "CookiesConfig": {"CookieBehavior": "all"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
    }})
}

fn web_acl(deployment: &Deployment<'_>) -> Value {
    let mut acl = deployment.web_acl.clone();
    put_lock(&mut acl);
    acl["Tags"] = tags(deployment);
    acl
}

/// The lock's secret is a parameter.
fn put_lock(value: &mut Value) {
    match value {
        Value::String(text) if text == LOCK_PLACEHOLDER => *value = json!({"Ref": "LockSecret"}),
        Value::Array(items) => items.iter_mut().for_each(put_lock),
        Value::Object(members) => members.values_mut().for_each(put_lock),
        _ => {}
    }
}

fn distribution(
    deployment: &Deployment<'_>,
    origin: &Value,
    has_function: bool,
    has_web_acl: bool,
) -> Value {
    let locked = deployment.target.variant.sets_id();
    let mut behind = json!({
        "Id": "behind",
        "DomainName": origin,
        "CustomOriginConfig": {
            "OriginProtocolPolicy": "https-only",
            "OriginSSLProtocols": ["TLSv1.2"],
        },
    });
    if locked {
        behind["OriginCustomHeaders"] =
            json!([{"HeaderName": LOCK_HEADER, "HeaderValue": {"Ref": "LockSecret"}}]);
    }
    let mut behavior = json!({
        "TargetOriginId": "behind",
        "ViewerProtocolPolicy": "https-only",
        "AllowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
        "CachePolicyId": {"Ref": "CachePolicy"},
        "OriginRequestPolicyId": {"Ref": "OriginRequestPolicy"},
        "Compress": false,
    });
    if has_function {
        behavior["FunctionAssociations"] = json!([{
            "EventType": "viewer-request",
            "FunctionARN": {"Fn::GetAtt": ["Function", "FunctionARN"]},
        }]);
    }
    let mut config = json!({
        "Enabled": true,
        "Comment": format!("Tollgate {}", deployment.target.variant),
        "HttpVersion": "http2and3",
        "Origins": [behind],
        "DefaultCacheBehavior": behavior,
    });
    if has_web_acl {
        config["WebACLId"] = json!({"Fn::GetAtt": ["WebAcl", "Arn"]});
    }
    json!({"DistributionConfig": config, "Tags": tags(deployment)})
}
