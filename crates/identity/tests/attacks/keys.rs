//! Algorithms and keys: which key may say that a signature holds.

use super::*;

#[test]
fn case_000_every_algorithm_verifies_under_its_key() {
    let verifier = verifier();
    for (algorithm, key, kid) in [
        (Algorithm::EdDSA, &KEYS.ed, "ed"),
        (Algorithm::Es256, &KEYS.p256, "p256"),
        (Algorithm::Es384, &KEYS.p384, "p384"),
        (Algorithm::Rs256, &KEYS.rsa, "rsa"),
        (Algorithm::Rs384, &KEYS.rsa, "rsa"),
        (Algorithm::Rs512, &KEYS.rsa, "rsa"),
        (Algorithm::Ps256, &KEYS.rsa, "ps256"),
    ] {
        let header = json!({"alg": algorithm.as_str(), "kid": kid}).to_string();
        let token = sign_raw(key, algorithm, &header, claims().to_string().as_bytes());
        assert_eq!(
            &*verdict(&verifier, &token).unwrap().subject,
            "alice",
            "{algorithm}"
        );
        let flipped = with_signature(&token, &b64(key.sign(algorithm, b"another message")));
        assert_eq!(
            verdict(&verifier, &flipped).err(),
            Some(TokenError::Signature),
            "{algorithm}"
        );
    }
    assert!(
        verdict(&verifier, &with_header(r#"{"alg":"Ed25519","kid":"ed"}"#)).is_ok(),
        "RFC 9864"
    );
}

#[test]
fn case_001_no_algorithm() {
    let unsigned = |alg: &str, signature: &str| {
        let header = json!({ "alg": alg }).to_string();
        format!("{}.{}.{signature}", b64(header), b64(claims().to_string()))
    };
    refused! { verifier():
        "none, empty signature" => unsigned("none", ""), Malformed;
        "none, some signature" => unsigned("none", "AAAA"), Algorithm;
        "None" => unsigned("None", "AAAA"), Algorithm;
        "nOnE" => unsigned("nOnE", "AAAA"), Algorithm;
        "NONE" => unsigned("NONE", "AAAA"), Algorithm;
        "empty name" => unsigned("", "AAAA"), Algorithm;
        "EdDSA, empty signature" => unsigned("EdDSA", ""), Malformed;
        "no alg at all" => with_header(r#"{"kid":"ed"}"#), Algorithm;
        "alg null" => with_header(r#"{"alg":null,"kid":"ed"}"#), Algorithm;
        "alg list" => with_header(r#"{"alg":["EdDSA"],"kid":"ed"}"#), Algorithm;
    }
}

#[test]
fn case_002_hmac_under_a_public_key() {
    let jwk = KEYS.rsa.jwk();
    let modulus = data_encoding::BASE64URL_NOPAD
        .decode(jwk["n"].as_str().unwrap().as_bytes())
        .unwrap();
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        data_encoding::BASE64.encode(&modulus)
    );
    let header = |kid: &str| format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
    let ed = KEYS.ed.jwk()["x"].as_str().unwrap().to_owned();
    refused! { verifier():
        "PEM" => hs256(pem.as_bytes(), &header("rsa"), &claims()), Algorithm;
        "raw modulus" => hs256(&modulus, &header("rsa"), &claims()), Algorithm;
        "JWK text" => hs256(jwk.to_string().as_bytes(), &header("rsa"), &claims()), Algorithm;
        "JWK set text" => hs256(&all_keys(), &header("rsa"), &claims()), Algorithm;
        "Ed25519 x" => hs256(ed.as_bytes(), &header("ed"), &claims()), Algorithm;
        "empty secret" => hs256(b"", &header("ed"), &claims()), Algorithm;
        "no kid" => hs256(&modulus, r#"{"alg":"HS256"}"#, &claims()), Algorithm;
    }
}

#[test]
fn case_003_one_scheme_of_a_key_under_the_name_of_another() {
    let token = |header: &str, key: &SigningKey, signed_as| {
        sign_raw(key, signed_as, header, claims().to_string().as_bytes())
    };
    let rsa = &KEYS.rsa;
    refused! { verifier():
        "RS256 on a PS256 key" => token(r#"{"alg":"RS256","kid":"ps256"}"#, rsa, Algorithm::Rs256), KeyMismatch;
        "PS256 on an RS256 key" => token(r#"{"alg":"PS256","kid":"rs256"}"#, rsa, Algorithm::Ps256), KeyMismatch;
        "RS512 on an RS256 key" => token(r#"{"alg":"RS512","kid":"rs256"}"#, rsa, Algorithm::Rs512), KeyMismatch;
        "RS256 that says PS256" => token(r#"{"alg":"PS256","kid":"rsa"}"#, rsa, Algorithm::Rs256), Signature;
        "PS256 that says RS256" => token(r#"{"alg":"RS256","kid":"rsa"}"#, rsa, Algorithm::Ps256), Signature;
        "RS256 that says RS512" => token(r#"{"alg":"RS512","kid":"rsa"}"#, rsa, Algorithm::Rs256), Signature;
        "ES256 on an RSA key" => token(r#"{"alg":"ES256","kid":"rsa"}"#, &KEYS.p256, Algorithm::Es256), KeyMismatch;
        "EdDSA on a P-256 key" => token(r#"{"alg":"EdDSA","kid":"p256"}"#, &KEYS.ed, Algorithm::EdDSA), KeyMismatch;
        "ES256 on a P-384 key" => token(r#"{"alg":"ES256","kid":"p384"}"#, &KEYS.p256, Algorithm::Es256), KeyMismatch;
        "ES384 on a P-256 key" => token(r#"{"alg":"ES384","kid":"p256"}"#, &KEYS.p384, Algorithm::Es384), KeyMismatch;
    }
}

#[test]
fn case_004_a_key_in_the_header() {
    let jwk = KEYS.other_ed.jwk();
    let forged = |header: Value| {
        sign_raw(
            &KEYS.other_ed,
            Algorithm::EdDSA,
            &header.to_string(),
            claims().to_string().as_bytes(),
        )
    };
    refused! { verifier():
        "jwk" => forged(json!({"alg": "EdDSA", "jwk": jwk})), EmbeddedKey;
        "jwk and our kid" => forged(json!({"alg": "EdDSA", "kid": "ed", "jwk": jwk})), EmbeddedKey;
        "jwk null" => forged(json!({"alg": "EdDSA", "kid": "ed", "jwk": null})), EmbeddedKey;
        "our own jwk" => with_header(&json!({"alg": "EdDSA", "jwk": KEYS.ed.jwk()}).to_string()), EmbeddedKey;
    }
}

#[test]
fn case_005_a_place_of_keys_in_the_header() {
    let at = |name: &str, url: &str| {
        with_header(&json!({"alg": "EdDSA", "kid": "ed", name: url}).to_string())
    };
    refused! { verifier():
        "jku" => at("jku", "https://evil.example/jwks.json"), EmbeddedKey;
        "jku to loopback" => at("jku", "http://127.0.0.1/"), EmbeddedKey;
        "jku to metadata" => at("jku", "http://169.254.169.254/"), EmbeddedKey;
        "jku of the issuer" => at("jku", "https://login.example.com/jwks.json"), EmbeddedKey;
        "x5u" => at("x5u", "https://evil.example/cert"), EmbeddedKey;
    }
    // Certificates are not looked at: the configured key alone decides.
    let chain = json!({"alg": "EdDSA", "kid": "ed", "x5c": ["AAAA"], "x5t": "AAAA"}).to_string();
    let verifier = verifier();
    assert!(verdict(&verifier, &with_header(&chain)).is_ok());
    let forged = sign_raw(
        &KEYS.other_ed,
        Algorithm::EdDSA,
        &chain,
        claims().to_string().as_bytes(),
    );
    assert_eq!(
        verdict(&verifier, &forged).err(),
        Some(TokenError::Signature)
    );
}

#[test]
fn case_006_a_key_id_is_only_compared() {
    let kid = |kid: Value| with_header(&json!({"alg": "EdDSA", "kid": kid}).to_string());
    refused! { verifier():
        "path" => kid(json!("../../dev/null")), UnknownKey;
        "SQL" => kid(json!("' OR 1=1")), UnknownKey;
        "8 KB" => kid(json!("k".repeat(8192))), TooLarge;
        "256 bytes" => kid(json!("k".repeat(256))), HeaderValue;
        "NUL" => kid(json!("ed\0")), UnknownKey;
        "empty" => kid(json!("")), UnknownKey;
        "case" => kid(json!("ED")), UnknownKey;
        "blank" => kid(json!("ed ")), UnknownKey;
        "integer" => kid(json!(1)), HeaderValue;
        "array" => kid(json!(["ed"])), HeaderValue;
        "null" => kid(Value::Null), HeaderValue;
        "object" => kid(json!({"ed": 1})), HeaderValue;
    }
}

#[test]
fn case_007_without_a_key_id_four_keys_are_tried() {
    let nameless = with_header(r#"{"alg":"EdDSA"}"#);
    assert!(
        verdict(&verifier(), &nameless).is_ok(),
        "the one key of that algorithm"
    );
    // Keys are tried in an order of their own: of five, one is never reached.
    let keys: Vec<_> = (0..5).map(|_| SigningKey::ed25519()).collect();
    let jwks: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| key.jwk_with(json!({"kid": n.to_string()})))
        .collect();
    let verifier = verifier_of(vec![rules(ISSUER, holder(&key_set(&jwks)))]);
    let tokens = keys.iter().map(|key| {
        sign_raw(
            key,
            Algorithm::EdDSA,
            r#"{"alg":"EdDSA"}"#,
            claims().to_string().as_bytes(),
        )
    });
    let verdicts: Vec<_> = tokens
        .map(|token| verdict(&verifier, &token).is_ok())
        .collect();
    assert_eq!(verdicts, [true, true, true, true, false]);
    let none = verifier_of(vec![rules(ISSUER, holder(&key_set(&[KEYS.p256.jwk()])))]);
    assert_eq!(
        verdict(&none, &nameless).err(),
        Some(TokenError::UnknownKey)
    );
}

#[test]
fn case_008_a_key_id_twice_is_no_key() {
    let jwks = key_set(&[
        KEYS.ed.jwk_with(json!({"kid": "ed"})),
        KEYS.other_ed.jwk_with(json!({"kid": "ed"})),
        KEYS.p256.jwk_with(json!({"kid": "p256"})),
    ]);
    let verifier = verifier_of(vec![rules(ISSUER, holder(&jwks))]);
    assert_eq!(
        verdict(&verifier, &ed_token(&claims())).err(),
        Some(TokenError::UnknownKey)
    );
    assert_eq!(
        verdict(&verifier, &with_header(r#"{"alg":"EdDSA"}"#)).err(),
        Some(TokenError::UnknownKey)
    );
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
    let secret = [b's'; 32];
    let oct = json!({"kty": "oct", "kid": "oct", "k": b64(secret), "alg": "HS256"});
    assert_eq!(
        KeySet::parse(&key_set(std::slice::from_ref(&oct))).err(),
        Some(KeySetError::NoUsableKeys)
    );
    let jwks = key_set(&[oct, KEYS.ed.jwk_with(json!({"kid": "ed"}))]);
    let verifier = verifier_of(vec![rules(ISSUER, holder(&jwks))]);
    refused! { verifier:
        "HS256" => hs256(&secret, r#"{"alg":"HS256","kid":"oct"}"#, &claims()), Algorithm;
        "EdDSA on it" => with_header(r#"{"alg":"EdDSA","kid":"oct"}"#), UnknownKey;
    }
}

#[test]
fn case_010_weak_keys_are_not_admitted() {
    // The table of weak keys stands with the admission of keys; here: such a set is no set.
    for jwk in [
        json!({"kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"}),
        json!({"kty": "RSA", "n": b64([0xff; 256]), "e": "AQ"}),
        json!({"kty": "EC", "crv": "P-256", "x": b64([1; 32]), "y": b64([1; 32])}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": b64([0; 32])}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": b64([7; 31])}),
    ] {
        assert_eq!(
            KeySet::parse(&key_set(std::slice::from_ref(&jwk))).err(),
            Some(KeySetError::NoUsableKeys),
            "{jwk}"
        );
    }
}

#[test]
fn case_011_ecdsa_signatures_out_of_range_or_shape() {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = data_encoding::HEXLOWER.decode(ORDER.as_bytes()).unwrap();
    let header = r#"{"alg":"ES256","kid":"p256"}"#;
    let good = sign_raw(
        &KEYS.p256,
        Algorithm::Es256,
        header,
        claims().to_string().as_bytes(),
    );
    let signature = data_encoding::BASE64URL_NOPAD
        .decode(good.rsplit('.').next().unwrap().as_bytes())
        .unwrap();
    let (r, s) = signature.split_at(32);
    let (zero, most) = ([0; 32], [0xff; 32]);
    let pair = |r: &[u8], s: &[u8]| with_signature(&good, &b64([r, s].concat()));
    let der = [&[0x30, 0x46, 0x02, 0x21, 0][..], r, &[0x02, 0x21, 0], s].concat();
    let verifier = verifier();
    assert!(verdict(&verifier, &good).is_ok());
    let mut table = vec![
        ("DER", with_signature(&good, &b64(der))),
        ("one byte more", pair(r, &[s, &[0]].concat())),
        ("one byte less", pair(r, &s[..31])),
        (
            "leading zeros",
            pair(&[&[0], r].concat(), &[&[0], s].concat()),
        ),
        ("r and s swapped", pair(s, r)),
    ];
    for (what, value) in [("0", &zero[..]), ("n", &order), ("2^256-1", &most)] {
        table.extend([
            (what, pair(value, s)),
            (what, pair(r, value)),
            (what, pair(value, value)),
        ]);
    }
    let table: Vec<_> = table
        .into_iter()
        .map(|(what, token)| (what, token, TokenError::Signature))
        .collect();
    refuse(&verifier, &table);
}

#[test]
fn the_signature_layer_alone_takes_any_payload() {
    let keys = LocalKeys::parse(&all_keys()).unwrap();
    let header = r#"{"alg":"ES256","kid":"p256"}"#;
    let token = sign_raw(&KEYS.p256, Algorithm::Es256, header, b"any bytes\xff");
    assert_eq!(verify_jws(&token, &keys), Ok(b"any bytes\xff".to_vec()));
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
