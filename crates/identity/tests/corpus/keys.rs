//! Keys: which key may say that a signature holds, and who may name it.

use serde_json::{Value, json};
use tollgate_identity::{Algorithm, TokenError};

use super::{Attack, Table, World, attacks};
use crate::support::*;

fn forged(header: &str) -> String {
    let claims = claims().to_string();
    sign_raw(&KEYS.other_ed, Algorithm::EdDSA, header, claims.as_bytes())
}

/// Case 4.
pub fn in_the_header() -> Table {
    let jwk = KEYS.other_ed.jwk();
    let forged = |header: Value| forged(&header.to_string());
    let ours = json!({"alg": "EdDSA", "jwk": KEYS.ed.jwk()}).to_string();
    Table {
        case: 4,
        title: "A key in the header",
        source: "CVE-2018-0114, Wycheproof",
        world: World::usual(),
        attacks: attacks! {
            "`jwk` of the attacker" => forged(json!({"alg": "EdDSA", "jwk": jwk})), EmbeddedKey;
            "`jwk` of the attacker under our key id" => forged(json!({"alg": "EdDSA", "kid": "ed", "jwk": jwk})), EmbeddedKey;
            "`jwk` is null" => forged(json!({"alg": "EdDSA", "kid": "ed", "jwk": null})), EmbeddedKey;
            "`jwk` is our own key" => with_header(&ours), EmbeddedKey;
            "`jwk` is a secret" => hs256(b"s", &json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "cw"}}).to_string(), &claims()), EmbeddedKey;
        },
    }
}

/// Case 5. Nothing here opens a socket: the crate has none to open.
pub fn places_in_the_header() -> Table {
    let at = |name: &str, url: &str| {
        with_header(&json!({"alg": "EdDSA", "kid": "ed", name: url}).to_string())
    };
    let chain = json!({"alg": "EdDSA", "kid": "ed", "x5c": ["AAAA"], "x5t": "AAAA"}).to_string();
    Table {
        case: 5,
        title: "A place of keys in the header",
        source: "RFC 8725, 3.10; jwt_tool",
        world: World::usual(),
        attacks: attacks! {
            "`jku` to the attacker" => at("jku", "https://evil.example/jwks.json"), EmbeddedKey;
            "`jku` to loopback" => at("jku", "http://127.0.0.1/"), EmbeddedKey;
            "`jku` to cloud metadata" => at("jku", "http://169.254.169.254/"), EmbeddedKey;
            "`jku` to a file" => at("jku", "file:///dev/null"), EmbeddedKey;
            "`jku` of the issuer itself" => at("jku", "https://login.example.com/jwks.json"), EmbeddedKey;
            "`jku` that only looks like the issuer's" => at("jku", "https://login.example.com@evil.example/"), EmbeddedKey;
            "`x5u` to the attacker" => at("x5u", "https://evil.example/cert"), EmbeddedKey;
            "`x5u` to loopback" => at("x5u", "http://[::1]/cert"), EmbeddedKey;
            "`x5c` with another chain" => forged(&chain), Signature;
        },
    }
}

/// Case 6.
pub fn ids_are_only_compared() -> Table {
    let kid = |kid: Value| with_header(&json!({"alg": "EdDSA", "kid": kid}).to_string());
    let empty_secret = |kid: &str| {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        hs256(b"", &header, &claims())
    };
    Table {
        case: 6,
        title: "A key id is only compared",
        source: "jwt_tool; RFC 8725, 3.10",
        world: World::usual(),
        attacks: attacks! {
            "traversal to `/dev/null`" => kid(json!("../../dev/null")), UnknownKey;
            "traversal, HS256 under the empty file" => empty_secret("../../../../dev/null"), Algorithm;
            "traversal back to the key" => kid(json!("../keys/ed")), UnknownKey;
            "an absolute path" => kid(json!("/proc/self/environ")), UnknownKey;
            "a URL" => kid(json!("https://evil.example/k")), UnknownKey;
            "SQL: `' OR 1=1`" => kid(json!("' OR 1=1")), UnknownKey;
            "SQL: a union with a key" => kid(json!("x' UNION SELECT 'secret")), UnknownKey;
            "a shell command" => kid(json!("ed; sleep 9 |")), UnknownKey;
            "a template" => kid(json!("{{ed}}${ed}%(ed)s")), UnknownKey;
            "8 KB" => kid(json!("k".repeat(8192))), TooLarge;
            "256 bytes" => kid(json!("k".repeat(256))), HeaderValue;
            "a NUL behind" => kid(json!("ed\0")), UnknownKey;
            "a line feed behind" => kid(json!("ed\n")), UnknownKey;
            "empty" => kid(json!("")), UnknownKey;
            "`ED` for `ed`" => kid(json!("ED")), UnknownKey;
            "a blank behind" => kid(json!("ed ")), UnknownKey;
            "a Cyrillic letter in it" => kid(json!("\u{435}d")), UnknownKey;
            "a number" => kid(json!(1)), HeaderValue;
            "a list" => kid(json!(["ed"])), HeaderValue;
            "null" => kid(Value::Null), HeaderValue;
            "an object" => kid(json!({"ed": 1})), HeaderValue;
        },
    }
}

/// Case 7: no key of the algorithm.
pub fn without_an_id() -> Table {
    let jwks = key_set(&[KEYS.p256.jwk()]);
    let es256 = |key: &SigningKey| {
        let claims = claims().to_string();
        sign_raw(
            key,
            Algorithm::Es256,
            r#"{"alg":"ES256"}"#,
            claims.as_bytes(),
        )
    };
    let stranger = SigningKey::p256();
    Table {
        case: 7,
        title: "No key id",
        source: "RFC 7515, 4.1.4",
        world: World::with_keys(jwks, es256(&KEYS.p256)),
        attacks: attacks! {
            "no key of that algorithm in the set" => with_header(r#"{"alg":"EdDSA"}"#), UnknownKey;
            "a stranger's key of that algorithm" => es256(&stranger), Signature;
        },
    }
}

/// Five EdDSA keys in one set.
pub fn five_keys() -> (Vec<SigningKey>, Vec<u8>) {
    let keys: Vec<_> = (0..5).map(|_| SigningKey::ed25519()).collect();
    let jwk = |(n, key): (usize, &SigningKey)| key.jwk_with(json!({"kid": n.to_string()}));
    let jwks: Vec<_> = keys.iter().enumerate().map(jwk).collect();
    (keys, key_set(&jwks))
}

/// A token that names no key.
pub fn nameless(key: &SigningKey) -> String {
    let claims = claims().to_string();
    sign_raw(
        key,
        Algorithm::EdDSA,
        r#"{"alg":"EdDSA"}"#,
        claims.as_bytes(),
    )
}

/// Case 7: work is bounded by trying four keys, in an order of their own.
pub fn the_fifth_without_an_id() -> Table {
    let (keys, jwks) = five_keys();
    Table {
        case: 7,
        title: "No key id",
        source: "RFC 7515, 4.1.4",
        world: World::with_keys(jwks, nameless(&keys[0])),
        attacks: attacks! {
            "five keys fit: the fifth is not tried" => nameless(&keys[4]), Signature;
        },
    }
}

/// Case 8.
pub fn one_id_twice() -> Table {
    let jwks = key_set(&[
        KEYS.ed.jwk_with(json!({"kid": "ed"})),
        KEYS.other_ed.jwk_with(json!({"kid": "ed"})),
        KEYS.p256.jwk_with(json!({"kid": "p256"})),
    ]);
    let claims = claims().to_string();
    let header = r#"{"alg":"ES256","kid":"p256"}"#;
    let victim = sign_raw(&KEYS.p256, Algorithm::Es256, header, claims.as_bytes());
    Table {
        case: 8,
        title: "Two keys with one id",
        source: "Wycheproof",
        world: World::with_keys(jwks, victim),
        attacks: attacks! {
            "signed by the first" => with_header(r#"{"alg":"EdDSA","kid":"ed"}"#), UnknownKey;
            "signed by the second" => forged(r#"{"alg":"EdDSA","kid":"ed"}"#), UnknownKey;
            "signed by the first, without a key id" => with_header(r#"{"alg":"EdDSA"}"#), UnknownKey;
        },
    }
}

/// Case 9.
pub fn secret_in_a_public_set() -> Table {
    let secret = [b's'; 32];
    let oct = json!({"kty": "oct", "kid": "oct", "k": b64(secret), "alg": "HS256"});
    let jwks = key_set(&[oct, KEYS.ed.jwk_with(json!({"kid": "ed"}))]);
    Table {
        case: 9,
        title: "A secret in a public key set",
        source: "Wycheproof",
        world: World::with_keys(jwks, ed_token(&claims())),
        attacks: attacks! {
            "HS256 under it" => hs256(&secret, r#"{"alg":"HS256","kid":"oct"}"#, &claims()), Algorithm;
            "HS256 under it, without a key id" => hs256(&secret, r#"{"alg":"HS256"}"#, &claims()), Algorithm;
            "EdDSA that names it" => with_header(r#"{"alg":"EdDSA","kid":"oct"}"#), UnknownKey;
        },
    }
}

/// Keys that give no protection, each under its id.
pub fn weak_keys() -> Vec<Value> {
    let ed = |kid: &str, x: &[u8]| json!({"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": b64(x)});
    let identity = [&[1][..], &[0; 31]].concat();
    vec![
        json!({"kid": "rsa1024", "kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"}),
        json!({"kid": "rsa-e1", "kty": "RSA", "n": b64([0xff; 256]), "e": "AQ"}),
        json!({"kid": "off", "kty": "EC", "crv": "P-256", "x": b64([1; 32]), "y": b64([1; 32])}),
        json!({"kid": "zero", "kty": "EC", "crv": "P-256", "x": b64([0; 32]), "y": b64([0; 32])}),
        ed("order4", &[0; 32]),
        ed("identity", &identity),
        ed("short", &[7; 31]),
    ]
}

/// Case 10: tokens that such keys would let pass. The set holds them; the verifier does not.
pub fn weak() -> Table {
    let mut jwks = weak_keys();
    jwks.push(KEYS.ed.jwk_with(json!({"kid": "ed"})));
    // With the exponent 1 the padded digest is its own signature; under a point of small order
    // a signature of zeros holds for some messages, under the identity for all.
    let identity_zero = [&[1][..], &[0; 63]].concat();
    let token = |alg: &str, kid: &str, signature: &dyn Fn(&[u8]) -> Vec<u8>| {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        let signed = format!("{}.{}", b64(header), b64(claims().to_string()));
        let signature = b64(signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    };
    let fixed = |bytes: Vec<u8>| move |_: &[u8]| bytes.clone();
    let row = |what: &str, token| Attack::by_token(what, token, TokenError::UnknownKey);
    Table {
        case: 10,
        title: "Weak keys in the set",
        source: "Wycheproof; NIST SP 800-131A; RFC 8032",
        world: World::with_keys(key_set(&jwks), ed_token(&claims())),
        attacks: vec![
            row(
                "RSA of 1024 bits",
                token("RS256", "rsa1024", &fixed(vec![1; 128])),
            ),
            row(
                "RSA with the exponent 1, padded digest as signature",
                token("RS256", "rsa-e1", &padded_digest),
            ),
            row(
                "P-256 point off the curve",
                token("ES256", "off", &fixed(vec![1; 64])),
            ),
            row(
                "P-256 point of zeros",
                token("ES256", "zero", &fixed(vec![0; 64])),
            ),
            row(
                "Ed25519 point of order 4, signature of zeros",
                token("EdDSA", "order4", &fixed(vec![0; 64])),
            ),
            row(
                "Ed25519 identity, a signature that holds for any message",
                token("EdDSA", "identity", &fixed(identity_zero)),
            ),
            row(
                "Ed25519 key of 31 bytes",
                token("EdDSA", "short", &fixed(vec![1; 64])),
            ),
        ],
    }
}

/// EMSA-PKCS1-v1_5 of SHA-256 in 256 bytes (RFC 8017 section 9.2).
fn padded_digest(message: &[u8]) -> Vec<u8> {
    const PREFIX: &[u8] =
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message);
    let padding = vec![0xff; 256 - 3 - PREFIX.len() - digest.as_ref().len()];
    [&[0, 1][..], &padding, &[0], PREFIX, digest.as_ref()].concat()
}
