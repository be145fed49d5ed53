//! Hop-by-hop fields: what belongs to one connection and must not cross the gateway
//! (RFC 9110 section 7.6.1).

use http::HeaderMap;
use http::header::{
    CONNECTION, EXPECT, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Nominations in `Connection` that mean something to the connection itself.
const OPTIONS: [&str; 4] = ["close", "keep-alive", "te", "upgrade"];

/// Fields whose removal would change whom a request is for, who sent it, or where it ends.
/// A client that nominates one wants to use us against the origin (CVE-2025-48865).
const PROTECTED: [&str; 21] = [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "max-forwards",
    "origin",
    "range",
    "set-cookie",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "via",
    "x-api-key",
    "x-real-ip",
    "x-request-id",
];

/// Families protected whole.
const PROTECTED_PREFIXES: [&str; 4] = ["x-forwarded-", "x-tollgate-", "ratelimit", "x-ratelimit"];

/// Trailer fields that must not be merged into a head (RFC 9110 section 6.5.1).
const NO_TRAILERS: [HeaderName; 10] = [
    CONNECTION,
    EXPECT,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    http::header::MAX_FORWARDS,
];

/// The tokens of a `Connection` field's value, not yet checked.
pub(crate) fn nominations(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// Whether no `Connection` may nominate this field. `_` counts as `-`, because origins that map
/// fields to variables cannot tell them apart.
pub(crate) fn is_protected(token: &[u8]) -> bool {
    PROTECTED.iter().any(|name| same(name, token))
        || PROTECTED_PREFIXES.iter().any(|prefix| {
            token
                .get(..prefix.len())
                .is_some_and(|head| same(prefix, head))
        })
}

fn same(known: &str, token: &[u8]) -> bool {
    known.len() == token.len()
        && known
            .bytes()
            .zip(token)
            .all(|(a, b)| a == b.to_ascii_lowercase() || (a == b'-' && *b == b'_'))
}

/// Whether a field belongs to the connection that its message came by.
///
/// Compares with fields that the `http` crate knows by number first: nearly every field of
/// nearly every message is one of those, or of ours, and is done after a few comparisons.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    *name == CONNECTION
        || *name == TRANSFER_ENCODING
        || *name == TE
        || *name == UPGRADE
        || *name == PROXY_AUTHORIZATION
        || *name == PROXY_AUTHENTICATE
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
}

/// Removes what belongs to the connection that the message came by.
pub(crate) fn strip(headers: &mut HeaderMap) {
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    strip_nominated(headers);
    // Once `Connection` is gone there is mostly nothing left to look for.
    if headers.keys().any(is_hop_by_hop) {
        for name in [
            KEEP_ALIVE,
            PROXY_CONNECTION,
            TE,
            TRANSFER_ENCODING,
            UPGRADE,
            PROXY_AUTHORIZATION,
            PROXY_AUTHENTICATE,
        ] {
            headers.remove(name);
        }
    }
}

/// Removes `Connection` and the fields that it nominates.
fn strip_nominated(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(nominations)
        .filter(|token| !OPTIONS.iter().any(|option| same(option, token)) && !is_protected(token))
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        // Collecting nothing allocates nothing.
        .collect();
    headers.remove(CONNECTION);
    for name in nominated {
        headers.remove(name);
    }
}

/// Removes from a request's trailers what an origin could mistake for part of the head; `is_ours`
/// knows the names that the policy chose.
pub(crate) fn strip_request_trailers(
    trailers: &mut HeaderMap,
    is_ours: impl Fn(&HeaderName) -> bool,
) {
    let unfit: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| {
            NO_TRAILERS.contains(name) || is_protected(name.as_str().as_bytes()) || is_ours(name)
        })
        .cloned()
        .collect();
    for name in unfit {
        trailers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_connections_own_fields_go_and_the_rest_stays() {
        let mut map = headers(&[
            ("connection", "keep-alive, x-hop ,"),
            ("connection", "X-Two"),
            ("x-hop", "1"),
            ("x-two", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("trailer", "x-sum"),
            ("x-stays", "1"),
        ]);
        strip(&mut map);
        assert_eq!(names(&map), ["trailer", "x-stays"]);
    }

    #[test]
    fn an_origin_cannot_nominate_away_what_is_protected() {
        let mut map = headers(&[
            ("connection", "set-cookie, cache-control"),
            ("set-cookie", "a=b"),
            ("cache-control", "no-store"),
        ]);
        strip(&mut map);
        assert_eq!(names(&map), ["cache-control", "set-cookie"]);
    }

    #[test]
    fn identity_framing_and_forwarding_fields_are_protected_in_any_spelling() {
        for name in [
            "Host",
            "authorization",
            "X-Forwarded-For",
            "x_forwarded_for",
            "X-Tollgate-Subject",
            "x_tollgate_user",
            "RateLimit",
            "RateLimit-Policy",
            "cookie",
            "content-length",
            "transfer-encoding",
        ] {
            assert!(is_protected(name.as_bytes()), "{name}");
        }
        for name in ["x-hop", "http2-settings", "te", "close", "keep-alive"] {
            assert!(!is_protected(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn trailers_cannot_pass_for_a_head() {
        let mut map = headers(&[
            ("authorization", "x"),
            ("content-length", "5"),
            ("x_tollgate_plan", "gold"),
            ("x-edge-id", "gold.k1.x"),
            ("x-checksum", "1"),
        ]);
        strip_request_trailers(&mut map, |name| name == "x-edge-id");
        assert_eq!(names(&map), ["x-checksum"]);
    }
}
