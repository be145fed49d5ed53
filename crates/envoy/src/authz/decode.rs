//! Wire to engine: the attributes of a request to its head.

use std::net::IpAddr;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tollgate_engine::{RequestHead, hop_address};

use crate::messages::authz::{CheckRequest, HttpRequest, Peer, address};

/// Header fields of a request; Envoy itself takes 100 unless it is told otherwise.
const FIELDS_MAX: usize = 1_000;

/// A request as Envoy tells it.
#[derive(Debug)]
pub(super) struct Question {
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    peer: IpAddr,
}

/// Why a question is about no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unclear {
    #[error("the question holds text that is not UTF-8, or is nested too deeply")]
    Message,
    #[error("the question has no HTTP request")]
    NoRequest,
    #[error("the request's method is no token")]
    Method,
    #[error("the request's path cannot be read")]
    Path,
    #[error("a header field of the request cannot be read")]
    Field,
    #[error("the request has too many header fields")]
    TooManyFields,
    #[error("the question does not say which address the client's connection comes from")]
    NoPeer,
}

// === impl Question ===

impl Question {
    pub(super) fn read(request: &CheckRequest) -> Result<Self, Unclear> {
        let attributes = request.attributes.as_ref().ok_or(Unclear::NoRequest)?;
        let http = attributes.request.as_ref();
        let http = http
            .and_then(|request| request.http.as_ref())
            .ok_or(Unclear::NoRequest)?;
        let method = Method::from_bytes(http.method.as_bytes()).map_err(|_| Unclear::Method)?;
        let peer = attributes.source.as_ref().and_then(address_of);
        Ok(Self {
            method,
            target: target(&http.path)?,
            headers: headers(http)?,
            peer: peer.ok_or(Unclear::NoPeer)?,
        })
    }

    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            path: self.target.path(),
            query: self.target.query(),
            headers: &self.headers,
            peer: self.peer,
            certificate: None,
        }
    }
}

/// A `#` is read as the end by some and as a letter by others.
fn target(path: &str) -> Result<PathAndQuery, Unclear> {
    let is_path = path.starts_with('/') || path == "*";
    if !is_path || path.contains('#') {
        return Err(Unclear::Path);
    }
    PathAndQuery::try_from(path).map_err(|_| Unclear::Path)
}

/// Raw fields where there are any, each line for itself; else those that Envoy has joined.
fn headers(http: &HttpRequest) -> Result<HeaderMap, Unclear> {
    let raw = http.header_map.iter().flat_map(|map| &map.headers);
    let raw = raw.map(|field| {
        let value = match field.raw_value.is_empty() {
            true => field.value.as_bytes(),
            false => &field.raw_value,
        };
        (field.key.as_str(), value)
    });
    let joined = http.headers.iter();
    let joined = joined.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut headers = HeaderMap::with_capacity(http.headers.len().min(FIELDS_MAX));
    // What begins with a colon is the request line, which Envoy tells by itself.
    for (name, value) in raw.chain(joined).filter(|(name, _)| !name.starts_with(':')) {
        if headers.len() == FIELDS_MAX {
            return Err(Unclear::TooManyFields);
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unclear::Field)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| Unclear::Field)?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn address_of(peer: &Peer) -> Option<IpAddr> {
    match peer.address.as_ref()?.address.as_ref()? {
        address::Address::SocketAddress(socket) => hop_address(socket.address.as_bytes()),
        _ => None,
    }
}
