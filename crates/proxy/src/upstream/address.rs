//! Whom a request is addressed to, in the words of each protocol version.

use http::header::HOST;
use http::uri::{Authority, Parts as UriParts};
use http::{Request, Uri, Version};

use super::origin::OriginEndpoint;
use crate::request_body::RequestBody;

/// HTTP/1.1: origin-form, and `Host`; the endpoint's own if the client's is not to be passed on
/// or there was none (HTTP/1.0).
pub(crate) fn h1(request: &mut Request<RequestBody>, endpoint: &OriginEndpoint, pass_host: bool) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    }
    if !pass_host || !request.headers().contains_key(HOST) {
        let host = endpoint.host_header.clone();
        request.headers_mut().insert(HOST, host);
    }
}

/// HTTP/2 carries the host in `:authority` (RFC 9113 section 8.3.1).
pub(crate) fn h2(request: &mut Request<RequestBody>, endpoint: &OriginEndpoint, pass_host: bool) {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let passed = host
        .filter(|_| pass_host)
        .and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = UriParts::default();
    parts.scheme = Some(endpoint.scheme());
    // A second attempt finds the host where the first one put it.
    parts.authority = passed
        .or_else(|| request.uri().authority().filter(|_| pass_host).cloned())
        .or_else(|| Some(endpoint.authority.clone()));
    parts.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}
