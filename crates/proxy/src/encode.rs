//! Answers as the client gets them: the origin's, the engine's, and the gateway's own.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::body::Body;
use crate::forward::add_via;
use crate::hop;
use crate::observe::Record;
use crate::upstream::worker_endpoint::Lease;

/// The origin's answer, with what we have to say about limits.
pub(crate) fn forwarded(
    response: Response<Incoming>,
    lease: Lease,
    mut record: Box<Record>,
    body_idle: Duration,
) -> Response<Body> {
    let (mut parts, incoming) = response.into_parts();
    hop::strip(&mut parts.headers);
    add_fields(&mut parts.headers, &record, parts.version);
    // The answer's version is the client connection's affair, and hyper's.
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    record.exchange.status = parts.status.as_u16();
    record.exchange.endpoint = Some(lease.endpoint().index);
    Response::from_parts(parts, Body::origin(incoming, lease, record, body_idle))
}

/// The fields that the gateway adds to an answer of the origin's.
pub(crate) fn add_fields(headers: &mut HeaderMap, record: &Record, received: Version) {
    if let Some(decision) = &record.exchange.decision {
        decision.response_headers(headers);
        if decision.snapshot.policy().forwarding().via {
            add_via(headers, received);
        }
    }
}

/// An answer of our own.
pub(crate) fn own(response: Response<Bytes>, mut record: Box<Record>) -> Response<Body> {
    record.exchange.status = response.status().as_u16();
    response.map(|bytes| Body::whole(bytes, record))
}

/// Tells an HTTP/1.1 client that the connection ends with this answer.
pub(crate) fn close<B>(response: &mut Response<B>) {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Whether an answer of the origin's has one reading: no switch that nobody asked for, and one
/// length only (RFC 9112 section 6.1).
pub(crate) fn is_sound(response: &Response<Incoming>) -> bool {
    let headers = response.headers();
    let two_lengths =
        headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH);
    !two_lengths && !is_switch(response.status())
}

/// Whether an answer switches protocols; where nobody asked, it is no answer (RFC 9110 section
/// 15.2.2).
pub(crate) fn is_switch(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS
}
