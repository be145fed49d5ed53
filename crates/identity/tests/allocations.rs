//! The hot path allocates nothing; what is refused allocates little and keeps nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod support;

use allocation_counter::measure;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::json;
use support::*;
use tollgate_identity::{
    ApiKeyVerdict, ApiKeys, ApiKeysText, CertificateRules, CertificateVerdict, ClientCertificate,
    Credential, NetworkRules, NewApiKey, SubjectKind, Unbounded, api_key, client_network,
    credential,
};

#[test]
fn a_seen_token_allocates_nothing() {
    let verifier = verifier();
    let good = ed_token(&claims());
    let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, b64([1; 64]));
    for token in [good, forged] {
        verifier.verify(&token, NOW_S);
        let seen = measure(|| drop(verifier.verify(&token, NOW_S)));
        assert_eq!(seen.count_total, 0);
    }
}

#[test]
fn a_certificate_read_before_allocates_nothing() {
    let made = rcgen::generate_simple_self_signed(["orders.example.org".to_owned()]).unwrap();
    let certificate = ClientCertificate::read(made.cert.der(), &[1; 16]);
    let rules = CertificateRules::new(SubjectKind::SanDns);
    let identify = || rules.identify(&certificate, NOW_S);
    assert!(matches!(identify(), CertificateVerdict::Valid(_)));
    assert_eq!(measure(|| drop(identify())).count_total, 0);
}

#[test]
fn a_field_and_a_network_allocate_nothing() {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
    headers.insert(
        "forwarded",
        HeaderValue::from_static("for=\"[2001:db8::1]:4\";by=_x, for=10.0.0.2"),
    );
    headers.insert(
        "x-forwarded-for",
        HeaderValue::from_static("2001:db8::1, 10.0.0.2"),
    );
    let rules = NetworkRules {
        trusted: vec!["10.0.0.0/8".parse().unwrap()],
        ..NetworkRules::default()
    };
    let read = measure(|| {
        assert_eq!(credential(&headers, None), Credential::Bearer("a.b.c"));
        let client = client_network("10.0.0.1".parse().unwrap(), &headers, &rules);
        assert_eq!(client.network.prefix_len(), 64);
        client.key(&[1; 16]);
    });
    assert_eq!(read.count_total, 0);
}

fn holder(subject: &str) -> NewApiKey<'_> {
    NewApiKey {
        subject,
        account: Some("acme"),
        plan: None,
        not_after_s: None,
    }
}

#[test]
fn an_api_key_is_looked_up_without_an_allocation() {
    let mut text = ApiKeysText::empty();
    let key = text.add(&holder("job")).unwrap();
    let text = str::from_utf8(text.as_bytes()).unwrap();
    let keys = ApiKeys::parse(text, &[1; 16]).unwrap();
    let name = http::HeaderName::from_static("x-api-key");
    let mut headers = HeaderMap::new();
    headers.insert(&name, HeaderValue::from_str(key.expose()).unwrap());
    let seen = measure(|| {
        let key = api_key(&headers, &name).unwrap().unwrap();
        let verdict = keys.verify_within(key, NOW_S, &Unbounded);
        assert!(matches!(verdict, ApiKeyVerdict::Valid(_)));
        let unknown = [b'k'; 47];
        let verdict = keys.verify_within(&unknown, NOW_S, &Unbounded);
        assert!(matches!(verdict, ApiKeyVerdict::Invalid(_)));
    });
    assert_eq!(seen.count_total, 0);
}

#[test]
fn an_api_key_takes_as_much_as_is_documented() {
    let line = |n: u64| format!("{n:064x} job_{n:04} acme - -\n");
    let text: String = (0..3_600).map(line).collect();
    let mut keys = None;
    let kept = measure(|| keys = Some(ApiKeys::parse(&text, &[1; 16]).unwrap()));
    assert_eq!(keys.unwrap().stats().keys, 3_600);
    let each = kept.bytes_current / 3_600;
    assert!((100..260).contains(&each), "{each} bytes");
}

#[test]
fn case_025_a_refused_token_takes_less_than_four_times_its_size() {
    let verifier = verifier();
    let pad = "x".repeat(9000);
    let deep = format!("{{\"x\":{}", "[".repeat(9000));
    let wide = format!("{{\"x\":[{}]}}", vec!["1"; 4500].join(","));
    for token in [
        ".".repeat(1 << 20),
        ".".repeat(16 << 10),
        ed_token(&claims_with(json!({"pad": pad, "exp": 1}))),
        ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &deep),
        ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &wide),
        format!("{}.{}.{}", b64([1; 40]), b64([2; 9000]), b64([3; 64])),
    ] {
        let first = measure(|| drop(verifier.verify(&token, NOW_S)));
        let bound = 4 * u64::try_from(token.len()).unwrap();
        assert!(
            first.bytes_max < bound,
            "{} of {bound}: {token:.60}",
            first.bytes_max
        );
    }
}

#[test]
fn a_remembered_user_takes_as_much_as_is_documented() {
    let tokens_of = |name: &str| -> Vec<String> {
        let token = |n| {
            ed_token(&claims_with(
                json!({"sub": name, "account": name, "plan": name, "jti": n}),
            ))
        };
        (0..1000).map(token).collect()
    };
    for (name, bytes_max) in [("user_0001", 400), (&*"n".repeat(255), 1200)] {
        let tokens = tokens_of(name);
        let verifier = verifier();
        let kept = measure(|| {
            tokens
                .iter()
                .for_each(|token| drop(verifier.verify(token, NOW_S)))
        });
        assert_eq!(verifier.stats().valid, 1000);
        let each = kept.bytes_current / 1000;
        assert!((100..bytes_max).contains(&each), "{each} bytes for {name}");
    }
}
