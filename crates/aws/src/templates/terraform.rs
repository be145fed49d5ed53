//! The same as a Terraform module.
//!
//! The web ACL is converted by rule: a key of the API in snake case is a block or an argument of
//! the provider, but for the few that are named otherwise.

use std::fmt::Write as _;

use serde_json::Value;

use super::{CACHE_S_MAX, cache_key_headers};
use crate::compile::Deployment;
use crate::rules::{LOCK_HEADER, LOCK_PLACEHOLDER};
use crate::target::Variant;

pub(super) fn module(deployment: &Deployment<'_>) -> Vec<(String, String)> {
    let mut main = String::from(HEAD);
    let name = format!("{}-{}", deployment.target.name, deployment.target.variant);
    if deployment.target.variant != Variant::After {
        main.push_str(IN_US_EAST_1);
    }
    main.push_str(&shared(deployment, &name));
    main.push_str(&web_acl(deployment));
    let origin = "var.origin_domain_name";
    match deployment.target.variant {
        Variant::After => {
            main.push_str(&distribution(deployment, "edge", origin, true, false));
            main.push_str(
                "\nresource \"aws_wafv2_web_acl_association\" \"tollgate\" {\n  resource_arn = var.protected_resource_arn\n  web_acl_arn  = aws_wafv2_web_acl.tollgate.arn\n}\n",
            );
        }
        Variant::Before => main.push_str(&distribution(deployment, "edge", origin, true, true)),
        Variant::Chained => {
            main.push_str(&distribution(deployment, "counting", origin, false, true));
            let second = "aws_cloudfront_distribution.counting.domain_name";
            main.push_str(&distribution(deployment, "edge", second, true, false));
        }
    }
    vec![
        ("terraform/main.tf".to_owned(), main),
        (
            "terraform/variables.tf".to_owned(),
            variables(deployment.target.variant),
        ),
        ("terraform/outputs.tf".to_owned(), OUTPUTS.to_owned()),
        (
            "terraform/function.js".to_owned(),
            deployment.function.source.clone(),
        ),
    ]
}

const HEAD: &str = r#"# Written by `tollgate compile aws`; change the policy, not this file.
# The data of the key-value store is not here: it holds secrets, and a state file keeps what it sees.
# Fill the store with kvs.json when it stands (docs/aws.md).
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
"#;

const OUTPUTS: &str = r#"output "domain_name" {
  value = aws_cloudfront_distribution.edge.domain_name
}

output "store_arn" {
  value = aws_cloudfront_key_value_store.tollgate.arn
}
"#;

/// What a variable has that is a secret, and becomes the value of a header field.
const SECRET: &str = r#"  sensitive   = true
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,200}$", var.lock_secret))
    error_message = "The lock's secret has 32 to 200 letters, digits, - and _."
  }
"#;

/// A web ACL of CloudFront exists in one region only (AWS).
const IN_US_EAST_1: &str = r#"
data "aws_region" "current" {
  lifecycle {
    postcondition {
      condition     = self.name == "us-east-1"
      error_message = "A web ACL for CloudFront is made in us-east-1: give this module a provider of that region."
    }
  }
}
"#;

fn variables(variant: Variant) -> String {
    let mut text = String::new();
    let mut add = |name: &str, what: &str, is_secret: bool| {
        let hidden = if is_secret { SECRET } else { "" };
        let _ = write!(
            text,
            "variable \"{name}\" {{\n  type        = string\n  description = \"{what}\"\n{hidden}}}\n\n"
        );
    };
    add(
        "origin_domain_name",
        "The domain name of what stands behind",
        false,
    );
    if variant.sets_id() {
        add(
            "lock_secret",
            "What CloudFront tells the web ACL behind it; 32 to 200 letters, digits, - and _",
            true,
        );
    }
    if variant == Variant::After {
        add(
            "protected_resource_arn",
            "ARN of the resource that WAF protects",
            false,
        );
    }
    text.trim_end().to_owned() + "\n"
}

fn shared(deployment: &Deployment<'_>, name: &str) -> String {
    let headers: Vec<String> = cache_key_headers(deployment)
        .iter()
        .map(|header| quoted(header))
        .collect();
    let headers = headers.join(", ");
    format!(
        r#"
resource "aws_cloudfront_key_value_store" "tollgate" {{
  name    = "{name}"
  comment = "Tollgate: keys of ids and passes, secrets of issuers, routes"
}}

resource "aws_cloudfront_function" "tollgate" {{
  name                         = "{function}"
  runtime                      = "cloudfront-js-2.0"
  comment                      = "Tollgate: names each request by its user and route"
  publish                      = true
  code                         = file("${{path.module}}/function.js")
  key_value_store_associations = [aws_cloudfront_key_value_store.tollgate.arn]

  # A function that failed stays throttled by its name: a new one stands before the old one goes.
  lifecycle {{
    create_before_destroy = true
  }}
}}

resource "aws_cloudfront_cache_policy" "tollgate" {{
  name        = "{name}-cache"
  comment     = "Tollgate: caches next to nothing, since hits are not counted"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = {CACHE_S_MAX}

  parameters_in_cache_key_and_forwarded_to_origin {{
    headers_config {{
      header_behavior = "whitelist"
      headers {{
        items = [{headers}]
      }}
    }}
    cookies_config {{
      cookie_behavior = "all"
    }}
    query_strings_config {{
      query_string_behavior = "all"
    }}
  }}
}}

resource "aws_cloudfront_origin_request_policy" "tollgate" {{
  name    = "{name}-request"
  comment = "Tollgate: everything that the viewer sent, but the name of the host"

  headers_config {{
    header_behavior = "allExcept"
    headers {{
      items = ["host"]
    }}
  }}
  cookies_config {{
    cookie_behavior = "all"
  }}
  query_strings_config {{
    query_string_behavior = "all"
  }}
}}
"#,
        function = deployment.function_name,
    )
}

fn distribution(
    deployment: &Deployment<'_>,
    name: &str,
    origin: &str,
    has_function: bool,
    has_web_acl: bool,
) -> String {
    let lock = if deployment.target.variant.sets_id() {
        format!(
            "    custom_header {{\n      name  = \"{LOCK_HEADER}\"\n      value = var.lock_secret\n    }}\n"
        )
    } else {
        String::new()
    };
    let function = if has_function {
        "    function_association {\n      event_type   = \"viewer-request\"\n      function_arn = aws_cloudfront_function.tollgate.arn\n    }\n"
    } else {
        ""
    };
    let acl = if has_web_acl {
        "  web_acl_id   = aws_wafv2_web_acl.tollgate.arn\n"
    } else {
        ""
    };
    format!(
        r#"
resource "aws_cloudfront_distribution" "{name}" {{
  enabled      = true
  http_version = "http2and3"
  comment      = "Tollgate {variant}"
{acl}
  origin {{
    origin_id   = "behind"
    domain_name = {origin}
    custom_origin_config {{
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }}
{lock}  }}

  default_cache_behavior {{
    target_origin_id         = "behind"
    viewer_protocol_policy   = "https-only"
    allowed_methods          = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
    cached_methods           = ["GET", "HEAD"]
    cache_policy_id          = aws_cloudfront_cache_policy.tollgate.id
    origin_request_policy_id = aws_cloudfront_origin_request_policy.tollgate.id
{function}  }}

  restrictions {{
    geo_restriction {{
      restriction_type = "none"
    }}
  }}

  viewer_certificate {{
    cloudfront_default_certificate = true
  }}
}}
"#,
        variant = deployment.target.variant,
    )
}

fn web_acl(deployment: &Deployment<'_>) -> String {
    let mut out = String::from("\nresource \"aws_wafv2_web_acl\" \"tollgate\" {\n");
    let acl = &deployment.web_acl;
    for key in ["Name", "Scope", "DefaultAction", "VisibilityConfig"] {
        write_member(key, &acl[key], 1, &mut out);
    }
    if let Some(bodies) = acl["CustomResponseBodies"].as_object() {
        for (key, body) in bodies {
            out.push_str("  custom_response_body {\n");
            let _ = writeln!(out, "    key = {}", quoted(key));
            write_members(body, 2, &mut out);
            out.push_str("  }\n");
        }
    }
    for rule in acl["Rules"].as_array().into_iter().flatten() {
        write_member("Rule", rule, 1, &mut out);
    }
    out.push_str("}\n");
    out
}

fn write_members(value: &Value, depth: usize, out: &mut String) {
    for (key, value) in value.as_object().into_iter().flatten() {
        write_member(key, value, depth, out);
    }
}

/// A scalar is an argument, an object a block, a list of objects a block for each.
fn write_member(key: &str, value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Array(items) if key == "Statements" => {
            for item in items {
                write_member("Statement", item, depth, out);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            let _ = writeln!(out, "{pad}{} = [{}]", snake_case(key), items.join(", "));
        }
        Value::Array(items) => {
            for item in items {
                write_member(singular(key), item, depth, out);
            }
        }
        Value::Object(_) => {
            let _ = writeln!(out, "{pad}{} {{", snake_case(key));
            write_members(value, depth + 1, out);
            let _ = writeln!(out, "{pad}}}");
        }
        Value::String(text) if text == LOCK_PLACEHOLDER => {
            let _ = writeln!(out, "{pad}{} = var.lock_secret", snake_case(key));
        }
        Value::String(text) => {
            let _ = writeln!(out, "{pad}{} = {}", snake_case(key), quoted(text));
        }
        other => {
            let _ = writeln!(out, "{pad}{} = {other}", snake_case(key));
        }
    }
}

/// What the provider calls one of a list.
fn singular(key: &str) -> &str {
    match key {
        "CustomKeys" => "CustomKey",
        "TextTransformations" => "TextTransformation",
        "ResponseHeaders" => "ResponseHeader",
        "RuleLabels" => "RuleLabel",
        other => other,
    }
}

/// `ForwardedIPConfig` is `forwarded_ip_config`, `CloudWatchMetricsEnabled` has its own name.
fn snake_case(key: &str) -> String {
    match key {
        "CloudWatchMetricsEnabled" => return "cloudwatch_metrics_enabled".to_owned(),
        "ForwardedIPConfig" => return "forwarded_ip_config".to_owned(),
        "IP" => return "ip".to_owned(),
        _ => {}
    }
    let mut out = String::new();
    for (index, char) in key.chars().enumerate() {
        if char.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(char.to_ascii_lowercase());
    }
    out
}

/// A text of HCL: JSON's escapes, and nothing is a template.
fn quoted(text: &str) -> String {
    Value::from(text)
        .to_string()
        .replace("${", "$${")
        .replace("%{", "%%{")
}
