//! The signature layer alone, under the keys of a file.

use super::*;

#[test]
fn the_signature_layer_alone_takes_any_payload() {
    let keys = LocalKeys::parse(&all_keys()).unwrap();
    let header = r#"{"alg":"ES256","kid":"p256"}"#;
    for payload in [b"any bytes\xff".as_slice(), b""] {
        let token = sign_raw(&KEYS.p256, Algorithm::Es256, header, payload);
        assert_eq!(verify_jws(&token, &keys), Ok(payload.to_vec()));
    }
    let token = sign_raw(&KEYS.p256, Algorithm::Es256, header, b"any bytes\xff");
    let cut = with_signature(&token, "AAAA");
    assert_eq!(verify_jws(&cut, &keys), Err(TokenError::Signature));
}

#[test]
fn every_algorithm_verifies_under_its_own_key_and_no_other() {
    let payload = claims().to_string();
    let keys = LocalKeys::parse(&all_keys()).unwrap();
    let signed = |algorithm: Algorithm, key: &SigningKey, kid: &str| {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#);
        verify_jws(
            &sign_raw(key, algorithm, &header, payload.as_bytes()),
            &keys,
        )
    };
    for (algorithm, key, kid) in [
        (Algorithm::EdDSA, &KEYS.ed, "ed"),
        (Algorithm::Es256, &KEYS.p256, "p256"),
        (Algorithm::Es384, &KEYS.p384, "p384"),
        (Algorithm::Es512, &KEYS.p521, "p521"),
        (Algorithm::Rs256, &KEYS.rsa, "rsa"),
        (Algorithm::Rs384, &KEYS.rsa, "rsa"),
        (Algorithm::Rs512, &KEYS.rsa, "rsa"),
        (Algorithm::Ps256, &KEYS.rsa, "rsa"),
        (Algorithm::Ps384, &KEYS.rsa, "rsa"),
        (Algorithm::Ps512, &KEYS.rsa, "rsa"),
    ] {
        assert_eq!(
            signed(algorithm, key, kid).as_deref(),
            Ok(payload.as_bytes()),
            "{algorithm}"
        );
        let elsewhere = if kid == "ps256" { "rs256" } else { "ps256" };
        if algorithm != Algorithm::Ps256 {
            let found = signed(algorithm, key, elsewhere);
            assert_eq!(found, Err(TokenError::KeyMismatch), "{algorithm}");
        }
    }
}

#[test]
fn a_secret_of_ones_own_file_is_for_hs256_and_nothing_else_is() {
    let secret = [7; 32];
    let jwk = |members: Value| {
        let mut jwk = json!({"kty": "oct", "kid": "s", "k": b64(secret)});
        jwk.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        jwk
    };
    let token = |kid: &str| {
        hs256(
            &secret,
            &format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#),
            &claims(),
        )
    };
    let parsed = |jwk: &Value| LocalKeys::parse(jwk.to_string().as_bytes()).unwrap();
    for members in [
        json!({}),
        json!({"alg": "HS256", "use": "sig"}),
        json!({"key_ops": ["sign", "verify"]}),
    ] {
        let keys = parsed(&jwk(members));
        assert!(verify_jws(&token("s"), &keys).is_ok());
        assert_eq!(verify_jws(&token("t"), &keys), Err(TokenError::UnknownKey));
        let nameless = hs256(&secret, r#"{"alg":"HS256"}"#, &claims());
        assert!(verify_jws(&nameless, &keys).is_ok());
        let other = hs256(&[8; 32], r#"{"alg":"HS256"}"#, &claims());
        assert_eq!(verify_jws(&other, &keys), Err(TokenError::Signature));
    }
    for (members, refusal) in [
        (json!({"use": "enc"}), "use"),
        (json!({"key_ops": ["sign"]}), "key_ops"),
        (json!({"alg": "HS512"}), "alg"),
        (json!({"k": b64([7; 31])}), "secret_length"),
        (json!({"k": "not base64url!"}), "malformed"),
    ] {
        let keys = parsed(&jwk(members));
        assert!(keys.is_empty());
        let ignored: Vec<_> = keys.ignored().iter().map(|(why, _)| why.code()).collect();
        assert_eq!(ignored, [refusal]);
        assert_eq!(verify_jws(&token("s"), &keys), Err(TokenError::UnknownKey));
    }
    // Case 2 at this layer: what is public is no secret, whatever the header says.
    let public = LocalKeys::parse(&all_keys()).unwrap();
    let forged = hs256(&all_keys(), r#"{"alg":"HS256","kid":"rsa"}"#, &claims());
    assert_eq!(verify_jws(&forged, &public), Err(TokenError::KeyMismatch));
}
