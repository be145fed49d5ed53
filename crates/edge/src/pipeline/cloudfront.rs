//! What CloudFront itself does to a request: on its way in, and on its way to the origin.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header, request};

use crate::event::{is_hop_by_hop, is_taken_off};
use crate::manifest::{Forwarded, Manifest};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Sent on whatever the origin request policy names: what the body is, and what is set below.
///
/// Cookies and the query are settings of their own in that policy; the compiled one sends all.
const ALWAYS: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::COOKIE,
    X_FORWARDED_FOR,
];

/// A viewer's request without what only CloudFront sets, and without what is of the connection.
pub(super) fn clean(mut head: request::Parts) -> request::Parts {
    let names: Vec<HeaderName> = head.headers.keys().cloned().collect();
    for name in names {
        if is_hop_by_hop(&name) || is_taken_off(&name) {
            head.headers.remove(name);
        }
    }
    head
}

/// The request as it leaves CloudFront: fields that the policy does not name are gone, the client's
/// address is at the end of `X-Forwarded-For`, and the secret of the lock is there.
pub(super) fn leave(
    manifest: &Manifest,
    mut head: request::Parts,
    client: IpAddr,
) -> request::Parts {
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        let named = match &manifest.forwarded {
            Forwarded::AllViewer => true,
            Forwarded::Named(names) => names.contains(name) || ALWAYS.contains(name),
        };
        if named {
            headers.append(name.clone(), value.clone());
        }
    }
    let hops = head.headers.get_all(X_FORWARDED_FOR).iter();
    let mut hops: Vec<&[u8]> = hops.map(HeaderValue::as_bytes).collect();
    let client = client.to_string();
    hops.push(client.as_bytes());
    if let Ok(hops) = HeaderValue::from_bytes(&hops.join(&b", "[..])) {
        headers.insert(X_FORWARDED_FOR, hops);
    }
    if let Some(lock) = &manifest.lock
        && let Ok(secret) = HeaderValue::try_from(lock.secret.as_str())
    {
        headers.insert(lock.header.clone(), secret);
    }
    head.headers = headers;
    head
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Request;

    use super::*;

    fn head() -> request::Parts {
        let request = Request::get("/")
            .header("host", "h")
            .header("x-id", "1")
            .header("x-other", "2")
            .header("x-lock", "guess")
            .header("x-edge-location", "forged")
            .header("connection", "close")
            .header("x-forwarded-for", "203.0.113.9");
        request.body(()).unwrap().into_parts().0
    }

    fn manifest(forwarded: &str) -> Manifest {
        let text = format!(
            r#"{{"variant": "after", "id_header": "x-id", "lock_header": "x-lock",
                "lock_secret_placeholder": "SECRET", "forwarded_headers": {forwarded}}}"#
        );
        Manifest::parse(&text).unwrap()
    }

    #[test]
    fn what_the_policy_does_not_name_does_not_reach_the_origin() {
        let client = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
        let sent = leave(&manifest(r#"["x-id"]"#), clean(head()), client).headers;
        assert_eq!(sent["x-id"], "1");
        assert!(!sent.contains_key("x-other"));
        assert_eq!(sent["x-forwarded-for"], "203.0.113.9, 198.51.100.7");
        assert_eq!(
            sent.get_all("x-lock").iter().collect::<Vec<_>>(),
            ["SECRET"]
        );
        let all = leave(&manifest(r#""all-viewer""#), clean(head()), client).headers;
        assert_eq!(all["x-other"], "2");
        assert!(!all.contains_key("x-edge-location"));
        assert!(!all.contains_key("connection"));
    }
}
