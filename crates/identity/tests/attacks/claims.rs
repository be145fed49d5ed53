//! Claims: types, times, issuer, audience, subject.

use super::*;
use crate::corpus::{claims as times, names, shape};

#[test]
fn case_015_expiry_is_a_number_in_bounds() {
    let verifier = refused(&times::expiry());
    let floored = verdict(&verifier, &times::exp("1800003600.999")).unwrap();
    assert_eq!(floored.expires_unix_s, 1_800_003_600);
}

#[test]
fn case_016_thirty_years_ahead() {
    refused(&times::thirty_years());
}

#[test]
fn case_017_from_the_future() {
    let verifier = refused(&times::future());
    assert!(verdict(&verifier, &with_claims(json!({"nbf": NOW_S + LEEWAY_S}))).is_ok());
    let early = with_claims(json!({ "nbf": NOW_S + LEEWAY_S + 1 }));
    assert_eq!(
        verdict(&verifier, &early).err(),
        Some(TokenError::NotYetValid)
    );
    // A second later it is valid: the refusal was not remembered.
    assert!(matches!(
        verifier.verify(&early, NOW_S + 1),
        TokenVerdict::Valid(_)
    ));
}

#[test]
fn case_019_audience() {
    let verifier = refused(&names::audience());
    assert!(verdict(&verifier, &with_claims(json!({"aud": ["x", AUDIENCE]}))).is_ok());
}

#[test]
fn case_020_issuer() {
    let verifier = refused(&names::issuer());
    // Some issuers escape slashes: the same string after unescaping.
    let claims = claims()
        .to_string()
        .replacen("https://login", r"https:\/\/login", 1);
    assert!(verdict(&verifier, &ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims)).is_ok());
}

#[test]
fn case_022_subject() {
    let verifier = refused(&names::subject());
    let look_alikes = [
        "alice",
        "Alice",
        "alice ",
        " alice",
        "al\u{456}ce",
        "\u{e9}",
        "e\u{301}",
        "\u{202e}ecila",
    ];
    let keys: Vec<_> = look_alikes
        .iter()
        .map(|one| {
            verdict(&verifier, &with_claims(json!({ "sub": one })))
                .unwrap()
                .key
        })
        .collect();
    for (index, key) in keys.iter().enumerate() {
        assert!(
            !keys[..index].contains(key),
            "{:?} is a user of its own",
            look_alikes[index]
        );
    }
}

#[test]
fn case_023_another_type_of_token() {
    let verifier = refused(&shape::another_type());
    for good in [
        r#","typ":"at+jwt""#,
        r#","typ":"AT+JWT""#,
        r#","typ":"application/at+jwt""#,
    ] {
        assert!(verdict(&verifier, &shape::typed(good)).is_ok(), "{good}");
    }
}

#[test]
fn case_030_names_that_mean_something_elsewhere() {
    let table = names::meaning_elsewhere();
    let verifier = refused(&table);
    let user = verdict(&verifier, &table.world.victim).unwrap();
    assert_eq!(&*user.subject, "p");
}
