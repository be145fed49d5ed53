//! Templates that deploy what was compiled: CloudFormation, Terraform, and events to try the
//! function with.
//!
//! What reaches what is behind CloudFront: a field that a function adds is forwarded only where a
//! policy names it (AWS: "otherwise, CloudFront removes this header"). The fields of the function are
//! named in the cache policy, whose fields are always forwarded; what the viewer sent comes by an
//! origin request policy for all but `Host`. `Authorization` cannot be named in an origin request
//! policy and is in the cache policy too.

mod authorizer;
mod check;
mod cloudformation;
mod events;
mod terraform;

use serde_json::{Value, json};

pub use check::{FolderError, check};

use crate::compile::Deployment;
use crate::target::Variant;

/// The CloudFormation template of a deployment.
pub const CLOUDFORMATION: &str = "template.json";
/// The template of a Lambda authorizer for it.
pub const AUTHORIZER: &str = "authorizer.json";

/// Files by their names in the folder.
#[must_use]
pub fn files(deployment: &Deployment<'_>) -> Vec<(String, String)> {
    let mut files = vec![
        (
            CLOUDFORMATION.to_owned(),
            pretty(&cloudformation::template(deployment)),
        ),
        (
            AUTHORIZER.to_owned(),
            pretty(&authorizer::template(deployment)),
        ),
    ];
    files.extend(terraform::module(deployment));
    files.extend(events::events(deployment));
    files
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Fields of the cache's key: what the function adds, so that it is forwarded, and who calls, so
/// that no answer for one is given to another.
fn cache_key_headers(deployment: &Deployment<'_>) -> Vec<String> {
    let policy = deployment.policy;
    let edge = policy.edge();
    let mut headers = vec!["authorization".to_owned()];
    headers.extend(deployment.forwarded_headers());
    if deployment.target.variant == Variant::Before {
        headers.push(deployment.id_header.clone());
    }
    let pass = edge.and_then(|edge| edge.pass.as_ref()?.header.clone());
    let key = policy.identity().api_keys.as_ref();
    headers.extend(pass);
    headers.extend(key.map(|keys| keys.header.clone()));
    headers
}

/// How long CloudFront may keep an answer, in seconds, against what the origin says. Fields can be
/// named only in the policy of a cache that is on; a second is the least, and hits within it are
/// not counted.
pub(crate) const CACHE_S_MAX: u64 = 1;

fn tags(deployment: &Deployment<'_>) -> Value {
    json!([{"Key": "tollgate", "Value": deployment.target.name}])
}
