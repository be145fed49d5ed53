//! Bytes as a token: as they are, and as claims that somebody signed.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tollgate_identity::{
    Algorithm, IssuerRules, KeyHolder, Secret, TokenVerdict, Verifier, VerifierConfig,
};

const SECRET: &[u8] = b"a secret of thirty-two bytes, or";
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const NOW_S: u64 = 1_800_000_000;

fn verifier() -> Verifier {
    let rules = IssuerRules {
        issuer: "https://login.example.com".into(),
        audiences: vec!["api".into()],
        algorithms: vec![Algorithm::Hs256],
        leeway_s: 60,
        required_claims: Vec::new(),
        subject_claim: "sub".into(),
        client_claim: Some("client_id".into()),
        account_claim: Some("account".into()),
        plan_claim: Some("realm.plan".into()),
        typ: None,
        max_lifetime_s: 86_400,
        secret: Some(Secret::new(SECRET.to_vec()).unwrap()),
        keys: KeyHolder::new("fuzz".into()),
    };
    Verifier::new(VerifierConfig {
        issuers: vec![rules],
        cache_entries: 16,
        negative_ttl_s: 5,
        hash_key: [7; 16],
    })
    .unwrap()
}

/// Judges `data`, and claims that are `data`.
pub(crate) fn run(data: &[u8]) {
    let verifier = verifier();
    if let Ok(token) = str::from_utf8(data) {
        let verdict = verifier.verify(token, NOW_S);
        assert!(
            !matches!(verdict, TokenVerdict::Valid(_)),
            "nobody signed it"
        );
    }
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let signed = format!("{}.{}", encode(HEADER.as_bytes()), encode(data));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", encode(&mac.finalize().into_bytes()));
    let first = verifier.verify(&token, NOW_S);
    assert_eq!(first, verifier.verify(&token, NOW_S), "new or remembered");
    let TokenVerdict::Valid(user) = first else {
        return;
    };
    let names = [
        Some(&user.subject),
        user.account.as_ref(),
        user.plan.as_ref(),
    ];
    for name in names.into_iter().flatten() {
        assert!((1..=255).contains(&name.len()) && !name.chars().any(char::is_control));
    }
    assert!((NOW_S - 60..=NOW_S + 86_460).contains(&user.expires_unix_s));
    let later = verifier.verify(&token, user.expires_unix_s + 60);
    assert!(!matches!(later, TokenVerdict::Valid(_)), "it ends");
}
