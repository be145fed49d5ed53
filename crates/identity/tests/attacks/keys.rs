//! Algorithms and keys: which key may say that a signature holds.

use super::*;
use crate::corpus::{algorithms, keys, signatures};

#[test]
fn case_000_every_algorithm_verifies_under_its_key() {
    let verifier = refused(&signatures::of_another_message());
    for (algorithm, key, kid) in signatures::algorithms() {
        let token = signatures::good(algorithm, key, kid);
        let user = verdict(&verifier, &token).unwrap();
        assert_eq!(&*user.subject, "alice", "{algorithm}");
    }
    assert!(
        verdict(&verifier, &with_header(r#"{"alg":"Ed25519","kid":"ed"}"#)).is_ok(),
        "RFC 9864"
    );
}

#[test]
fn case_001_no_algorithm() {
    refused(&algorithms::none());
}

#[test]
fn case_002_hmac_under_a_public_key() {
    refused(&algorithms::hmac_under_a_public_key());
}

#[test]
fn case_002_a_secret_verifies_only_its_own_issuer() {
    refused(&algorithms::secret_of_one_issuer());
}

#[test]
fn case_003_one_scheme_of_a_key_under_the_name_of_another() {
    refused(&algorithms::one_scheme_under_the_name_of_another());
}

#[test]
fn case_004_a_key_in_the_header() {
    refused(&keys::in_the_header());
}

#[test]
fn case_005_a_place_of_keys_in_the_header() {
    let verifier = refused(&keys::places_in_the_header());
    // Certificates are not looked at: the configured key alone decides.
    let chain = json!({"alg": "EdDSA", "kid": "ed", "x5c": ["AAAA"], "x5t": "AAAA"}).to_string();
    assert!(verdict(&verifier, &with_header(&chain)).is_ok());
}

#[test]
fn case_006_a_key_id_is_only_compared() {
    refused(&keys::ids_are_only_compared());
}

#[test]
fn case_007_without_a_key_id_four_keys_are_tried() {
    let one = with_header(r#"{"alg":"EdDSA"}"#);
    assert!(
        verdict(&verifier(), &one).is_ok(),
        "the one key of that algorithm"
    );
    refused(&keys::without_an_id());
    refused(&keys::the_fifth_without_an_id());
    // Keys are tried in an order of their own: of five, one is never reached.
    let (keys, jwks) = keys::five_keys();
    let verifier = verifier_of(vec![rules(ISSUER, holder(&jwks))]);
    let verdicts: Vec<_> = keys
        .iter()
        .map(|key| verdict(&verifier, &keys::nameless(key)).is_ok())
        .collect();
    assert_eq!(verdicts, [true, true, true, true, false]);
}

#[test]
fn case_008_a_key_id_twice_is_no_key() {
    let verifier = refused(&corpus::keys::one_id_twice());
    assert_eq!(
        verifier.stats().keys[0]
            .ignored
            .iter()
            .map(|(why, n)| (why.code(), *n))
            .collect::<Vec<_>>(),
        [("duplicate_kid", 2)]
    );
    assert_eq!(verifier.stats().keys[0].keys, 1);
}

#[test]
fn case_009_a_secret_in_a_public_set_is_no_key() {
    refused(&keys::secret_in_a_public_set());
    let oct = json!({"kty": "oct", "kid": "oct", "k": b64([b's'; 32]), "alg": "HS256"});
    assert_eq!(
        KeySet::parse(&key_set(&[oct])).err(),
        Some(KeySetError::NoUsableKeys)
    );
}

#[test]
fn case_010_weak_keys_are_not_admitted() {
    let verifier = refused(&keys::weak());
    assert_eq!(verifier.stats().keys[0].keys, 1);
    // The table of weak keys stands with the admission of keys; here: such a set is no set.
    for jwk in keys::weak_keys() {
        assert_eq!(
            KeySet::parse(&key_set(std::slice::from_ref(&jwk))).err(),
            Some(KeySetError::NoUsableKeys),
            "{jwk}"
        );
    }
}

#[test]
fn case_011_ecdsa_signatures_out_of_range_or_shape() {
    let verifier = refused(&signatures::ecdsa_out_of_range());
    let good = signatures::good(Algorithm::Es256, &KEYS.p256, "p256");
    assert!(verdict(&verifier, &good).is_ok());
}
