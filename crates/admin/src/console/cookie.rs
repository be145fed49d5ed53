//! The console's two cookies: read from a request, set and taken back in an answer.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// Over TLS: a name that no other host, port or path can set (RFC 6265bis, section 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Of who has signed in.
    Session,
    /// Of who is about to.
    Visit,
}

impl Cookie {
    fn name(self, over_tls: bool) -> String {
        let name = match self {
            Cookie::Session => "tollgate-session",
            Cookie::Visit => "tollgate-visit",
        };
        match over_tls {
            true => format!("{HOST_PREFIX}{name}"),
            false => name.to_owned(),
        }
    }

    /// What the request has under its name; nothing where it has two, of which one is not ours.
    pub(super) fn of(self, headers: &HeaderMap, over_tls: bool) -> Option<String> {
        let name = self.name(over_tls);
        let fields = headers.get_all(COOKIE).iter();
        let fields = fields.filter_map(|field| field.to_str().ok());
        let pairs = fields.flat_map(|field| field.split(';'));
        let mut values = pairs.filter_map(|pair| {
            let (found, value) = pair.trim().split_once('=')?;
            (found == name).then_some(value)
        });
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value.to_owned()),
            _ => None,
        }
    }

    /// Sets it, until the browser is closed.
    pub(super) fn set(self, value: &str, over_tls: bool) -> HeaderValue {
        let name = self.name(over_tls);
        let secure = if over_tls { "; Secure" } else { "" };
        let field = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}");
        // Values are base64url.
        HeaderValue::try_from(field).unwrap_or(HeaderValue::from_static(""))
    }

    /// Takes it back.
    pub(super) fn forget(self, over_tls: bool) -> HeaderValue {
        let field = self.set("", over_tls);
        let field = format!("{}; Max-Age=0", field.to_str().unwrap_or_default());
        HeaderValue::try_from(field).unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_name_and_only_once() {
        let of = |fields: &[&'static str], over_tls| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(COOKIE, HeaderValue::from_static(field));
            }
            Cookie::Session.of(&headers, over_tls)
        };
        assert_eq!(of(&["a=b; tollgate-session=x"], false).unwrap(), "x");
        assert_eq!(of(&["a=b", "tollgate-session=x="], false).unwrap(), "x=");
        assert_eq!(of(&["__Host-tollgate-session=x"], true).unwrap(), "x");
        assert_eq!(of(&["tollgate-session=x"], true), None);
        assert_eq!(of(&["tollgate-session=x; tollgate-session=y"], false), None);
        assert_eq!(of(&[], false), None);
    }

    #[test]
    fn over_tls_a_cookie_is_for_tls_alone() {
        let set = |over_tls| Cookie::Session.set("x", over_tls);
        assert_eq!(
            set(true),
            "__Host-tollgate-session=x; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            set(false),
            "tollgate-session=x; Path=/; HttpOnly; SameSite=Lax"
        );
        assert!(
            Cookie::Visit
                .forget(true)
                .to_str()
                .unwrap()
                .ends_with("Max-Age=0")
        );
    }
}
