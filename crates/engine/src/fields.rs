//! Rate-limit header fields in the styles that clients know, as pure functions.
//!
//! The default is draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` says what the limits
//! are, `RateLimit` what is left; one item a limit, so that a tight and a wide one are both seen.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use tollgate_policy::{HeaderStyle, ResetStyle};

use crate::consulted::LimitState;
use crate::decision::Decision;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What the items of a few limits take, in bytes; more is written on the heap first.
const LEFT_BYTES: usize = 128;
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

impl Decision {
    /// Writes what an answer carries for its caller: the rate-limit fields of the policy's style,
    /// replacing what the origin sent, and a new edge pass where one is due.
    pub fn response_headers(&self, headers: &mut HeaderMap) {
        self.limit_fields(headers);
        self.pass_fields(headers);
    }

    /// True only if [`Decision::response_headers`] writes nothing, into whatever answer: then the decision
    /// need not be kept until there is one.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let style = self.snapshot.policy().responses().style;
        self.pass_due.is_none() && matches!(style, HeaderStyle::None)
    }

    /// Nothing is written when no binding limit was consulted.
    fn limit_fields(&self, headers: &mut HeaderMap) {
        if self.limits.binding().next().is_none() {
            return;
        }
        match self.snapshot.policy().responses().style {
            HeaderStyle::None => {}
            HeaderStyle::Draft10 => self.draft_10(headers),
            HeaderStyle::Draft03 => {
                let mut limit = String::with_capacity(48);
                if let Some(tight) = self.tightest() {
                    let _ = write!(limit, "{}", tight.limit.quota);
                }
                for state in self.limits.binding() {
                    let _ = write!(limit, ", {}", state.limit.quota);
                    if let Some(window_s) = state.limit.window_s {
                        let _ = write!(limit, ";w={window_s}");
                    }
                }
                self.triple("ratelimit", Some(limit), ResetStyle::Delta, headers);
            }
            HeaderStyle::XRateLimit { reset } => self.triple("x-ratelimit", None, reset, headers),
            HeaderStyle::GitHub => {
                self.triple("x-ratelimit", None, ResetStyle::Epoch, headers);
                if let Some(state) = self.tightest() {
                    let burst = state.limit.capacity();
                    let used = burst.saturating_sub(state.reading.remaining);
                    set(headers, "x-ratelimit-used", used);
                    if let Ok(name) = HeaderValue::from_str(&state.limit.name) {
                        headers.insert("x-ratelimit-resource", name);
                    }
                }
            }
        }
    }

    fn draft_10(&self, headers: &mut HeaderMap) {
        let mut left: SmallVec<[u8; LEFT_BYTES]> = SmallVec::new();
        for state in self.limits.binding() {
            if !left.is_empty() {
                left.push(b',');
            }
            left.extend_from_slice(state.limit.quoted.as_bytes());
            left.extend_from_slice(b";r=");
            let mut digits = itoa::Buffer::new();
            left.extend_from_slice(digits.format(state.reading.remaining).as_bytes());
            // `t` speaks of additional quota; a full bucket gets none.
            if state.reading.next.0 > 0 {
                left.extend_from_slice(b";t=");
                let next_s = digits.format(state.reading.next.as_secs_ceil());
                left.extend_from_slice(next_s.as_bytes());
            }
        }
        if let Some(policy) = self.limits.policy_field() {
            headers.insert(RATELIMIT_POLICY, policy.clone());
        }
        if let Ok(left) = HeaderValue::from_bytes(&left) {
            headers.insert(RATELIMIT, left);
        }
    }

    /// The single-limit styles show the limit that will bind first: least left, longest to wait.
    fn tightest(&self) -> Option<LimitState<'_>> {
        let left = |state: &LimitState<'_>| {
            let reading = &state.reading;
            (reading.remaining, std::cmp::Reverse(reading.next))
        };
        self.limits.binding().min_by_key(left)
    }

    fn triple(
        &self,
        family: &'static str,
        limit: Option<String>,
        reset: ResetStyle,
        headers: &mut HeaderMap,
    ) {
        let Some(state) = self.tightest() else { return };
        let [limit_name, remaining_name, reset_name] = match family {
            "ratelimit" => ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
            _ => [
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
            ],
        };
        match limit.map(HeaderValue::try_from) {
            Some(Ok(value)) => {
                headers.insert(limit_name, value);
            }
            _ => set(headers, limit_name, state.limit.capacity()),
        }
        set(headers, remaining_name, state.reading.remaining);
        let full_s = state.reading.full.as_secs_ceil();
        let value = match reset {
            ResetStyle::Delta => full_s,
            ResetStyle::Epoch => self.now.unix_s().saturating_add(full_s),
        };
        set(headers, reset_name, value);
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: u64) {
    headers.insert(name, HeaderValue::from(value));
}
