//! Header fields that functions may not touch, and those that no function and no origin sees.

use http::HeaderName;

/// Functions may not add these.
const FORBIDDEN: [&str; 15] = [
    "connection",
    "expect",
    "keep-alive",
    "trailer",
    "upgrade",
    "x-amzn-auth",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-forwarded-proto",
    "x-real-ip",
];
/// Nor what begins so.
const FORBIDDEN_PREFIXES: [&str; 5] = ["proxy-", "x-accel-", "x-amz-cf-", "x-amzn-cf-", "x-edge-"];

/// Functions on viewer requests may not change these.
const READ_ONLY: [&str; 4] = ["content-length", "host", "transfer-encoding", "via"];

/// Of the connection, not of the request (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that only CloudFront itself sets: a client's are taken off.
const OWN: [&str; 2] = ["x-forwarded-proto", "x-real-ip"];
const OWN_PREFIXES: [&str; 2] = ["x-amz-cf-", "x-edge-"];

pub(super) fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.contains(&name) || begins(&FORBIDDEN_PREFIXES, name)
}

pub(super) fn is_read_only(name: &str) -> bool {
    READ_ONLY.contains(&name)
}

/// Whether a field is of the connection and is never sent on.
#[must_use]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(&name.as_str())
}

/// Whether a viewer's field is taken off before anything looks at the request.
#[must_use]
pub fn is_taken_off(name: &HeaderName) -> bool {
    let name = name.as_str();
    OWN.contains(&name) || begins(&OWN_PREFIXES, name)
}

fn begins(prefixes: &[&str], name: &str) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}
