//! What the world tries on a token, one table a case; every row says the reason expected.
//!
//! The tables stand in `corpus/`; [`docs/attacks.md`](../../../docs/attacks.md) shows them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod corpus;
mod support;

use std::sync::Arc;

use corpus::{Attack, Refused, Table};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use support::*;
use tollgate_identity::{
    Algorithm, Credential, CredentialError, IdentityError, IssuerRules, KeyHolder, KeySet,
    KeySetError, LocalKeys, Secret, TokenError, TokenVerdict, Verifier, VerifierConfig, credential,
    token::{TOKEN_BYTES_MAX, verify_jws},
};

#[path = "attacks/claims.rs"]
mod claims;
#[path = "attacks/keys.rs"]
mod keys;
#[path = "attacks/life.rs"]
mod life;
#[path = "attacks/local.rs"]
mod local;
#[path = "attacks/spelling.rs"]
mod spelling;

/// Runs a table: every attack is refused for its reason, new or seen before, and the victim's
/// token beside them passes. The verifier comes back for further questions.
fn refused(table: &Table) -> Verifier {
    let verifier = table.world.verifier();
    let victim = verdict(&verifier, &table.world.victim);
    assert!(victim.is_ok(), "{}: {victim:?}", table.title);
    for attack in &table.attacks {
        refused_as_a_field(attack);
        let Some((token, reason)) = &attack.token else {
            continue;
        };
        for seen in ["new", "seen"] {
            let found = verdict(&verifier, token).err();
            let what = &attack.what;
            assert_eq!(found, Some(*reason), "{what} ({seen}): {token:.200}");
        }
    }
    verifier
}

/// What the reader of the field makes of an attack is what its row says.
fn refused_as_a_field(attack: &Attack) {
    let found = read(&attack.fields);
    let what = &attack.what;
    match attack.refused {
        Refused::Framing => assert_eq!(found, None, "{what}"),
        Refused::Field(error) => assert_eq!(found, Some(Err(error)), "{what}"),
        Refused::Token(_) => {
            let token = attack.token.as_ref().map(|(token, _)| Ok(token.clone()));
            assert_eq!(found, token, "{what}");
        }
    }
}

/// The bearer token of these fields; `None` where no field can hold the bytes.
fn read(fields: &[impl AsRef<str>]) -> Option<Result<String, CredentialError>> {
    let mut headers = HeaderMap::new();
    for field in fields {
        let value = HeaderValue::from_bytes(field.as_ref().as_bytes()).ok()?;
        headers.append(AUTHORIZATION, value);
    }
    Some(match credential(&headers, None) {
        Credential::Bearer(token) => Ok(token.to_owned()),
        Credential::Malformed(error) => Err(error),
        other => panic!("{other:?}"),
    })
}

#[test]
fn every_case_with_attacks_on_a_credential_is_in_the_corpus() {
    let mut cases: Vec<_> = corpus::tables().iter().map(|table| table.case).collect();
    cases.dedup();
    // 18 is one token over time, 21, 27 and 29 are about tokens that pass, 32 is about a
    // configuration: their tests are named, and there is nothing to refuse.
    let expected: Vec<u16> = (0..=31)
        .filter(|case| ![18, 21, 27, 29].contains(case))
        .collect();
    assert_eq!(cases, expected);
}
