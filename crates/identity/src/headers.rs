//! The credential of a request (RFC 6750 section 2.1, RFC 9110 section 11.6.2).
//!
//! The `Authorization` field counts, and without one the cookie that the policy names. Tokens in
//! the query or a form are ignored.

use std::fmt;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::cookies::{CookieTwice, cookie};

const BEARER: &[u8] = b"bearer";

/// What a request presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// No `Authorization` field and no token cookie: an anonymous request.
    None,
    /// A bearer token, not looked at yet; never empty, visible ASCII without spaces or commas.
    Bearer(&'a str),
    /// A field that cannot be read as one credential.
    Malformed(CredentialError),
    /// One credential of another scheme (Basic, Digest, ...).
    OtherScheme,
}

/// Why a field cannot be read as one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialError {
    /// Two or more fields: another reader might take the other one.
    Several,
    /// Several credentials joined by a comma, which is how proxies join fields.
    Joined,
    /// Not a scheme, one space and one token.
    Syntax,
    /// A scheme without a token, or nothing at all.
    Empty,
    /// Two cookies of the token's name: another reader might take the other one.
    SeveralCookies,
    /// A cookie of the token's name that holds no token.
    CookieSyntax,
    /// Two or more fields with an API key.
    SeveralKeys,
    /// Several API keys joined by a comma.
    JoinedKeys,
    /// A bearer credential and an API key: two callers, and another reader might take the other one.
    TokenAndKey,
}

impl CredentialError {
    /// Whether the answer is 400 (`invalid_request`); 401 otherwise.
    pub fn is_bad_request(&self) -> bool {
        !matches!(self, Self::Empty | Self::CookieSyntax)
    }

    /// A stable name for metrics and logs, of `a-z_`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Several => "several_authorization_fields",
            Self::Joined => "joined_authorization_fields",
            Self::Syntax => "authorization_syntax",
            Self::Empty => "authorization_empty",
            Self::SeveralCookies => "several_token_cookies",
            Self::CookieSyntax => "token_cookie_syntax",
            Self::SeveralKeys => "several_api_key_fields",
            Self::JoinedKeys => "joined_api_key_fields",
            Self::TokenAndKey => "token_and_api_key",
        }
    }

    /// A sentence for `error_description`; never echoes input.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Several => "the request has more than one Authorization field",
            Self::Joined => "the Authorization field holds more than one credential",
            Self::Syntax => "the Authorization field is not a scheme, one space and a token",
            Self::Empty => "the Authorization field has no token",
            Self::SeveralCookies => "the request has more than one cookie with a token",
            Self::CookieSyntax => "the cookie for a token does not hold one",
            Self::SeveralKeys => "the request has more than one API key field",
            Self::JoinedKeys => "the API key field holds more than one key",
            Self::TokenAndKey => "the request has both a bearer token and an API key",
        }
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

/// Whether two names of fields, in lower case, are one to an origin that maps fields to variables
/// and so cannot tell `_` from `-` (CVE-2025-64484).
pub fn is_spelling_of(known: &str, name: &str) -> bool {
    let folded = |byte: u8| if byte == b'_' { b'-' } else { byte };
    let mut pairs = known.bytes().zip(name.bytes());
    known.len() == name.len() && pairs.all(|(a, b)| a == b || folded(a) == folded(b))
}

/// Reads the credential of a request; `token_cookie` is the name of the cookie that may hold a
/// token. Browsers send a cookie with every request, so that a token in the field, which a page
/// chose to send, comes before it.
pub fn credential<'h>(headers: &'h HeaderMap, token_cookie: Option<&str>) -> Credential<'h> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    match (fields.next(), fields.next()) {
        (None, _) => token_cookie.map_or(Credential::None, |name| in_cookie(headers, name)),
        (Some(field), None) => one(field),
        (Some(_), Some(_)) => Credential::Malformed(CredentialError::Several),
    }
}

/// What stands where a token does, where the request has one `Authorization` field and its scheme is Bearer;
/// not looked at. For whoever can tell a token that [`credential`] once read, byte by byte.
pub fn bearer_bytes(headers: &HeaderMap) -> Option<&[u8]> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return None;
    };
    behind_bearer(field.as_bytes())
}

fn behind_bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = field.split_at_checked(BEARER.len())?;
    let token = rest.strip_prefix(b" ")?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(token)
}

fn in_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Credential<'h> {
    match cookie(headers, name) {
        Ok(None) => Credential::None,
        Ok(Some(value)) => match str::from_utf8(value) {
            Ok(token) if is_token(value) => Credential::Bearer(token),
            _ => Credential::Malformed(CredentialError::CookieSyntax),
        },
        Err(CookieTwice) => Credential::Malformed(CredentialError::SeveralCookies),
    }
}

fn one(field: &HeaderValue) -> Credential<'_> {
    let bytes = field.as_bytes();
    if let Some(token) = behind_bearer(bytes)
        && is_token(token)
        && let Ok(token) = str::from_utf8(token)
    {
        return Credential::Bearer(token);
    }
    let scheme_length = bytes
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t' | b','));
    let (scheme, rest) = bytes.split_at(scheme_length.unwrap_or(bytes.len()));
    if scheme.is_empty() {
        let blank = rest.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        return Credential::Malformed(if blank {
            CredentialError::Empty
        } else {
            CredentialError::Syntax
        });
    }
    if !scheme.eq_ignore_ascii_case(BEARER) {
        return other(rest);
    }
    if rest.contains(&b',') {
        return Credential::Malformed(CredentialError::Joined);
    }
    if rest.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
        return Credential::Malformed(CredentialError::Empty);
    }
    // Exactly one space (RFC 6750 section 2.1), and no blank within or behind the token.
    let token = rest
        .strip_prefix(b" ")
        .filter(|token| token.iter().all(u8::is_ascii_graphic));
    match token.and_then(|token| str::from_utf8(token).ok()) {
        Some(token) => Credential::Bearer(token),
        None => Credential::Malformed(CredentialError::Syntax),
    }
}

/// Not empty, without blanks and commas: what nearly every request has, told in one pass without
/// branches.
fn is_token(bytes: &[u8]) -> bool {
    let plain = |all: bool, byte: &u8| all & byte.is_ascii_graphic() & (*byte != b',');
    !bytes.is_empty() & bytes.iter().fold(true, plain)
}

/// Another scheme may use commas for its parameters, but not hide a bearer token behind one.
fn other(rest: &[u8]) -> Credential<'_> {
    let hides = rest.split(|byte| *byte == b',').skip(1).any(|part| {
        let word = part.trim_ascii_start().get(..=BEARER.len());
        word.is_some_and(|word| {
            let (name, after) = word.split_at(BEARER.len());
            name.eq_ignore_ascii_case(BEARER) && matches!(after, b" " | b"\t")
        })
    });
    if hides {
        Credential::Malformed(CredentialError::Joined)
    } else {
        Credential::OtherScheme
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(fields: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(
                AUTHORIZATION,
                HeaderValue::from_bytes(field.as_bytes()).unwrap(),
            );
        }
        match credential(&headers, None) {
            Credential::Bearer(token) => format!("bearer {token}"),
            Credential::Malformed(error) => error.code().to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn one_field_one_space_one_token() {
        assert_eq!(read(&[]), "None");
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert_eq!(
                read(&[&format!("{scheme} a.b-c_d~e+f/g==")]),
                "bearer a.b-c_d~e+f/g=="
            );
        }
        for (field, is) in [
            ("Bearer", "authorization_empty"),
            ("Bearer ", "authorization_empty"),
            ("", "authorization_empty"),
            ("Bearer  t", "authorization_syntax"),
            ("Bearer\tt", "authorization_syntax"),
            ("Bearer t ", "authorization_syntax"),
            ("Bearer t u", "authorization_syntax"),
            ("Bearer t\u{e9}", "authorization_syntax"),
            (" Bearer t", "authorization_syntax"),
            (",Bearer t", "authorization_syntax"),
            ("Bearer t,Bearer u", "joined_authorization_fields"),
            ("Bearer t, Bearer u", "joined_authorization_fields"),
            ("Bearer t,", "joined_authorization_fields"),
            ("Bearer,t", "joined_authorization_fields"),
            ("Basic YTpi, Bearer t", "joined_authorization_fields"),
            ("Basic YTpi,bearer\tt", "joined_authorization_fields"),
            ("Basic YTpi", "OtherScheme"),
            ("Digest a=\"b\", bearer=c", "OtherScheme"),
            ("Bearertoken", "OtherScheme"),
            ("eyJ.e.s", "OtherScheme"),
        ] {
            assert_eq!(read(&[field]), is, "{field:?}");
        }
    }

    #[test]
    fn two_fields_are_never_read() {
        assert_eq!(
            read(&["Bearer t", "Bearer t"]),
            "several_authorization_fields"
        );
        assert_eq!(read(&["Bearer t", ""]), "several_authorization_fields");
        assert!(
            CredentialError::Several.is_bad_request() && !CredentialError::Empty.is_bad_request()
        );
    }

    #[test]
    fn a_cookie_holds_the_token_where_no_field_does() {
        let read = |cookies: &str, field: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(
                http::header::COOKIE,
                HeaderValue::from_str(cookies).unwrap(),
            );
            if let Some(field) = field {
                headers.insert(AUTHORIZATION, HeaderValue::from_static(field));
            }
            format!("{:?}", credential(&headers, Some("session")))
        };
        for (cookies, field, is) in [
            ("a=1; session=x.y.z", None, "Bearer(\"x.y.z\")"),
            ("session=x.y.z", Some("Bearer a.b.c"), "Bearer(\"a.b.c\")"),
            ("session=x.y.z", Some("Basic eDp5"), "OtherScheme"),
            ("session=", None, "None"),
            ("other=x.y.z", None, "None"),
            ("session=x y", None, "Malformed(CookieSyntax)"),
            ("session=x,y", None, "Malformed(CookieSyntax)"),
            (
                "session=x.y.z; session=a.b.c",
                None,
                "Malformed(SeveralCookies)",
            ),
        ] {
            assert_eq!(read(cookies, field), is, "{cookies} {field:?}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read_without_a_panic(field in proptest::collection::vec(any::<u8>(), 0..64)) {
            let Ok(field) = HeaderValue::from_bytes(&field) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(AUTHORIZATION, field)]);
            if let Credential::Bearer(token) = credential(&headers, None) {
                prop_assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic() && b != b','));
            }
        }
    }
}
