//! The events that API Gateway sends to an authorizer, as far as they are read.
//!
//! Types of our own: the three shapes have a dozen fields between them that matter. Those of
//! `aws_lambda_events` have each shape whole with everything optional all the same, would leave every
//! check to be done, and bring a dependency for it. Their fixtures are what the tests read.

use std::collections::BTreeMap;

use serde::Deserialize;

/// All shapes at once; which one it is, `type` and `version` tell.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(crate) struct RawEvent {
    pub(crate) version: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// `TOKEN` only: the value of the field that the authorizer names.
    pub(crate) authorization_token: Option<String>,
    pub(crate) method_arn: Option<String>,
    /// Payload 2.0's name for the same.
    pub(crate) route_arn: Option<String>,
    /// Payload 2.0: `GET /orders/{id}`, `ANY /x` or `$default`.
    pub(crate) route_key: Option<String>,
    pub(crate) raw_path: Option<String>,
    /// The template, `/orders/{id}`; in payload 1.0 perhaps `$default`.
    pub(crate) resource: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) http_method: Option<String>,
    pub(crate) cookies: Option<Vec<String>>,
    pub(crate) headers: Option<BTreeMap<String, Option<String>>>,
    pub(crate) multi_value_headers: Option<BTreeMap<String, Option<Vec<String>>>>,
    pub(crate) request_context: RawContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawContext {
    pub(crate) stage: Option<String>,
    pub(crate) api_id: Option<String>,
    pub(crate) domain_prefix: Option<String>,
    pub(crate) route_key: Option<String>,
    pub(crate) identity: Option<RawIdentity>,
    pub(crate) http: Option<RawHttp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawIdentity {
    pub(crate) source_ip: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawHttp {
    pub(crate) method: Option<String>,
    pub(crate) source_ip: Option<String>,
}
