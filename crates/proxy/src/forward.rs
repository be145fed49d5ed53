//! The request head as the origin gets it.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{
    CONNECTION, COOKIE, EXPECT, Entry, FORWARDED, HOST, HeaderName, HeaderValue, TE, VIA,
};
use http::request::Parts;
use http::{HeaderMap, Version};
use tollgate_engine::Decision;
use tollgate_engine::policy::{ForwardedStyle, ForwardingConfig};

use crate::context::ConnContext;
use crate::hop;
use crate::request_id::RequestId;
use crate::sanitise::{Facts, strip_forwarding};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Fields that a forwarded head may gain: identity, forwarding, identifier, `Via`.
const FIELDS_ADDED_MAX: usize = 9;
/// Bytes of a list that we lengthen by an entry of ours; longer ones are begun anew.
const LIST_BYTES_MAX: usize = 4 * 1024;

/// Turns the client's head into the origin's: connection fields out, verified identity and
/// forwarding fields in, and the path that was classified.
pub(crate) fn prepare(
    parts: &mut Parts,
    facts: Facts,
    decision: &Decision,
    conn: &ConnContext,
    http2_origin: bool,
) -> Option<RequestId> {
    let config = decision.snapshot.policy().forwarding();
    let headers = &mut parts.headers;
    if facts.hop_by_hop {
        hop::strip(headers);
    }
    if facts.expects_continue {
        // The client's wait is for us: we say 100 when the origin's connection takes the body.
        headers.remove(EXPECT);
    }
    if facts.te_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if !http2_origin {
            headers.insert(CONNECTION, HeaderValue::from_static("te"));
        }
    }
    if parts.version == Version::HTTP_2 && !http2_origin {
        join_cookies(headers);
    }
    // Grown once, for all that is added below.
    headers.reserve(FIELDS_ADDED_MAX);
    decision.forward_headers(headers);
    let trusted = decision.snapshot.trusts(conn.peer.ip());
    if facts.forwarding && !trusted {
        strip_forwarding(headers);
    }
    set_forwarding(headers, config, conn, facts.forwarding && trusted);
    if config.via {
        add_via(headers, parts.version);
    }
    let request_id = config.request_id.then(|| set_request_id(headers, conn));
    decision.path.apply(&mut parts.uri);
    request_id
}

fn set_forwarding(
    headers: &mut HeaderMap,
    config: &ForwardingConfig,
    conn: &ConnContext,
    keep: bool,
) {
    let (x, rfc) = match config.forwarded {
        ForwardedStyle::X => (true, false),
        ForwardedStyle::Rfc7239 => (false, true),
        ForwardedStyle::Both => (true, true),
        ForwardedStyle::Off => return,
    };
    let proto = if conn.tls { "https" } else { "http" };
    if x {
        append(headers, X_FORWARDED_FOR, conn.peer_text.clone(), keep);
        set_unless(headers, X_FORWARDED_PROTO, keep, || {
            Some(HeaderValue::from_static(proto))
        });
        let host = headers.get(HOST).cloned();
        set_unless(headers, X_FORWARDED_HOST, keep, || host);
    }
    if rfc && let Some(element) = forwarded_element(conn.peer.ip(), headers.get(HOST), proto) {
        append(headers, FORWARDED, element, keep);
    }
}

/// One element of `Forwarded` (RFC 7239 section 4).
fn forwarded_element(peer: IpAddr, host: Option<&HeaderValue>, proto: &str) -> Option<HeaderValue> {
    let mut text = String::with_capacity(64);
    // Writing to a String cannot fail.
    let _ = match peer {
        IpAddr::V4(peer) => write!(text, "for={peer}"),
        IpAddr::V6(peer) => write!(text, "for=\"[{peer}]\""),
    };
    if let Some(host) = host.and_then(|host| host.to_str().ok()) {
        // Canonical hosts need no escape; a colon or bracket needs the quotes.
        let _ = write!(text, ";host=\"{host}\"");
    }
    let _ = write!(text, ";proto={proto}");
    HeaderValue::from_str(&text).ok()
}

fn set_unless(
    headers: &mut HeaderMap,
    name: HeaderName,
    keep: bool,
    value: impl FnOnce() -> Option<HeaderValue>,
) {
    if keep && headers.contains_key(&name) {
        return;
    }
    if let Some(value) = value() {
        headers.insert(name, value);
    }
}

/// Adds an element at the end of a list field, which may come on several lines.
fn append(headers: &mut HeaderMap, name: HeaderName, element: HeaderValue, keep: bool) {
    match headers.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(element);
        }
        Entry::Occupied(mut entry) if keep => {
            let mut list = Vec::new();
            for line in entry.iter() {
                list.extend_from_slice(line.as_bytes());
                list.extend_from_slice(b", ");
            }
            if list.len() > LIST_BYTES_MAX {
                list.clear();
            }
            list.extend_from_slice(element.as_bytes());
            entry.insert(HeaderValue::from_bytes(&list).unwrap_or(element));
        }
        Entry::Occupied(mut entry) => {
            entry.insert(element);
        }
    }
}

/// Says that the message came through us (RFC 9110 section 7.6.3); `version` is the protocol
/// that it was received by.
pub(crate) fn add_via(headers: &mut HeaderMap, version: Version) {
    let via = match version {
        Version::HTTP_2 => HeaderValue::from_static("2.0 tollgate"),
        Version::HTTP_10 => HeaderValue::from_static("1.0 tollgate"),
        _ => HeaderValue::from_static("1.1 tollgate"),
    };
    append(headers, VIA, via, true);
}

fn set_request_id(headers: &mut HeaderMap, conn: &ConnContext) -> RequestId {
    if let Some(id) = headers.get(X_REQUEST_ID).and_then(RequestId::from_client) {
        return id;
    }
    let id = conn.worker.ids.next();
    headers.insert(X_REQUEST_ID, id.header());
    id
}

/// HTTP/2 may split `Cookie`; HTTP/1.1 must not (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let Entry::Occupied(mut entry) = headers.entry(COOKIE) else {
        return;
    };
    if entry.iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = entry.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        entry.insert(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_grow_at_the_end_and_only_if_believed() {
        let element = HeaderValue::from_static("9.9.9.9");
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("1.1.1.1"));
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("2.2.2.2"));
        append(&mut headers, X_FORWARDED_FOR, element.clone(), true);
        let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        assert_eq!(lines, ["1.1.1.1, 2.2.2.2, 9.9.9.9"]);
        append(&mut headers, X_FORWARDED_FOR, element, false);
        assert_eq!(headers[X_FORWARDED_FOR], "9.9.9.9");
    }

    #[test]
    fn forwarded_quotes_what_is_no_token() {
        let host = HeaderValue::from_static("a:81");
        let element = |peer: &str| forwarded_element(peer.parse().unwrap(), Some(&host), "http");
        assert_eq!(
            element("1.2.3.4").unwrap(),
            "for=1.2.3.4;host=\"a:81\";proto=http"
        );
        assert_eq!(
            element("::1").unwrap(),
            "for=\"[::1]\";host=\"a:81\";proto=http"
        );
    }
}
