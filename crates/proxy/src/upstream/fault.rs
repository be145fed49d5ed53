//! What can go wrong between us and the origin.

use crate::request_body::UploadFailure;

/// Why no answer of the origin can be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginFault {
    /// No connection could be made.
    Connect,
    /// No connection could be made in time.
    ConnectTimeout,
    /// The connection broke before the answer's head.
    Broken,
    /// The answer's head did not come in time.
    AnswerTimeout,
    /// The answer is not HTTP as we understand it.
    Malformed,
    /// Every endpoint is out of service or full.
    NoEndpoint,
    /// The request itself broke off; the origin is not to blame.
    Request(UploadFailure),
}
