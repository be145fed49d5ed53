//! What holds for any token: one spelling, no panic, no user without a signature.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod support;

use proptest::prelude::*;
use serde_json::json;
use support::*;
use tollgate_identity::{Algorithm, KeySet, TokenVerdict, Verifier};

fn passes(verifier: &Verifier, token: &str) -> bool {
    matches!(verifier.verify(token, NOW_S), TokenVerdict::Valid(_))
}

/// One good token of each kind of key.
fn good_tokens() -> Vec<String> {
    let sign = |key, algorithm: Algorithm, kid: &str| {
        let header = json!({"alg": algorithm.as_str(), "kid": kid}).to_string();
        sign_raw(key, algorithm, &header, claims().to_string().as_bytes())
    };
    vec![
        sign(&KEYS.ed, Algorithm::EdDSA, "ed"),
        sign(&KEYS.p256, Algorithm::Es256, "p256"),
        sign(&KEYS.p384, Algorithm::Es384, "p384"),
        sign(&KEYS.rsa, Algorithm::Rs256, "rs256"),
        sign(&KEYS.rsa, Algorithm::Ps256, "ps256"),
    ]
}

#[test]
fn every_single_character_matters() {
    let verifier = verifier();
    for token in good_tokens() {
        assert!(passes(&verifier, &token));
        for place in 0..token.len() {
            let old = token.as_bytes()[place];
            // The neighbours in the alphabet: they change the fewest bits.
            for new in [old ^ 1, old.wrapping_add(1), b'A', b'_', b'.', b'='] {
                if new != old && new.is_ascii() {
                    let mut changed = token.clone().into_bytes();
                    changed[place] = new;
                    let changed = String::from_utf8(changed).unwrap();
                    assert!(!passes(&verifier, &changed), "{place}: {changed}");
                }
            }
            let mut without = token.clone();
            without.remove(place);
            assert!(!passes(&verifier, &without), "{place}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_refused_without_a_panic(token in "\\PC{0,200}") {
        prop_assert!(!passes(&verifier(), &token));
    }

    #[test]
    fn any_three_parts_are_refused_without_a_panic(
        header in proptest::collection::vec(any::<u8>(), 0..80),
        claims in proptest::collection::vec(any::<u8>(), 0..80),
        signature in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let token = format!("{}.{}.{}", b64(header), b64(claims), b64(signature));
        prop_assert!(!passes(&verifier(), &token));
    }

    #[test]
    fn any_signed_payload_is_judged_without_a_panic(
        claims in r#"\{("(iss|aud|exp|sub|nbf|iat|account)":("[a-z]{0,3}"|-?[0-9]{1,12}|null|\[\]|1e5),?){0,6}\}"#
    ) {
        let token = ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims);
        prop_assert!(!passes(&verifier(), &token), "no such payload names our issuer");
    }

    #[test]
    fn edits_of_a_good_token_are_refused(
        which in 0_usize..5, place: prop::sample::Index, cut in 0_usize..4, text in "[A-Za-z0-9_.=-]{0,4}"
    ) {
        let token = &good_tokens()[which];
        let start = place.index(token.len());
        let end = (start + cut).min(token.len());
        let edited = format!("{}{text}{}", &token[..start], &token[end..]);
        prop_assert_eq!(passes(&verifier(), &edited), edited == *token);
    }

    #[test]
    fn any_key_set_is_read_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = KeySet::parse(&text);
    }

    #[test]
    fn near_key_sets_are_read_without_a_panic(
        kty in "RSA|EC|OKP|oct", crv in "P-256|P-384|Ed25519", n in "[A-Za-z0-9_-]{0,60}", x in "[A-Za-z0-9_-]{42,44}"
    ) {
        let key = json!({"kty": kty, "crv": crv, "n": n, "e": x, "x": x, "y": x});
        let _ = KeySet::parse(&key_set(&[key]));
    }

    #[test]
    fn users_are_apart_whatever_their_names(
        one in ("[a-z:0-9]{1,6}", "[a-z:0-9]{0,6}"), other in ("[a-z:0-9]{1,6}", "[a-z:0-9]{0,6}")
    ) {
        let verifier = verifier();
        let key = |(sub, account): &(String, String)| {
            let token = ed_token(&claims_with(json!({"sub": sub, "account": account})));
            verdict(&verifier, &token).unwrap().key
        };
        prop_assert_eq!(key(&one) == key(&other), one == other);
    }
}
