use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::*;

/// RFC 8037 appendix A.2.
const ED_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// RFC 7517 appendix A.1.
const P256_X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
const P256_Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

fn b64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn ed(members: Value) -> Value {
    with(json!({"kty": "OKP", "crv": "Ed25519", "x": ED_X}), members)
}

fn p256(members: Value) -> Value {
    with(
        json!({"kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_Y}),
        members,
    )
}

/// An RSA key whose modulus is odd and has these many bytes, all ones.
fn rsa(bytes: usize, members: Value) -> Value {
    with(
        json!({"kty": "RSA", "n": b64(&vec![0xff; bytes]), "e": "AQAB"}),
        members,
    )
}

fn with(mut jwk: Value, mut members: Value) -> Value {
    jwk.as_object_mut()
        .unwrap()
        .append(members.as_object_mut().unwrap());
    jwk
}

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// Why a key is ignored, or "admitted".
fn fate(jwk: Value) -> &'static str {
    // A key of another kind keeps the set usable.
    let keeper = if jwk["kty"] == "EC" {
        ed(json!({}))
    } else {
        p256(json!({}))
    };
    match parse(&[jwk, keeper]).unwrap().ignored() {
        [] => "admitted",
        [(reason, 1)] => reason.code(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_are_admitted_or_ignored_for_a_reason() {
    let e = |e: &[u8]| rsa(256, json!({"e": b64(e)}));
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    let zero_first = [&[0][..], &[0xff; 256]].concat();
    for (jwk, expected) in [
        (ed(json!({})), "admitted"),
        (
            ed(json!({"use": "sig", "alg": "EdDSA", "kid": "k", "x5c": ["A"], "z": null})),
            "admitted",
        ),
        (ed(json!({"alg": "Ed25519"})), "admitted"),
        (ed(json!({"key_ops": ["sign", "verify"]})), "admitted"),
        (p256(json!({"alg": "ES256"})), "admitted"),
        (rsa(256, json!({"alg": "PS256"})), "admitted"),
        (rsa(1024, json!({})), "admitted"),
        (e(&[3]), "admitted"),
        (rsa(256, json!({"n": b64(&zero_first)})), "admitted"),
        (json!(7), "malformed"),
        (json!({}), "malformed"),
        (json!({"kty": 7}), "malformed"),
        (json!({"kty": "oct", "k": "c2VjcmV0"}), "symmetric"),
        (json!({"kty": "oct", "use": "enc"}), "symmetric"),
        (json!({"kty": "AKP", "pub": "AA"}), "key_type"),
        (json!({"kty": "rsa", "n": "AA", "e": "AQAB"}), "key_type"),
        (ed(json!({"d": "AA"})), "private"),
        (rsa(256, json!({"d": "AA"})), "private"),
        (ed(json!({"use": "enc"})), "use"),
        (ed(json!({"use": "SIG"})), "use"),
        (ed(json!({"use": ["sig"]})), "malformed"),
        (ed(json!({"key_ops": ["sign"]})), "key_ops"),
        (ed(json!({"key_ops": []})), "key_ops"),
        (ed(json!({"key_ops": "verify"})), "malformed"),
        (ed(json!({"alg": "ES256"})), "alg"),
        (ed(json!({"alg": "none"})), "alg"),
        (p256(json!({"alg": "ES384"})), "alg"),
        (rsa(256, json!({"alg": "RSA-OAEP"})), "alg"),
        (rsa(256, json!({"alg": "HS256"})), "alg"),
        (ed(json!({"kid": 7})), "malformed"),
        (ed(json!({"kid": "k".repeat(256)})), "malformed"),
        (rsa(255, json!({})), "rsa_modulus"),
        (rsa(128, json!({})), "rsa_modulus"),
        (rsa(1025, json!({})), "rsa_modulus"),
        (rsa(256, json!({"n": b64(&even)})), "rsa_modulus"),
        (rsa(256, json!({"n": ""})), "rsa_modulus"),
        (e(&[]), "rsa_exponent"),
        (e(&[0]), "rsa_exponent"),
        (e(&[1]), "rsa_exponent"),
        (e(&[2]), "rsa_exponent"),
        (e(&[1, 0, 0]), "rsa_exponent"),
        (e(&[0xff; 5]), "rsa_exponent"),
        (rsa(256, json!({"e": "AQAB="})), "malformed"),
        (rsa(256, json!({"e": 65537})), "malformed"),
        (
            rsa(256, json!({"n": b64(&super::super::weak::roca_like())})),
            "roca",
        ),
        (p256(json!({"y": P256_X})), "point"),
        (
            p256(json!({"x": b64(&[0; 32]), "y": b64(&[0; 32])})),
            "point",
        ),
        (p256(json!({"x": b64(&[0xff; 32])})), "point"),
        (p256(json!({"x": b64(&[1; 31])})), "malformed"),
        (p256(json!({"x": b64(&[0; 33])})), "malformed"),
        (p256(json!({"crv": "P-384"})), "malformed"),
        (p256(json!({"crv": "P-521"})), "malformed"),
        (p256(json!({"crv": "secp256k1"})), "curve"),
        (ed(json!({"crv": "X25519"})), "curve"),
        (ed(json!({"crv": "Ed448"})), "curve"),
        (ed(json!({"x": b64(&[9; 31])})), "malformed"),
        (ed(json!({"x": b64(&[9; 33])})), "malformed"),
        (ed(json!({"x": b64(&[0; 32])})), "small_order"),
    ] {
        assert_eq!(fate(jwk.clone()), expected, "{jwk:.300}");
    }
}

#[test]
fn what_is_no_key_set_is_refused_whole() {
    let refused = |text: &[u8]| KeySet::parse(text).err();
    for text in [
        "",
        "null",
        "[]",
        "{",
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#,
    ] {
        assert_eq!(refused(text.as_bytes()), Some(KeySetError::Json), "{text}");
    }
    for text in ["{}", r#"{"keys":{}}"#, r#"{"Keys":[]}"#, r#"{"keys":null}"#] {
        assert_eq!(
            refused(text.as_bytes()),
            Some(KeySetError::NoKeysMember),
            "{text}"
        );
    }
    assert_eq!(refused(br#"{"keys":[]}"#), Some(KeySetError::NoUsableKeys));
    assert_eq!(
        parse(&vec![json!({"kty": "oct"}); 100]).err(),
        Some(KeySetError::NoUsableKeys)
    );
    assert_eq!(
        parse(&vec![ed(json!({})); 101]).err(),
        Some(KeySetError::TooManyKeys)
    );
    let padded = |n: usize| format!("{}{}", json!({"keys": [ed(json!({}))]}), " ".repeat(n));
    let room = JWKS_BYTES_MAX - padded(0).len();
    assert_eq!(refused(padded(room).as_bytes()), None);
    assert_eq!(
        refused(padded(room + 1).as_bytes()),
        Some(KeySetError::TooLarge)
    );
}

#[test]
fn a_key_id_twice_disables_that_id_alone() {
    let set = parse(&[
        ed(json!({"kid": "a"})),
        p256(json!({"kid": "a"})),
        rsa(256, json!({"kid": "b"})),
        ed(json!({})),
        p256(json!({})),
    ]);
    let set = set.unwrap();
    assert_eq!(set.len(), 3);
    assert_eq!(set.ignored(), [(KeyRefusal::DuplicateKid, 2)]);
    assert!(set.named("a").is_none() && set.named("b").is_some());
    assert_eq!(
        set.verifiers(Algorithm::EdDSA).count(),
        1,
        "nameless keys share no name"
    );
    let repeated = parse(&[ed(json!({"kid": "a"})), ed(json!({"kid": "a"}))]).unwrap();
    assert_eq!(
        (repeated.len(), repeated.ignored()),
        (1, &[][..]),
        "the same key is no other key"
    );
}

#[test]
fn the_fingerprint_is_of_the_keys_not_of_their_order() {
    let of = |keys: &[Value]| *parse(keys).unwrap().fingerprint();
    let (a, b) = (ed(json!({"kid": "a"})), p256(json!({"kid": "b"})));
    let both = of(&[a.clone(), b.clone()]);
    assert_eq!(both, of(&[b.clone(), a.clone()]));
    assert_eq!(
        both,
        of(&[
            a.clone(),
            json!({"kty": "oct"}),
            with(b.clone(), json!({"x": P256_X, "new": 1}))
        ])
    );
    for other in [
        of(std::slice::from_ref(&a)),
        of(&[a.clone(), p256(json!({"kid": "c"}))]),
        of(&[a.clone(), p256(json!({}))]),
        of(&[ed(json!({"kid": "b"})), p256(json!({"kid": "a"}))]),
        of(&[a, rsa(256, json!({"kid": "b"}))]),
    ] {
        assert_ne!(both, other);
    }
    let rs = |alg: &str| of(&[rsa(256, json!({"kid": "a", "alg": alg}))]);
    assert_ne!(rs("RS256"), rs("PS256"));
}

#[test]
fn an_rsa_key_without_alg_verifies_every_rsa_scheme_and_nothing_else() {
    let set = parse(&[rsa(256, json!({"kid": "a"}))]).unwrap();
    let key = set.named("a").unwrap();
    let can = |algorithm: &Algorithm| key.verifier(*algorithm).is_some();
    let able: Vec<_> = Algorithm::ALL.into_iter().filter(can).collect();
    assert_eq!(
        able,
        [
            Algorithm::Rs256,
            Algorithm::Rs384,
            Algorithm::Rs512,
            Algorithm::Ps256,
            Algorithm::Ps384,
            Algorithm::Ps512
        ]
    );
}
