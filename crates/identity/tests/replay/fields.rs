//! Bytes as the fields of a request: credentials, cookies, ids and the hops before us.

use http::header::{AUTHORIZATION, COOKIE, FORWARDED};
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_identity::{
    Credential, NetworkRules, PresentedId, PresentedRoot, api_key, client_network, cookie,
    credential, remove_cookies,
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Puts each line of `data` into every field that identity reads.
pub(crate) fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(8) {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            continue;
        };
        for name in [AUTHORIZATION, COOKIE, FORWARDED, X_FORWARDED_FOR, X_API_KEY] {
            headers.append(name, value.clone());
        }
        if let Ok(text) = str::from_utf8(line) {
            // No text is both.
            let is_id = text.parse::<PresentedId>().is_ok();
            assert!(!is_id || text.parse::<PresentedRoot>().is_err());
        }
    }
    if let Credential::Bearer(token) = credential(&headers, Some("t")) {
        assert!(
            token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',')
        );
    }
    let _ = api_key(&headers, &X_API_KEY);
    let rules = NetworkRules {
        trusted: vec!["10.0.0.0/8".parse().unwrap()],
        ..NetworkRules::default()
    };
    let client = client_network([10, 0, 0, 1].into(), &headers, &rules);
    assert!(client.network.contains(&client.address));
    remove_cookies(&mut headers, &["t"]);
    assert_eq!(cookie(&headers, "t"), Ok(None));
}
