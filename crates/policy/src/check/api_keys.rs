//! API keys: which field may carry one, and whose names no issuer may have.

use super::Check;
use crate::codes;
use crate::findings::Finding;
use crate::identity::ApiKeysConfig;
use crate::node::At;
use crate::raw::{HeaderName, RawApiKeys};

const HEADER_DEFAULT: &str = "x-api-key";

/// Fields that mean something else to the gateway, to other hops or to the origin.
const TAKEN: [&str; 12] = [
    "cookie",
    "expect",
    "forwarded",
    "max-forwards",
    "origin",
    "proxy-authorization",
    "range",
    "traceparent",
    "tracestate",
    "via",
    "x-real-ip",
    "x-request-id",
];

/// Families of such fields.
const TAKEN_PREFIXES: [&str; 5] = [
    "access-control-",
    "x-forwarded-",
    "x-tollgate-",
    "ratelimit",
    "x-ratelimit-",
];

impl Check<'_, '_> {
    pub(super) fn api_keys(&mut self, raw: RawApiKeys) -> ApiKeysConfig {
        if let Some(At { span, value }) = &raw.header {
            let name = value.0.as_str();
            let in_family = TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if in_family || TAKEN.contains(&name) {
                self.error(
                    Finding::error(
                        codes::HEADER,
                        *span,
                        format!("header field `{name}` cannot carry an API key"),
                    )
                    .label("it means something else already")
                    .help(format!(
                        "choose another name, for example `{HEADER_DEFAULT}`"
                    )),
                );
            }
        }
        let written = raw.header.map(
            |At {
                 value: HeaderName(name),
                 ..
             }| name,
        );
        ApiKeysConfig {
            header: written.unwrap_or_else(|| HEADER_DEFAULT.to_owned()),
            file: self.file(&raw.file.0),
        }
    }
}
