//! Request identifiers: unique enough to find one request in two logs, and nothing more.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::HeaderValue;

/// Bytes of an identifier that a client may bring.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// An identifier of one request: what `X-Request-Id` says.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

/// Makes identifiers. They are not secrets and must not be used as such.
#[derive(Debug)]
pub(crate) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

// === impl RequestId ===

impl RequestId {
    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// What a client or proxy sent, if it is short and of characters that are harmless in
    /// a header, a log line and a JSON text.
    pub(crate) fn from_client(value: &HeaderValue) -> Option<RequestId> {
        let bytes = value.as_bytes();
        let fine = !bytes.is_empty()
            && bytes.len() <= CLIENT_ID_BYTES_MAX
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte));
        fine.then(|| RequestId(value.clone()))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl RequestIds ===

impl RequestIds {
    pub(crate) fn new() -> RequestIds {
        // The standard library's hash keys are the cheapest randomness at hand.
        RequestIds {
            seed: RandomState::new().hash_one(0_u8),
            next: AtomicU64::new(RandomState::new().hash_one(1_u8)),
        }
    }

    /// 32 hex digits.
    pub(crate) fn next(&self) -> RequestId {
        let count = self.next.fetch_add(1, Relaxed);
        let number = u128::from(mix(self.seed ^ count)) << 64 | u128::from(mix(count));
        let mut text = [0_u8; 32];
        for (digit, shift) in text.iter_mut().zip((0..32).rev()) {
            *digit = b"0123456789abcdef"[(number >> (shift * 4) & 0xf) as usize];
        }
        RequestId(HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0")))
    }
}

/// The finisher of splitmix64: neighbouring counts give unrelated numbers.
fn mix(count: u64) -> u64 {
    let mut z = count.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_32_hex_digits_and_differ() {
        let ids = RequestIds::new();
        let (one, two) = (ids.next(), ids.next());
        assert_ne!(one, two);
        assert_eq!(one.as_str().len(), 32);
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn a_clients_identifier_is_short_and_harmless() {
        let from = |text: &str| RequestId::from_client(&HeaderValue::from_str(text).unwrap());
        assert_eq!(from("abc-1").unwrap().as_str(), "abc-1");
        assert!(from("").is_none());
        assert!(from("a b").is_none());
        assert!(from("a\"b").is_none());
        assert!(from(&"a".repeat(129)).is_none());
    }
}
