//! What a line says about one request.

use std::borrow::Cow;

/// The most bytes of one request in one direction: 2^38, 256 GiB. A line that says more is none of a
/// request.
pub const BYTES_MAX: u64 = 1 << 38;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was let through.
    Admitted,
    /// A limit refused it.
    Limited,
    /// It came to nothing for another reason.
    Refused,
    /// The gateway answered it itself and free of charge: no usage.
    Free,
}

/// One request, as far as a log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'l> {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The method as sent.
    pub method: Cow<'l, str>,
    /// The path without query, as sent.
    pub path: Cow<'l, str>,
    /// The name of the route, where the log has it.
    pub route: Option<Cow<'l, str>>,
    /// What became of it.
    pub fate: Fate,
    /// Bytes from the client; 0 where the log does not tell.
    pub bytes_in: u64,
    /// Bytes to the client; 0 where the log does not tell.
    pub bytes_out: u64,
    /// Who, in the column that was named.
    pub subject: Option<Cow<'l, str>>,
    /// For which account, in the column that was named.
    pub account: Option<Cow<'l, str>>,
    /// On which plan.
    pub plan: Option<Cow<'l, str>>,
}
