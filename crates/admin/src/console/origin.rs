//! Whether a form was sent from one of these pages: by what the browser says of itself.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Uri};

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the browser says that the request comes from this very origin.
///
/// It has to say so in one of two ways. `Origin: null` says nothing: that is what a browser sends for a page
/// that sends no referrer, such as these.
pub(super) fn is_own(headers: &HeaderMap, uri: &Uri, over_tls: bool) -> bool {
    let site = headers.get(&SEC_FETCH_SITE).map(|site| site.as_bytes());
    let origin = headers.get(ORIGIN).filter(|origin| *origin != "null");
    let scheme = if over_tls { "https" } else { "http" };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or(host);
    let is_ours = origin.map(|origin| {
        let ours = host.map(|host| format!("{scheme}://{host}"));
        ours.is_some_and(|ours| ours.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
    });
    match (site, is_ours) {
        (Some(site), is_ours) => site == b"same-origin" && is_ours.unwrap_or(true),
        (None, is_ours) => is_ours.unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn own(fields: &[(&HeaderName, &'static str)], uri: &'static str, over_tls: bool) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        is_own(&headers, &Uri::from_static(uri), over_tls)
    }

    #[test]
    fn a_form_is_ours_if_the_browser_says_so() {
        let host = (&HOST, "127.0.0.1:9902");
        let site = |site| (&SEC_FETCH_SITE, site);
        let origin = |origin| (&ORIGIN, origin);
        for (fields, is_ours) in [
            (vec![host, site("same-origin"), origin("null")], true),
            (vec![host, site("same-origin")], true),
            (vec![host, origin("http://127.0.0.1:9902")], true),
            (vec![host, site("same-site"), origin("null")], false),
            (vec![host, site("cross-site")], false),
            (vec![host, site("none")], false),
            (
                vec![host, site("same-origin"), origin("http://a.example")],
                false,
            ),
            (vec![host, origin("http://127.0.0.1:9903")], false),
            (vec![host, origin("https://127.0.0.1:9902")], false),
            (vec![host, origin("null")], false),
            (vec![host], false),
            (vec![origin("http://127.0.0.1:9902")], false),
        ] {
            assert_eq!(own(&fields, "/", false), is_ours, "{fields:?}");
        }
        let tls = [(&ORIGIN, "https://admin.example")];
        assert!(own(&tls, "https://admin.example/a", true));
        assert!(!own(&tls, "https://admin.example/a", false));
    }
}
