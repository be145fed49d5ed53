//! What a frontend knows of a request before it is decided.

use std::net::IpAddr;

use http::{HeaderMap, Method};
use tollgate_identity::ClientCertificate;

/// A request's head, borrowed from the frontend.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method as sent; methods are case-sensitive (RFC 9110, 9.1).
    pub method: &'a Method,
    /// The path as sent, without the query.
    pub path: &'a str,
    /// The query as sent, without the question mark.
    pub query: Option<&'a str>,
    /// All header fields.
    pub headers: &'a HeaderMap,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
    /// The certificate that the client showed at the handshake, from
    /// [`crate::Engine::client_certificate`]; only one that was verified.
    pub certificate: Option<&'a ClientCertificate>,
}

impl RequestHead<'_> {
    /// True for a CORS preflight: a browser's own question, which carries no token by design
    /// (Fetch standard, 4.8).
    #[must_use]
    pub fn is_preflight(&self) -> bool {
        self.method == Method::OPTIONS
            && self.headers.contains_key(http::header::ORIGIN)
            && self
                .headers
                .contains_key(http::header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// True when the caller speaks gRPC and wants its errors as gRPC status.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
    }
}
