//! A token over time: the cache, several tokens, several issuers, changed keys.

use super::*;

#[test]
fn case_018_the_cache_never_outlives_the_token() {
    let verifier = verifier();
    let token = with_claims(json!({"exp": NOW_S + 100}));
    let at = |now_s| verifier.verify(&token, now_s);
    for now_s in [NOW_S, NOW_S + 100, NOW_S + 100 + LEEWAY_S - 1] {
        assert!(matches!(at(now_s), TokenVerdict::Valid(_)), "{now_s}");
    }
    assert_eq!(verifier.stats().cache_hits, 2);
    // A clock that steps back finds no verdict from the future either.
    let early = TokenVerdict::Invalid(TokenError::IssuedInFuture);
    assert_eq!(at(NOW_S - LEEWAY_S - 1), early);
    let late = TokenVerdict::Invalid(TokenError::Expired);
    assert_eq!(at(NOW_S + 100 + LEEWAY_S), late);
    assert_eq!(at(NOW_S + 100 + LEEWAY_S), late, "remembered");
    assert!(
        matches!(at(NOW_S), TokenVerdict::Valid(_)),
        "not remembered backwards"
    );
}

#[test]
fn case_018_what_is_recalled_is_what_would_be_said() {
    let keys = holder(&all_keys());
    let verifier = verifier_of(vec![rules(ISSUER, Arc::clone(&keys))]);
    let token = with_claims(json!({"exp": NOW_S + 100}));
    let recalled = |token: &str, now_s| verifier.recall(token.as_bytes(), now_s);
    assert_eq!(recalled(&token, NOW_S), None, "not before it was verified");
    let user = verdict(&verifier, &token).unwrap();
    assert_eq!(recalled(&token, NOW_S), Some(user));
    for (other, what) in [
        (format!("{token}="), "another token"),
        (token[..token.len() - 1].to_owned(), "a shorter one"),
        (String::new(), "none"),
        ("x".repeat(TOKEN_BYTES_MAX + 1), "what is never looked at"),
    ] {
        assert_eq!(recalled(&other, NOW_S), None, "{what}");
    }
    assert_eq!(
        recalled(&token, NOW_S + 100 + LEEWAY_S),
        None,
        "after its time"
    );
    assert_eq!(recalled(&token, NOW_S - LEEWAY_S - 1), None, "before it");
    keys.install(&key_set(&[KEYS.p256.jwk_with(json!({"kid": "p256"}))]))
        .unwrap();
    assert_eq!(recalled(&token, NOW_S), None, "under other keys");
    let hits = verifier.stats().cache_hits;
    assert_eq!(hits, 1, "what is not recalled is no hit");
}

#[test]
fn case_021_one_subject_of_two_issuers_is_two_users() {
    let verifier = verifier();
    let ours = verdict(&verifier, &ed_token(&claims())).unwrap();
    let claims = claims_with(json!({"iss": OTHER_ISSUER}));
    let token = sign_raw(
        &KEYS.other_ed,
        Algorithm::EdDSA,
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        claims.to_string().as_bytes(),
    );
    let theirs = verdict(&verifier, &token).unwrap();
    assert_eq!(ours.subject, theirs.subject);
    assert_ne!(ours.key, theirs.key);
    assert_ne!(ours.account_key, theirs.account_key);
}

#[test]
fn case_027_replayed_from_elsewhere_it_is_the_same_user() {
    let verifier = verifier();
    let token = ed_token(&claims());
    let [one, other] = [(); 2].map(|()| verdict(&verifier, &token).unwrap().key);
    assert_eq!(one, other);
}

#[test]
fn case_028_garbage_takes_a_bounded_place() {
    let verifier = refused(&corpus::life::garbage());
    let good = ed_token(&claims());
    assert!(verdict(&verifier, &good).is_ok());
    let (signed, _) = good.rsplit_once('.').unwrap();
    for n in 0_u32..3000 {
        let forged = format!(
            "{signed}.{}",
            b64([&n.to_be_bytes()[..], &[7; 60]].concat())
        );
        assert_eq!(
            verdict(&verifier, &forged).err(),
            Some(TokenError::Signature)
        );
    }
    let before = verifier.stats();
    assert!(before.cache_refused_entries <= 1000, "{before:?}");
    assert!(verdict(&verifier, &good).is_ok());
    let after = verifier.stats();
    assert_eq!(
        after.cache_hits,
        before.cache_hits + 1,
        "the valid one was not pushed out"
    );
    assert_eq!(after.signatures_checked, before.signatures_checked);
}

#[test]
fn case_029_every_token_of_a_user_is_that_user() {
    let verifier = verifier();
    let first = verdict(&verifier, &ed_token(&claims())).unwrap().key;
    for n in 0..1500 {
        let token = with_claims(json!({"jti": n, "exp": NOW_S + 60 + n, "plan": format!("p{n}")}));
        assert_eq!(verdict(&verifier, &token).unwrap().key, first);
    }
    assert!(verifier.stats().cache_valid_entries <= 1000);
}

#[test]
fn case_031_a_retired_key_is_refused_at_once() {
    refused(&corpus::life::retired_key());
    refused(&corpus::life::replaced_key());
    let keys = holder(&all_keys());
    let verifier = verifier_of(vec![rules(ISSUER, Arc::clone(&keys))]);
    let token = ed_token(&claims());
    assert!(verdict(&verifier, &token).is_ok());
    keys.install(&key_set(&[KEYS.p256.jwk_with(json!({"kid": "p256"}))]))
        .unwrap();
    assert_eq!(
        verdict(&verifier, &token).err(),
        Some(TokenError::UnknownKey)
    );
    // And a refusal does not outlive the change that cures it.
    let forged = KEYS.other_ed.jwk_with(json!({"kid": "ed"}));
    keys.install(&key_set(&[forged])).unwrap();
    assert_eq!(
        verdict(&verifier, &token).err(),
        Some(TokenError::Signature)
    );
    keys.install(&all_keys()).unwrap();
    assert!(verdict(&verifier, &token).is_ok());
}

#[test]
fn case_032_a_configuration_that_verifies_nothing_is_refused() {
    let keys = || KeyHolder::new("test".into());
    let secret = || Some(Secret::new(vec![7; 32]).unwrap());
    let base = || rules(ISSUER, keys());
    let hs256 = vec![Algorithm::Hs256];
    let mixed = vec![Algorithm::Hs256, Algorithm::Rs256];
    for (what, rules) in [
        (
            "no issuer",
            IssuerRules {
                issuer: String::new(),
                ..base()
            },
        ),
        (
            "an issuer of Tollgate's own",
            IssuerRules {
                issuer: tollgate_identity::API_KEY_ISSUER.to_owned(),
                ..base()
            },
        ),
        (
            "no audience",
            IssuerRules {
                audiences: Vec::new(),
                ..base()
            },
        ),
        (
            "empty audience",
            IssuerRules {
                audiences: vec![String::new()],
                ..base()
            },
        ),
        (
            "no algorithm",
            IssuerRules {
                algorithms: Vec::new(),
                ..base()
            },
        ),
        (
            "HS256 without a secret",
            IssuerRules {
                algorithms: hs256,
                ..base()
            },
        ),
        (
            "a secret without HS256",
            IssuerRules {
                secret: secret(),
                ..base()
            },
        ),
        (
            "HS256 beside RS256",
            IssuerRules {
                algorithms: mixed,
                secret: secret(),
                ..base()
            },
        ),
        (
            "no lifetime",
            IssuerRules {
                max_lifetime_s: 0,
                ..base()
            },
        ),
        (
            "an hour of leeway",
            IssuerRules {
                leeway_s: 3600,
                ..base()
            },
        ),
        (
            "no subject claim",
            IssuerRules {
                subject_claim: String::new(),
                ..base()
            },
        ),
    ] {
        let config = VerifierConfig {
            issuers: vec![rules],
            cache_entries: 9,
            negative_ttl_s: 5,
            hash_key: [0; 16],
        };
        let error = Verifier::new(config).err();
        assert!(
            matches!(error, Some(IdentityError::IssuerRules { .. })),
            "{what}: {error:?}"
        );
    }
    let config = VerifierConfig {
        issuers: vec![base(), base()],
        cache_entries: 9,
        negative_ttl_s: 5,
        hash_key: [0; 16],
    };
    assert!(matches!(
        Verifier::new(config).err(),
        Some(IdentityError::DuplicateIssuer { .. })
    ));
}

#[test]
fn case_042_an_issuer_whose_clock_is_ahead_is_believed_within_the_leeway_and_counted_beyond() {
    let issued_at = |ahead_s: u64, nbf: bool| {
        let at = NOW_S + ahead_s;
        let mut claims = claims_with(json!({"iat": at, "exp": at + 3600}));
        if nbf {
            claims["nbf"] = json!(at);
        }
        ed_token(&claims)
    };
    let verifier = verifier();
    for ahead_s in [1, LEEWAY_S] {
        for nbf in [true, false] {
            assert!(verdict(&verifier, &issued_at(ahead_s, nbf)).is_ok());
        }
    }
    // Five minutes are more than the leeway: refused, and each refusal is counted by its reason,
    // so that an operator sees which clock is wrong.
    let counted = |reason: TokenError| verifier.stats().refused[reason.index()];
    let five_min = 300;
    for times in 1..=3 {
        for (nbf, reason) in [
            (true, TokenError::NotYetValid),
            (false, TokenError::IssuedInFuture),
        ] {
            let found = verdict(&verifier, &issued_at(five_min, nbf)).err();
            assert_eq!(found, Some(reason));
            assert_eq!(counted(reason), (reason, times));
        }
    }
    // The clocks meet: what was refused is valid, for no refusal of that kind is remembered.
    for nbf in [true, false] {
        let met = verifier.verify(&issued_at(five_min, nbf), NOW_S + five_min - LEEWAY_S);
        assert!(matches!(met, TokenVerdict::Valid(_)), "{met:?}");
    }
}
