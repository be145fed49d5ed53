//! CloudFront's event, version 1.0: a request's head as a function sees it, and what it returns.
//!
//! - [`viewer_request`]: the head of an HTTP request → the event
//! - [`returned`]: what the function returned → the request to send on, or an answer
//!
//! Where a returned object is one that CloudFront refuses, [`EventError`] says why; the client gets
//! 502.

mod decode;
mod encode;
mod names;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{Response, request};

pub use self::decode::returned;
pub use self::encode::{Viewer, viewer_request};
pub use self::names::{is_hop_by_hop, is_taken_off};

/// What a function wants to happen.
#[derive(Debug)]
pub enum Returned {
    /// The request goes on so.
    Request(request::Parts),
    /// The function answers itself.
    Response(Response<Bytes>),
}

/// Why CloudFront would not take what a function returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// A field that functions may not set.
    #[error("the function set the header field `{name}`, which CloudFront forbids to functions")]
    Forbidden {
        /// Its name.
        name: String,
    },
    /// A field that functions may read only.
    #[error(
        "the function changed the header field `{name}`, which is read-only in a viewer request"
    )]
    ReadOnly {
        /// Its name.
        name: String,
    },
    /// A cookie in a place where CloudFront does not look for it.
    #[error("the function set the header field `{name}`; cookies belong in `cookies`")]
    Cookie {
        /// `cookie` or `set-cookie`.
        name: String,
    },
    /// The method, which is read-only.
    #[error("the function changed the method")]
    Method,
    /// A part of the wrong shape.
    #[error("the function returned `{part}` as {found}, not as {expected}")]
    Shape {
        /// Which.
        part: String,
        /// What CloudFront's event has there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
}
