//! Algorithms: which scheme may say that a signature holds.

use serde_json::{Value, json};
use tollgate_identity::{Algorithm, TokenError};

use super::{Table, Trusted, TrustedKeys, World, attacks};
use crate::support::*;

/// Case 1.
pub fn none() -> Table {
    let unsigned = |alg: &str, signature: &str| {
        let header = json!({ "alg": alg }).to_string();
        format!("{}.{}.{signature}", b64(header), b64(claims().to_string()))
    };
    let with_kid = |alg: &str| {
        let header = json!({"alg": alg, "kid": "ed"}).to_string();
        format!("{}.{}.AAAA", b64(header), b64(claims().to_string()))
    };
    Table {
        case: 1,
        title: "No algorithm",
        source: "CVE-2015-9235, jwt_tool",
        world: World::usual(),
        attacks: attacks! {
            "`none`, empty signature" => unsigned("none", ""), Malformed;
            "`none`, no second dot" => unsigned("none", "").trim_end_matches('.').to_owned(), Malformed;
            "`none`, some signature" => unsigned("none", "AAAA"), Algorithm;
            "`None`" => unsigned("None", "AAAA"), Algorithm;
            "`nOnE`" => unsigned("nOnE", "AAAA"), Algorithm;
            "`NONE`" => unsigned("NONE", "AAAA"), Algorithm;
            "`none` with a blank behind" => unsigned("none ", "AAAA"), Algorithm;
            "`none` with a NUL behind" => unsigned("none\0", "AAAA"), Algorithm;
            "`none` under a known key id" => with_kid("none"), Algorithm;
            "`none`, really signed" => with_header(r#"{"alg":"none","kid":"ed"}"#), Algorithm;
            "the empty name" => unsigned("", "AAAA"), Algorithm;
            "`null` as a name" => unsigned("null", "AAAA"), Algorithm;
            "`EdDSA`, empty signature" => unsigned("EdDSA", ""), Malformed;
            "no `alg` at all" => with_header(r#"{"kid":"ed"}"#), Algorithm;
            "`alg` is null" => with_header(r#"{"alg":null,"kid":"ed"}"#), Algorithm;
            "`alg` is a list" => with_header(r#"{"alg":["EdDSA"],"kid":"ed"}"#), Algorithm;
            "`alg` is a number" => with_header(r#"{"alg":0,"kid":"ed"}"#), Algorithm;
            "`Alg` for `alg`" => with_header(r#"{"Alg":"EdDSA","kid":"ed"}"#), Algorithm;
            "`eddsa` for `EdDSA`" => with_header(r#"{"alg":"eddsa","kid":"ed"}"#), Algorithm;
        },
    }
}

/// Case 2: what is public is no secret.
pub fn hmac_under_a_public_key() -> Table {
    let jwk = KEYS.rsa.jwk();
    let modulus_text = jwk["n"].as_str().unwrap().to_owned();
    let modulus = unb64(&modulus_text);
    let header = |kid: &str| format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
    let under = |secret: &[u8], kid: &str| hs256(secret, &header(kid), &claims());
    let (rsa, p256, ed) = (&KEYS.rsa, &KEYS.p256, &KEYS.ed);
    let spki = pem("PUBLIC KEY", &rsa.spki_der());
    let pkcs1 = pem("RSA PUBLIC KEY", &rsa.public_bytes());
    let ed_x = ed.jwk()["x"].as_str().unwrap().to_owned();
    let with = |alg: &str| with_hmac(alg, spki.as_bytes(), "rsa", &claims());
    Table {
        case: 2,
        title: "HMAC under a public key",
        source: "CVE-2016-10555, CVE-2022-29217, Wycheproof",
        world: World::usual(),
        attacks: attacks! {
            "RSA key, SubjectPublicKeyInfo as PEM" => under(spki.as_bytes(), "rsa"), Algorithm;
            "the same PEM without its last line feed" => under(spki.trim_end().as_bytes(), "rsa"), Algorithm;
            "RSA key, SubjectPublicKeyInfo as DER" => under(&rsa.spki_der(), "rsa"), Algorithm;
            "RSA key, PKCS#1 as PEM" => under(pkcs1.as_bytes(), "rsa"), Algorithm;
            "RSA key, PKCS#1 as DER" => under(&rsa.public_bytes(), "rsa"), Algorithm;
            "the modulus, raw" => under(&modulus, "rsa"), Algorithm;
            "the modulus as the JWK writes it" => under(modulus_text.as_bytes(), "rsa"), Algorithm;
            "RSA key as JWK text" => under(jwk.to_string().as_bytes(), "rsa"), Algorithm;
            "the whole JWK set as text" => under(&all_keys(), "rsa"), Algorithm;
            "P-256 key, SubjectPublicKeyInfo as PEM" => under(pem("PUBLIC KEY", &p256.spki_der()).as_bytes(), "p256"), Algorithm;
            "P-256 key, SubjectPublicKeyInfo as DER" => under(&p256.spki_der(), "p256"), Algorithm;
            "P-256 key as JWK text" => under(p256.jwk().to_string().as_bytes(), "p256"), Algorithm;
            "P-256 point, uncompressed" => under(&p256.public_bytes(), "p256"), Algorithm;
            "Ed25519 key, SubjectPublicKeyInfo as PEM" => under(pem("PUBLIC KEY", &ed.spki_der()).as_bytes(), "ed"), Algorithm;
            "Ed25519 key, raw" => under(&ed.public_bytes(), "ed"), Algorithm;
            "Ed25519 `x` as the JWK writes it" => under(ed_x.as_bytes(), "ed"), Algorithm;
            "the empty secret" => under(b"", "ed"), Algorithm;
            "the key id as secret" => under(b"ed", "ed"), Algorithm;
            "no `kid`" => hs256(&modulus, r#"{"alg":"HS256"}"#, &claims()), Algorithm;
            "HS384 under the RSA key as PEM" => with("HS384"), Algorithm;
            "HS512 under the RSA key as PEM" => with("HS512"), Algorithm;
            "`hs256` in lower case" => with("hs256"), Algorithm;
        },
    }
}

/// Case 2, the other side: an issuer with a secret has nothing but that.
pub fn secret_of_one_issuer() -> Table {
    let secret = [7; 32];
    let theirs = claims_with(json!({"iss": OTHER_ISSUER}));
    let header = r#"{"alg":"HS256"}"#;
    let good = hs256(&secret, header, &theirs);
    let world = World {
        issuers: vec![
            Trusted::public(ISSUER, all_keys()),
            Trusted {
                keys: TrustedKeys::Shared(secret.to_vec()),
                ..Trusted::public(OTHER_ISSUER, Vec::new())
            },
        ],
        victim: good.clone(),
    };
    Table {
        case: 2,
        title: "HMAC under a public key",
        source: "CVE-2016-10555, CVE-2022-29217, Wycheproof",
        world,
        attacks: attacks! {
            "issuer with a secret: another secret" => hs256(&[8; 32], header, &theirs), Signature;
            "issuer with a secret: the secret cut short" => hs256(&secret[..31], header, &theirs), Signature;
            "issuer with a secret: the secret, in our issuer's name" => hs256(&secret, header, &claims()), Algorithm;
            "issuer with a secret: our key, in its name" => ed_token(&theirs), Algorithm;
            "issuer with a secret: HS512 under it" => with_hmac("HS512", &secret, "s", &theirs), Algorithm;
            "issuer with a secret: `none`" => format!("{}.{}.AAAA", b64(r#"{"alg":"none"}"#), b64(theirs.to_string())), Algorithm;
            "issuer with a secret: three bytes of signature" => with_signature(&good, "AAAA"), Signature;
        },
    }
}

/// Case 3.
pub fn one_scheme_under_the_name_of_another() -> Table {
    let (rsa, p256) = (&KEYS.rsa, &KEYS.p256);
    let token = |alg: &str, kid: &str, key: &SigningKey, signed_as| {
        let header: Value = json!({"alg": alg, "kid": kid});
        let claims = claims().to_string();
        sign_raw(key, signed_as, &header.to_string(), claims.as_bytes())
    };
    Table {
        case: 3,
        title: "One scheme under the name of another",
        source: "Wycheproof; RFC 8725, 3.1",
        world: World::usual(),
        attacks: attacks! {
            "RS256 on a PS256 key" => token("RS256", "ps256", rsa, Algorithm::Rs256), KeyMismatch;
            "PS256 on an RS256 key" => token("PS256", "rs256", rsa, Algorithm::Ps256), KeyMismatch;
            "RS512 on an RS256 key" => token("RS512", "rs256", rsa, Algorithm::Rs512), KeyMismatch;
            "RS256 that says PS256" => token("PS256", "rsa", rsa, Algorithm::Rs256), Signature;
            "PS256 that says RS256" => token("RS256", "rsa", rsa, Algorithm::Ps256), Signature;
            "RS256 that says RS512" => token("RS512", "rsa", rsa, Algorithm::Rs256), Signature;
            "PS256 that says PS384" => token("PS384", "rsa", rsa, Algorithm::Ps256), Signature;
            "ES256 on an RSA key" => token("ES256", "rsa", p256, Algorithm::Es256), KeyMismatch;
            "RS256 on a P-256 key" => token("RS256", "p256", rsa, Algorithm::Rs256), KeyMismatch;
            "EdDSA on a P-256 key" => token("EdDSA", "p256", &KEYS.ed, Algorithm::EdDSA), KeyMismatch;
            "ES256 on an Ed25519 key" => token("ES256", "ed", p256, Algorithm::Es256), KeyMismatch;
            "wrong curve: ES256 on a P-384 key" => token("ES256", "p384", p256, Algorithm::Es256), KeyMismatch;
            "wrong curve: ES384 on a P-256 key" => token("ES384", "p256", &KEYS.p384, Algorithm::Es384), KeyMismatch;
            "wrong curve: ES256 on a P-521 key" => token("ES256", "p521", p256, Algorithm::Es256), KeyMismatch;
            "ES256K, a curve that is not offered" => token("ES256K", "p256", p256, Algorithm::Es256), Algorithm;
            "an algorithm of encryption" => token("RSA-OAEP", "rsa", rsa, Algorithm::Rs256), Algorithm;
        },
    }
}
