//! What is told to the caller, and what is added for the origin.

/// The `responses` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseConfig {
    /// Which rate-limit fields answers carry.
    pub style: HeaderStyle,
    /// The path where a caller asks for its own limits; `/rate_limit` unless configured, `None` when off.
    pub rate_limit_path: Option<String>,
    /// The `realm` of `WWW-Authenticate`; `tollgate` unless configured.
    pub realm: String,
}

/// Which rate-limit fields answers carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderStyle {
    /// `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10.
    #[default]
    Draft10,
    /// `RateLimit-Limit`, `-Remaining` and `-Reset` of draft 03.
    Draft03,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    XRateLimit {
        /// What `-Reset` says.
        reset: ResetStyle,
    },
    /// GitHub's: `X-RateLimit-*` with `-Used` and `-Resource`, reset in epoch seconds.
    GitHub,
    /// No such fields; `Retry-After` stays.
    None,
}

/// What `X-RateLimit-Reset` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetStyle {
    /// Seconds from now.
    Delta,
    /// Seconds since 1970.
    Epoch,
}

/// The `forward` section: what the origin is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardingConfig {
    /// Header with the verified subject; `x-tollgate-subject` unless configured.
    pub subject: Option<String>,
    /// Header with the account; `x-tollgate-account` unless configured.
    pub account: Option<String>,
    /// Header with the plan in force; `x-tollgate-plan` unless configured.
    pub plan: Option<String>,
    /// Which forwarding headers are set.
    pub forwarded: ForwardedStyle,
    /// Whether `X-Request-Id` is set where the client sent none.
    pub request_id: bool,
    /// Whether `Via` is set (RFC 9110 section 7.6.3).
    pub via: bool,
    /// Whether the client's `Authorization` reaches the origin.
    pub forward_authorization: bool,
}

/// Which forwarding headers the origin gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedStyle {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    X,
    /// `Forwarded` (RFC 7239).
    Rfc7239,
    /// Both families.
    Both,
    /// None.
    Off,
}
