//! The head of an HTTP request → the event that a function is called with.

use std::net::IpAddr;

use http::{HeaderMap, header, request};
use serde_json::{Map, Value, json};

use super::names::is_hop_by_hop;

/// Where a request came from, and its number.
#[derive(Clone, Debug)]
pub struct Viewer<'a> {
    /// The client's address.
    pub ip: IpAddr,
    /// Unique for each request.
    pub request_id: &'a str,
}

/// The event of a viewer request.
///
/// Names are in lower case, a field that is there twice has both under `multiValue`, cookies are
/// apart. Names and values of the query stay encoded as they came.
#[must_use]
pub fn viewer_request(head: &request::Parts, viewer: &Viewer<'_>) -> Value {
    json!({
        "version": "1.0",
        "context": {
            "distributionDomainName": "local.cloudfront.test",
            "distributionId": "ELOCAL",
            "eventType": "viewer-request",
            "requestId": viewer.request_id,
        },
        "viewer": { "ip": viewer.ip.to_string() },
        "request": {
            "method": head.method.as_str(),
            "uri": head.uri.path(),
            "querystring": query(head.uri.query().unwrap_or_default()),
            "headers": fields(&head.headers),
            "cookies": cookies(&head.headers),
        },
    })
}

/// `a=1&b` as an object of values.
pub(super) fn query(text: &str) -> Value {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    collected(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

pub(super) fn fields(headers: &HeaderMap) -> Value {
    let seen = headers
        .iter()
        .filter(|(name, _)| !is_hop_by_hop(name) && *name != header::COOKIE);
    // Bytes beyond ASCII (RFC 9110 section 5.5 calls them opaque) become U+FFFD.
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    collected(seen.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))))
}

pub(super) fn cookies(headers: &HeaderMap) -> Value {
    let values = headers.get_all(header::COOKIE).into_iter();
    let texts: Vec<String> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let pairs = texts.iter().flat_map(|text| text.split(';'));
    let pairs = pairs.map(str::trim).filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    collected(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// `{name: {value}}`, and `multiValue` beside it for a name that comes again.
fn collected(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in pairs {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => all.push((name, vec![value])),
        }
    }
    let object = all.into_iter().map(|(name, values)| {
        let mut field = json!({ "value": values.first() });
        if values.len() > 1 {
            let each = values.iter().map(|value| json!({ "value": value }));
            field["multiValue"] = each.collect();
        }
        (name, field)
    });
    Value::Object(object.collect::<Map<String, Value>>())
}
