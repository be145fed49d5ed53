//! WAF as the local edge sees it: a request in, an action out, and which rates it was counted in.

mod simulated;

use std::net::IpAddr;

use bytes::Bytes;
use http::{Response, request};
use tollgate_limiter::Nanos;

pub use self::simulated::simulated;

/// A request as WAF sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Method, target and header fields.
    pub head: &'a request::Parts,
    /// Where the connection comes from.
    pub source: IpAddr,
}

/// A rate-based rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRule {
    /// Its name.
    pub name: String,
    /// Requests of one key in a window.
    pub limit: u64,
    /// The window in seconds.
    pub window_s: u64,
}

/// What WAF decided.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The answer, if the request is blocked.
    pub block: Option<Block>,
    /// In which rate-based rules the request was counted: the place in [`Waf::rate_rules`], and the
    /// key, of which only equality says anything.
    pub counted: Vec<(usize, Vec<u8>)>,
}

/// A blocked request.
#[derive(Debug)]
pub struct Block {
    /// The rule that blocked it; none for the web ACL's default action.
    pub rule: Option<String>,
    /// Whether that is a rate-based rule.
    pub by_rate: bool,
    /// What the client gets.
    pub response: Response<Bytes>,
}

/// A web ACL that decides.
pub trait Waf: Send {
    /// The rate-based rules, in an order that stays.
    fn rate_rules(&self) -> Vec<RateRule>;

    /// Looks at a request at a moment.
    fn decide(&mut self, seen: &Seen<'_>, now: Nanos) -> Verdict;
}
