//! The JOSE header (RFC 7515 section 4): which key to use, and what is refused outright.

use super::{
    TokenError,
    json::{Json, JsonError, Object, TOKEN_VALUES_MAX},
};
use crate::Algorithm;

/// Longest key id in bytes.
pub(crate) const KID_BYTES_MAX: usize = 255;

/// Parameters that let a token bring its own key.
const EMBEDDED_KEYS: [&str; 3] = ["jku", "x5u", "jwk"];
/// Parameters of encryption, compression and unencoded payloads (RFC 7516, RFC 7797).
const UNSUPPORTED: [&str; 3] = ["b64", "zip", "enc"];

/// What the rest needs of a header. Everything else in it is ignored, `x5c` included.
#[derive(Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Box<str>>,
    pub(crate) typ: Option<Box<str>>,
}

impl Header {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, TokenError> {
        let object = Object::parse(text, TOKEN_VALUES_MAX).map_err(|error| match error {
            JsonError::Duplicate => TokenError::DuplicateMember,
            JsonError::Invalid => TokenError::HeaderJson,
        })?;
        if object.contains("crit") {
            return Err(TokenError::CriticalHeader);
        }
        if EMBEDDED_KEYS.iter().any(|name| object.contains(name)) {
            return Err(TokenError::EmbeddedKey);
        }
        if UNSUPPORTED.iter().any(|name| object.contains(name)) {
            return Err(TokenError::UnsupportedHeader);
        }
        let algorithm = object.get("alg").and_then(Json::as_str);
        let algorithm = algorithm.and_then(Algorithm::from_name);
        Ok(Self {
            algorithm: algorithm.ok_or(TokenError::Algorithm)?,
            kid: text_of(&object, "kid")?,
            typ: text_of(&object, "typ")?,
        })
    }

    /// Compares media types: case does not matter and `application/` may be left out
    /// (RFC 7515 section 4.1.9).
    pub(crate) fn is_of_type(&self, pinned: &str) -> bool {
        self.typ
            .as_deref()
            .is_some_and(|typ| short_type(typ).eq_ignore_ascii_case(short_type(pinned)))
    }
}

fn text_of(object: &Object<'_>, name: &str) -> Result<Option<Box<str>>, TokenError> {
    match object.get(name) {
        None => Ok(None),
        Some(Json::String(text)) if text.len() <= KID_BYTES_MAX => Ok(Some(text.as_ref().into())),
        Some(_) => Err(TokenError::HeaderValue),
    }
}

fn short_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<TokenError> {
        Header::parse(text.as_bytes()).err()
    }

    #[test]
    fn the_useful_parameters_are_read() {
        let header =
            Header::parse(br#"{"alg":"ES256","kid":"k","typ":"at+jwt","x5t":"q"}"#).unwrap();
        assert_eq!(header.algorithm, Algorithm::Es256);
        assert_eq!(header.kid.as_deref(), Some("k"));
        assert!(header.is_of_type("application/AT+JWT"));
        assert!(!header.is_of_type("jwt"));
    }

    #[test]
    fn names_of_algorithms_are_exact() {
        for name in [
            "none", "None", "nOnE", "", "es256", "HS512", "RSA-OAEP", "dir",
        ] {
            let text = format!(r#"{{"alg":"{name}"}}"#);
            assert_eq!(refused(&text), Some(TokenError::Algorithm), "{name}");
        }
        for text in ["{}", r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#] {
            assert_eq!(refused(text), Some(TokenError::Algorithm), "{text}");
        }
    }

    #[test]
    fn what_would_change_the_meaning_is_refused() {
        for (extra, reason) in [
            (r#""crit":["exp"]"#, TokenError::CriticalHeader),
            (r#""crit":[]"#, TokenError::CriticalHeader),
            (r#""crit":null"#, TokenError::CriticalHeader),
            (r#""jku":"https://a""#, TokenError::EmbeddedKey),
            (r#""x5u":"https://a""#, TokenError::EmbeddedKey),
            (r#""jwk":{}"#, TokenError::EmbeddedKey),
            (r#""b64":false"#, TokenError::UnsupportedHeader),
            (r#""zip":"DEF""#, TokenError::UnsupportedHeader),
            (r#""enc":"A128GCM""#, TokenError::UnsupportedHeader),
            (r#""kid":1"#, TokenError::HeaderValue),
            (r#""kid":["k"]"#, TokenError::HeaderValue),
            (r#""typ":null"#, TokenError::HeaderValue),
            (r#""\u0061lg":"ES256""#, TokenError::DuplicateMember),
        ] {
            let text = format!(r#"{{"alg":"ES256",{extra}}}"#);
            assert_eq!(refused(&text), Some(reason), "{extra}");
        }
        let long = format!(
            r#"{{"alg":"ES256","kid":"{}"}}"#,
            "k".repeat(KID_BYTES_MAX + 1)
        );
        assert_eq!(refused(&long), Some(TokenError::HeaderValue));
    }
}
