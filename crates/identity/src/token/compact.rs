//! The compact serialisation: limits, dots and canonical base64url.

use data_encoding::BASE64URL_NOPAD;

use super::TokenError;

/// Longest token in bytes; looked at before anything else.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Longest header in characters, before decoding.
pub const HEADER_CHARS_MAX: usize = 4 * 1024;
/// Longest signature in characters: RSA of 8192 bits is 1024 bytes.
pub const SIGNATURE_CHARS_MAX: usize = 1366;

/// The three parts of a token, still encoded, each within its limit.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a str,
    pub(crate) claims: &'a str,
    pub(crate) signature: &'a str,
    /// Header, dot and claims: what was signed.
    pub(crate) signed: &'a str,
}

impl<'a> Compact<'a> {
    /// Splits without decoding or allocating. An empty part is refused here: an empty
    /// signature is `alg: none`, empty claims are detached (RFC 7515 appendix F).
    pub(crate) fn split(token: &'a str) -> Result<Self, TokenError> {
        let parts = Self::split_jws(token)?;
        if parts.claims.is_empty() {
            return Err(TokenError::Malformed);
        }
        Ok(parts)
    }

    /// As [`Compact::split`] for a signature over any payload, and none is one: signed as it
    /// stands, not detached.
    pub(crate) fn split_jws(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge);
        }
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(TokenError::Malformed);
        };
        let (header, claims, signature) = (
            &token[..first],
            &token[first + 1..second],
            &token[second + 1..],
        );
        if header.is_empty() || signature.is_empty() {
            return Err(TokenError::Malformed);
        }
        if header.len() > HEADER_CHARS_MAX || signature.len() > SIGNATURE_CHARS_MAX {
            return Err(TokenError::TooLarge);
        }
        Ok(Self {
            header,
            claims,
            signature,
            signed: &token[..header.len() + 1 + claims.len()],
        })
    }
}

/// Decodes the only spelling of these bytes: no padding, no line breaks, unused bits zero.
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64URL_NOPAD
        .decode(part.as_bytes())
        .map_err(|_| TokenError::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(token: &str) -> Result<(), TokenError> {
        Compact::split(token).map(|_| ())
    }

    #[test]
    fn exactly_two_dots_and_no_empty_part() {
        assert_eq!(split("a.b.c"), Ok(()));
        for bad in [
            "",
            ".",
            "..",
            "a",
            "a.b",
            "a.b.",
            ".b.c",
            "a..c",
            "a.b.c.",
            "a.b.c.d",
            "a.b.c.d.e",
        ] {
            assert_eq!(split(bad), Err(TokenError::Malformed), "{bad}");
        }
    }

    #[test]
    fn a_signature_may_be_over_nothing() {
        assert_eq!(Compact::split_jws("a..c").map(|c| c.signed), Ok("a."));
        for bad in ["..", "a..", "..c", "a...c"] {
            let refused = Compact::split_jws(bad).map(|_| ());
            assert_eq!(refused, Err(TokenError::Malformed), "{bad}");
        }
    }

    #[test]
    fn limits_hold_before_decoding() {
        let long = |n| "A".repeat(n);
        assert_eq!(split(&format!("{}.b.c", long(HEADER_CHARS_MAX))), Ok(()));
        assert_eq!(
            split(&format!("{}.b.c", long(HEADER_CHARS_MAX + 1))),
            Err(TokenError::TooLarge)
        );
        assert_eq!(
            split(&format!("a.b.{}", long(SIGNATURE_CHARS_MAX + 1))),
            Err(TokenError::TooLarge)
        );
        assert_eq!(split(&format!("a.{}.c", long(TOKEN_BYTES_MAX - 4))), Ok(()));
        assert_eq!(
            split(&format!("a.{}.c", long(TOKEN_BYTES_MAX - 3))),
            Err(TokenError::TooLarge)
        );
    }

    #[test]
    fn what_was_signed_is_header_dot_claims() {
        assert_eq!(Compact::split("ab.cd.ef").map(|c| c.signed), Ok("ab.cd"));
    }

    proptest! {
        #[test]
        fn a_decoded_part_has_one_spelling(part in "[A-Za-z0-9_=+/ \n-]{0,12}") {
            if let Ok(bytes) = decode(&part) {
                prop_assert_eq!(BASE64URL_NOPAD.encode(&bytes), part);
            }
        }

        #[test]
        fn splitting_never_panics(token in "\\PC{0,64}") {
            let _ = Compact::split(&token);
        }
    }
}
