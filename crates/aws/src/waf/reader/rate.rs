//! Rate-based statements and the keys that they count by.

use super::{At, statement};
use crate::waf::error::WafError;
use crate::waf::model::{RateBased, RateKey};

/// Where `EvaluationWindowSec` is not written.
const WINDOW_DEFAULT_S: u64 = 300;

const KEYS: &[&str] = &[
    "Header",
    "Cookie",
    "QueryArgument",
    "QueryString",
    "UriPath",
    "HTTPMethod",
    "IP",
    "ForwardedIP",
    "LabelNamespace",
    "JA3Fingerprint",
    "JA4Fingerprint",
    "ASN",
];

pub(super) fn rate_based(at: &At<'_>) -> Result<RateBased, WafError> {
    at.only(
        "key of a rate-based statement",
        &[
            "Limit",
            "EvaluationWindowSec",
            "AggregateKeyType",
            "CustomKeys",
            "ForwardedIPConfig",
            "ScopeDownStatement",
        ],
    )?;
    let window = at.get("EvaluationWindowSec");
    let scope_down = at.get("ScopeDownStatement");
    let keys = at.items("CustomKeys")?;
    Ok(RateBased {
        limit: at.need("Limit")?.number()?,
        window_s: match window {
            Some(window) => window.number()?,
            None => WINDOW_DEFAULT_S,
        },
        aggregate: at.need("AggregateKeyType")?.word()?,
        keys: keys.iter().map(rate_key).collect::<Result<_, _>>()?,
        forwarded: statement::forwarded(at)?,
        scope_down: scope_down
            .map(|found| statement::statement(&found))
            .transpose()?,
    })
}

fn rate_key(outer: &At<'_>) -> Result<RateKey, WafError> {
    let (kind, at) = outer.one_of("custom key", KEYS)?;
    let transformations = || statement::transformations(&at);
    let name = || at.need("Name")?.text();
    Ok(match kind {
        "Header" => RateKey::Header {
            name: name()?,
            transformations: transformations()?,
        },
        "Cookie" => RateKey::Cookie {
            name: name()?,
            transformations: transformations()?,
        },
        "QueryArgument" => RateKey::QueryArgument {
            name: name()?,
            transformations: transformations()?,
        },
        "QueryString" => RateKey::QueryString {
            transformations: transformations()?,
        },
        "UriPath" => RateKey::UriPath {
            transformations: transformations()?,
        },
        "HTTPMethod" => RateKey::HttpMethod,
        "IP" => RateKey::Ip,
        "ForwardedIP" => RateKey::ForwardedIp,
        "LabelNamespace" => RateKey::LabelNamespace {
            namespace: at.need("Namespace")?.text()?,
        },
        "JA3Fingerprint" => RateKey::Ja3Fingerprint {
            fallback: at.need("FallbackBehavior")?.word()?,
        },
        "JA4Fingerprint" => RateKey::Ja4Fingerprint {
            fallback: at.need("FallbackBehavior")?.word()?,
        },
        // The last of the known kinds.
        _ => RateKey::Asn,
    })
}
