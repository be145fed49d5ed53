//! What the world tries on a token, one table a case; every row says the reason expected.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod support;

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use sha2::Sha256;
use support::*;
use tollgate_identity::{
    Algorithm, Credential, CredentialError, IdentityError, IssuerRules, KeyHolder, KeySet,
    KeySetError, LocalKeys, Secret, TokenError, TokenVerdict, Verifier, VerifierConfig, credential,
    token::verify_jws,
};

/// A table of attacks: every token is refused for its reason, new or seen before, and a good
/// one beside them passes.
macro_rules! refused {
    ($verifier:expr ; $($what:expr => $token:expr, $reason:ident;)+) => {
        refuse(&$verifier, &[$(($what, $token, TokenError::$reason)),+])
    };
    ($verifier:ident : $($row:tt)+) => { refused! { $verifier ; $($row)+ } };
    ($verifier:ident () : $($row:tt)+) => { refused! { $verifier() ; $($row)+ } };
}

fn refuse(verifier: &Verifier, table: &[(&str, String, TokenError)]) {
    assert!(verdict(verifier, &ed_token(&claims())).is_ok());
    for (what, token, reason) in table {
        for seen in ["new", "seen"] {
            let found = verdict(verifier, token).err();
            assert_eq!(found, Some(*reason), "{what} ({seen}): {token:.200}");
        }
    }
}

#[path = "attacks/claims.rs"]
mod claims;
#[path = "attacks/keys.rs"]
mod keys;
#[path = "attacks/life.rs"]
mod life;
#[path = "attacks/spelling.rs"]
mod spelling;

fn hs256(secret: &[u8], header: &str, claims: &Value) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", b64(mac.finalize().into_bytes()))
}

fn with_signature(token: &str, signature: &str) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{signature}")
}

fn with_header(header: &str) -> String {
    ed_raw(header, &claims().to_string())
}

fn with_claims(members: Value) -> String {
    ed_token(&claims_with(members))
}

/// Good claims with text in front, so that JSON may be wrong.
fn raw_claims(prefix: &str) -> String {
    let claims = claims().to_string();
    ed_raw(
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        &format!("{{{prefix},{}", &claims[1..]),
    )
}
