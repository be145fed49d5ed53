//! OpenID Connect Discovery: from an issuer to the URL of its keys.

use super::fetch::FetchError;
use crate::token::json::{Json, Object};

/// Most JSON values of a discovery document.
const DISCOVERY_VALUES_MAX: u32 = 2048;
/// Longest `jwks_uri` in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Where the document of an issuer is (OpenID Connect Discovery 1.0 section 4): the issuer
/// without a trailing slash, then the well-known path. The issuer is the configured one; one
/// from a token never gets here (CVE-2026-32301).
pub(super) fn url(issuer: &str) -> String {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{base}/.well-known/openid-configuration")
}

/// The `jwks_uri` of a document that names exactly our issuer (section 4.3).
///
/// It must be HTTPS, unless the issuer itself is not.
pub(super) fn jwks_url(document: &[u8], issuer: &str) -> Result<String, FetchError> {
    let refuse = |message: &str| {
        Err(FetchError {
            message: message.to_owned(),
        })
    };
    let Ok(document) = Object::parse(document, DISCOVERY_VALUES_MAX) else {
        return refuse("the discovery document is not a JSON object in bounds");
    };
    if document.get("issuer").and_then(Json::as_str) != Some(issuer) {
        return refuse("the discovery document is of another issuer");
    }
    let Some(url) = document.get("jwks_uri").and_then(Json::as_str) else {
        return refuse("the discovery document has no jwks_uri");
    };
    let plain = issuer.starts_with("http://") && url.starts_with("http://");
    if !plain && !url.starts_with("https://") {
        return refuse("the jwks_uri is not https");
    }
    if url.len() > URL_BYTES_MAX || url.bytes().any(|byte| !matches!(byte, b'!'..=b'~')) {
        return refuse("the jwks_uri is not a URL in bounds");
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_has_one_slash() {
        for issuer in ["https://a.b/c", "https://a.b/c/"] {
            assert_eq!(
                url(issuer),
                "https://a.b/c/.well-known/openid-configuration"
            );
        }
    }

    #[test]
    fn only_our_issuer_names_keys() {
        let find = |issuer: &str, url: &str, ours: &str| {
            let text = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{url}"}}"#);
            jwks_url(text.as_bytes(), ours)
        };
        assert_eq!(
            find("https://i", "https://k/j", "https://i"),
            Ok("https://k/j".into())
        );
        assert_eq!(
            find("http://i", "http://k/j", "http://i"),
            Ok("http://k/j".into())
        );
        for (issuer, url, ours) in [
            ("https://i/", "https://k", "https://i"),
            ("https://I", "https://k", "https://i"),
            ("https://i", "http://k", "https://i"),
            ("https://i", "file:///etc/passwd", "https://i"),
            ("http://i", "file:///etc/passwd", "http://i"),
            ("https://i", "https://k j", "https://i"),
        ] {
            assert!(find(issuer, url, ours).is_err(), "{issuer} {url}");
        }
        for text in [
            "",
            "[]",
            "{}",
            r#"{"issuer":"i"}"#,
            r#"{"issuer":"i","issuer":"i","jwks_uri":"https://k"}"#,
        ] {
            assert!(jwks_url(text.as_bytes(), "i").is_err(), "{text}");
        }
    }
}
