//! The formats, and how one is told from another.

use std::fmt;
use std::str::FromStr;

use crate::error::InsightError;
use crate::text::Spaced;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The gateway's own access log.
    Tollgate,
    /// CloudFront's standard logs: v1, and v2 as w3c or, with its fields named, plain.
    CloudFront,
    /// CloudFront's standard logs v2 as JSON.
    CloudFrontJson,
    /// API Gateway's access logs as JSON.
    ApiGateway,
    /// Access logs of an Application Load Balancer.
    Alb,
    /// nginx's `combined`, and the one with three fields more that the manual has.
    Nginx,
    /// Envoy's, and so Istio's, as JSON.
    Envoy,
}

const NAMES: [(&str, Format); 7] = [
    ("tollgate", Format::Tollgate),
    ("cloudfront", Format::CloudFront),
    ("cloudfront-json", Format::CloudFrontJson),
    ("api-gateway", Format::ApiGateway),
    ("alb", Format::Alb),
    ("nginx", Format::Nginx),
    ("envoy", Format::Envoy),
];

/// The first word of a line of ALB.
const ALB_TYPES: [&str; 6] = ["http", "https", "h2", "grpcs", "ws", "wss"];

impl Format {
    /// The format of a log, told from any one of its lines; `None` if it is none of these.
    #[must_use]
    pub fn detect(line: &str) -> Option<Self> {
        let line = line.trim_start();
        if line.starts_with("#Version:") || line.starts_with("#Fields:") {
            return Some(Self::CloudFront);
        }
        if line.starts_with('{') {
            return Self::of_json(line);
        }
        let fields: Vec<_> = Spaced::new(line).take(12).collect();
        let field = |index: usize| fields.get(index).map_or("", |field| field);
        if ALB_TYPES.contains(&field(0)) && field(1).contains('T') {
            return Some(Self::Alb);
        }
        let is_request = field(4).contains(' ') || field(4) == "-";
        (fields.len() >= 7 && field(3).contains('/') && is_request).then_some(Self::Nginx)
    }

    fn of_json(line: &str) -> Option<Self> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
        let has = |name: &str| object.contains_key(name);
        if has("time_unix_ms") {
            Some(Self::Tollgate)
        } else if has("start_time") {
            Some(Self::Envoy)
        } else if has("sc-status") || has("cs-method") {
            Some(Self::CloudFrontJson)
        } else if ["m", "httpMethod", "routeKey"].iter().any(|name| has(name)) {
            Some(Self::ApiGateway)
        } else {
            None
        }
    }
}

impl FromStr for Format {
    type Err = InsightError;

    fn from_str(text: &str) -> Result<Self, InsightError> {
        let named = NAMES.iter().find(|(name, _)| *name == text);
        named
            .map(|(_, format)| *format)
            .ok_or_else(|| InsightError::Unreadable {
                what: "the format",
                text: text.to_owned(),
                reason: "there are tollgate, cloudfront, cloudfront-json, api-gateway, alb, nginx and envoy",
            })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find(|(_, format)| format == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}
