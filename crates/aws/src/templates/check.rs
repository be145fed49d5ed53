//! Everything that AWS would refuse of a deployment and that no validator of templates sees.

use zeroize::Zeroizing;

use super::{cache_key_headers, cloudformation};
use crate::compile::Deployment;
use crate::function::{STORE_VALUE_BYTES_MAX, SubsetError, check_language};
use crate::store::STORE_KEY_BYTES_MAX;
use crate::target::Variant;

/// Fields that a function may not set (CloudFront answers 502), and those that belong to others.
const REFUSED: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];
/// What their names may not begin with.
const REFUSED_PREFIXES: [&str; 6] = [
    "proxy-",
    "x-accel-",
    "x-amz-cf-",
    "x-amzn-",
    "x-cache",
    "x-edge-",
];
/// The longest name of a field in a rule of WAF.
const WAF_NAME_BYTES_MAX: usize = 64;
/// The longest name of a function.
const FUNCTION_NAME_BYTES_MAX: usize = 64;
/// The most fields that a cache policy names.
const CACHE_HEADERS_MAX: usize = 10;

/// What AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The function's size or language.
    #[error(transparent)]
    Function(#[from] SubsetError),
    /// The function's name.
    #[error("`{0}` is no name of a function: 1 to 64 letters, digits, `-` and `_`")]
    FunctionName(String),
    /// A field that a function may not set, or WAF not read.
    #[error(
        "the field `{0}` cannot carry it: CloudFront refuses it or WAF does; choose another name"
    )]
    Header(String),
    /// A field that the function adds and no policy forwards.
    #[error("the field `{0}` would not reach what is behind: no policy names it")]
    NotForwarded(String),
    /// A key or value of the store.
    #[error("the entry `{key}` of the key-value store is too long: {bytes} bytes")]
    StoreEntry {
        /// Its key.
        key: String,
        /// The longer of key and value.
        bytes: usize,
    },
    /// More distributions in a row than AWS allows.
    #[error("{0} distributions in a row; CloudFront allows 2 and answers 403 beyond")]
    Chain(usize),
    /// A web ACL in the wrong scope.
    #[error("the web ACL has the scope {0}, and stands where the other one is needed")]
    Scope(String),
}

/// Checks a deployment with the data of its store.
///
/// # Errors
/// Everything that AWS would refuse.
pub fn check(
    deployment: &Deployment<'_>,
    store: &[(String, Zeroizing<String>)],
) -> Vec<FolderError> {
    let mut found = Vec::new();
    if let Err(error) = check_language(&deployment.function.source) {
        found.push(error.into());
    }
    let name = &deployment.function_name;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=FUNCTION_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(allowed) {
        found.push(FolderError::FunctionName(name.clone()));
    }
    let forwarded = cache_key_headers(deployment);
    let mut own = deployment.forwarded_headers();
    if !own.contains(&deployment.id_header) {
        own.push(deployment.id_header.clone());
    }
    for header in &own {
        if is_refused(header) {
            found.push(FolderError::Header(header.clone()));
        }
    }
    if forwarded.len() > CACHE_HEADERS_MAX {
        found.push(FolderError::NotForwarded(
            forwarded[CACHE_HEADERS_MAX].clone(),
        ));
    }
    if deployment.target.variant.sets_id() && !forwarded.contains(&deployment.id_header) {
        found.push(FolderError::NotForwarded(deployment.id_header.clone()));
    }
    for (key, value) in store {
        if key.len() > STORE_KEY_BYTES_MAX || value.len() > STORE_VALUE_BYTES_MAX {
            let bytes = key.len().max(value.len());
            found.push(FolderError::StoreEntry {
                key: key.clone(),
                bytes,
            });
        }
    }
    let template = cloudformation::template(deployment);
    let distributions = template["Resources"].as_object().map_or(0, |resources| {
        let kind = "AWS::CloudFront::Distribution";
        resources
            .values()
            .filter(|resource| resource["Type"] == kind)
            .count()
    });
    if distributions > 2 {
        found.push(FolderError::Chain(distributions));
    }
    let wanted = match deployment.target.variant {
        Variant::After => "REGIONAL",
        Variant::Before | Variant::Chained => "CLOUDFRONT",
    };
    if deployment.web_acl["Scope"] != wanted {
        found.push(FolderError::Scope(deployment.web_acl["Scope"].to_string()));
    }
    found
}

fn is_refused(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    REFUSED.contains(&header.as_str())
        || REFUSED_PREFIXES
            .iter()
            .any(|prefix| header.starts_with(prefix))
        || header.len() > WAF_NAME_BYTES_MAX
}

#[cfg(test)]
mod tests;
