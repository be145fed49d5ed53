use std::sync::Arc;

use super::*;
use crate::PrincipalKey;

const NOW_S: u64 = 1_800_000_000;
const RING: &str = "\
k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 1800001000 accepted
k2 7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU 0 - current
";

fn ring(text: &str) -> KeyRing {
    KeyRing::parse(text).unwrap()
}

fn user() -> User {
    User {
        issuer: Arc::from("https://login.example.com"),
        subject: "alice".into(),
        account: Some("acme".into()),
        plan: None,
        expires_unix_s: NOW_S + 3_600,
        key: PrincipalKey(1),
        account_key: PrincipalKey(2),
    }
}

fn gold() -> LimitClass {
    LimitClass::new("gold").unwrap()
}

fn mint(ring: &KeyRing, user: &User) -> Pass {
    ring.mint_pass(user, &gold(), NOW_S, 300).unwrap()
}

#[test]
fn a_pass_says_what_a_bucket_id_is_made_of() {
    let pass = mint(&ring(RING), &user());
    let parts = Compact::split(&pass.token).unwrap();
    let json = |part| -> serde_json::Value {
        serde_json::from_slice(&compact::decode(part).unwrap()).unwrap()
    };
    assert_eq!(
        json(parts.header),
        json!({"alg": "HS256", "kid": "k2", "typ": "tollgate-pass+jwt"})
    );
    assert_eq!(
        json(parts.claims),
        json!({"iss": "https://login.example.com", "sub": "alice", "account": "acme",
            "class": "gold", "iat": NOW_S, "exp": NOW_S + 300})
    );
    // HS256 under the key's text: what any library of JWTs computes.
    let mut mac = crate::bucket_id::keyed(b"7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU");
    hmac::Mac::update(&mut mac, parts.signed.as_bytes());
    let tag = compact::decode(parts.signature).unwrap();
    assert!(hmac::Mac::verify_slice(mac, &tag).is_ok());
}

#[test]
fn it_ends_with_its_lifetime_the_token_and_the_key() {
    let ends = |user: &User, ring: &KeyRing| ring.pass_expiry(user, NOW_S, 300);
    assert_eq!(ends(&user(), &ring(RING)), Some(NOW_S + 300));
    let soon = User {
        expires_unix_s: NOW_S + 10,
        ..user()
    };
    assert_eq!(ends(&soon, &ring(RING)), Some(NOW_S + 10));
    let over = User {
        expires_unix_s: NOW_S,
        ..user()
    };
    assert_eq!(ends(&over, &ring(RING)), None);
    let ending = ring("k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 1800000100 current");
    assert_eq!(ends(&user(), &ending), Some(NOW_S + 100));
}

#[test]
fn it_is_held_by_its_user_in_its_class_and_time_only() {
    let ring = ring(RING);
    let pass = mint(&ring, &user()).token;
    let held = |user: &User, class: &str, now_s| {
        let class = LimitClass::new(class).unwrap();
        ring.held_pass(&pass, user, &class, now_s).is_some()
    };
    assert!(held(&user(), "gold", NOW_S));
    assert!(held(&user(), "gold", NOW_S + 299));
    assert!(!held(&user(), "gold", NOW_S + 300));
    assert!(!held(&user(), "free", NOW_S));
    let others = [
        User {
            subject: "bob".into(),
            ..user()
        },
        User {
            account: None,
            ..user()
        },
        User {
            issuer: Arc::from("https://other.example.net"),
            ..user()
        },
    ];
    for other in &others {
        assert!(!held(other, "gold", NOW_S));
    }
}

#[test]
fn a_pass_lives_through_a_rotation_and_ends_with_its_key() {
    const K1: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 1800000100 current";
    let pass = mint(&ring(&K1.replace("1800000100", "-")), &user()).token;
    let held = |now_s| {
        ring(&RING.replace("1800001000", "1800000100"))
            .held_pass(&pass, &user(), &gold(), now_s)
            .is_some()
    };
    assert!(held(NOW_S + 99), "accepted beside the new key");
    assert!(!held(NOW_S + 100), "over with the overlap");
    let retired = ring(RING.lines().nth(1).unwrap());
    assert!(retired.held_pass(&pass, &user(), &gold(), NOW_S).is_none());
}

#[test]
fn anything_else_is_no_pass() {
    let ring = ring(RING);
    let good = mint(&ring, &user()).token;
    let held = |pass: &str| ring.held_pass(pass, &user(), &gold(), NOW_S).is_some();
    assert!(held(&good));
    let parts = Compact::split(&good).unwrap();
    let forged = |header: serde_json::Value| {
        let header = BASE64URL_NOPAD.encode(header.to_string().as_bytes());
        let signed = format!("{header}.{}", parts.claims);
        let tag = BASE64URL_NOPAD.encode(&ring.tag(signed.as_bytes()));
        format!("{signed}.{tag}")
    };
    assert!(held(&forged(
        json!({"alg": "HS256", "kid": "k2", "typ": "tollgate-pass+jwt"})
    )));
    for bad in [
        String::new(),
        "a.b.c".to_owned(),
        format!("{good}A"),
        format!("{}.{}.{}", parts.header, parts.claims, "A".repeat(43)),
        forged(json!({"alg": "HS256", "kid": "k2"})),
        forged(json!({"alg": "HS256", "kid": "k2", "typ": "JWT"})),
        forged(json!({"alg": "RS256", "kid": "k2", "typ": "tollgate-pass+jwt"})),
        forged(json!({"alg": "HS256", "kid": "k1", "typ": "tollgate-pass+jwt"})),
        forged(json!({"alg": "HS256", "kid": "k9", "typ": "tollgate-pass+jwt"})),
        forged(json!({"alg": "HS256", "typ": "tollgate-pass+jwt"})),
    ] {
        assert!(!held(&bad), "{bad}");
    }
}
