//! A token over time: garbage that comes in floods, and keys that are gone.

use serde_json::json;
use tollgate_identity::{Algorithm, TokenError};

use super::{Table, World, attacks};
use crate::support::*;

/// Case 28, one of each kind of garbage; the flood of them is a test of its own.
pub fn garbage() -> Table {
    let good = ed_token(&claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let rsa = sign_raw(
        &KEYS.rsa,
        Algorithm::Rs256,
        r#"{"alg":"RS256","kid":"rsa"}"#,
        claims().to_string().as_bytes(),
    );
    Table {
        case: 28,
        title: "Garbage",
        source: "floods of tokens that cost a signature check each",
        world: World::usual(),
        attacks: attacks! {
            "a word" => "undefined".into(), Malformed;
            "`null`" => "null".into(), Malformed;
            "three short words" => "a.b.c".into(), Encoding;
            "three words that decode" => "AAAA.AAAA.AAAA".into(), HeaderJson;
            "an EdDSA signature of garbage" => format!("{signed}.{}", b64([7; 64])), Signature;
            "an RSA signature of garbage" => with_signature(&rsa, &b64([7; 256])), Signature;
            "an RSA signature larger than the modulus" => with_signature(&rsa, &b64([0xff; 256])), Signature;
            "an RSA signature of zeros" => with_signature(&rsa, &b64([0; 256])), Signature;
        },
    }
}

fn p256_token() -> String {
    let claims = claims().to_string();
    let header = r#"{"alg":"ES256","kid":"p256"}"#;
    sign_raw(&KEYS.p256, Algorithm::Es256, header, claims.as_bytes())
}

/// Case 31: the set in use no longer holds the key.
pub fn retired_key() -> Table {
    let jwks = key_set(&[KEYS.p256.jwk_with(json!({"kid": "p256"}))]);
    Table {
        case: 31,
        title: "A retired key",
        source: "key rotation",
        world: World::with_keys(jwks, p256_token()),
        attacks: attacks! {
            "signed by a key that the issuer took back" => ed_token(&claims()), UnknownKey;
            "the same under the id of a key in use" => with_header(r#"{"alg":"EdDSA","kid":"p256"}"#), KeyMismatch;
        },
    }
}

/// Case 31: the key's id is another key's now.
pub fn replaced_key() -> Table {
    let jwks = key_set(&[
        KEYS.other_ed.jwk_with(json!({"kid": "ed"})),
        KEYS.p256.jwk_with(json!({"kid": "p256"})),
    ]);
    Table {
        case: 31,
        title: "A retired key",
        source: "key rotation",
        world: World::with_keys(jwks, p256_token()),
        attacks: attacks! {
            "signed by a key whose id is another's now" => ed_token(&claims()), Signature;
        },
    }
}
