//! The strict HTTP/1.1 framing gate: judges every request head before hyper sees it.
//!
//! hyper is an HTTP library, not a gateway: it resolves `Content-Length` beside
//! `Transfer-Encoding` by dropping the former, accepts bare LF line ends and a missing `Host`.
//! Each of those is a way to make two servers disagree about where a request ends (RFC 9112
//! section 11.2, request smuggling). The gate sits between the socket and hyper, follows the
//! framing of the byte stream, and lets through only what has one reading.
//!
//! - [`head`]: one complete request head, judged without allocation.
//! - [`body`]: where a body ends, by length or by chunks.
//! - [`follow`]: both in turn over a stream; no I/O.
//! - [`gate`]: the reader and writer around the socket; [`clocks`]: its waits.

pub(crate) mod body;
pub(crate) mod clocks;
pub(crate) mod follow;
pub(crate) mod gate;
pub(crate) mod head;
pub(crate) mod refusal;
#[cfg(test)]
mod tests;
