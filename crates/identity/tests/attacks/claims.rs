//! Claims: types, times, issuer, audience, subject.

use super::*;

#[test]
fn case_015_expiry_is_a_number_in_bounds() {
    let exp = |text: &str| {
        let claims = claims_with(json!({"exp": null})).to_string();
        ed_raw(
            r#"{"alg":"EdDSA","kid":"ed"}"#,
            &format!(r#"{{"exp":{text},{}"#, &claims[1..]),
        )
    };
    let verifier = verifier();
    refused! { verifier:
        "missing" => with_claims(json!({"exp": null})), ExpiryMissing;
        "null" => exp("null"), TimeValue;
        "string" => exp("\"1800003600\""), TimeValue;
        "negative" => exp("-1"), TimeValue;
        "zero" => exp("0"), Expired;
        "1e30" => exp("1e30"), TimeValue;
        "1e400" => exp("1e400"), ClaimsJson;
        "2^64" => exp("18446744073709551616"), TimeValue;
        "infinity" => exp("Infinity"), ClaimsJson;
        "list" => exp("[1800003600]"), TimeValue;
        "true" => exp("true"), TimeValue;
        "hexadecimal" => exp("0x6b49d200"), ClaimsJson;
    }
    assert_eq!(
        verdict(&verifier, &exp("1800003600.999"))
            .unwrap()
            .expires_unix_s,
        1_800_003_600
    );
}

#[test]
fn case_016_thirty_years_ahead() {
    let far = NOW_S + 30 * 365 * DAY_S;
    refused! { verifier():
        "from now" => with_claims(json!({"exp": far})), LifetimeTooLong;
        "without iat" => with_claims(json!({"exp": far, "iat": null})), LifetimeTooLong;
        "in its last hour" => with_claims(json!({"iat": NOW_S - 30 * 365 * DAY_S})), LifetimeTooLong;
    }
}

#[test]
fn case_017_from_the_future() {
    let verifier = verifier();
    assert!(verdict(&verifier, &with_claims(json!({"nbf": NOW_S + LEEWAY_S}))).is_ok());
    let late = NOW_S + LEEWAY_S + 1;
    let early = with_claims(json!({ "nbf": late }));
    refused! { verifier:
        "nbf" => early.clone(), NotYetValid;
        "iat" => with_claims(json!({ "iat": late })), IssuedInFuture;
        "nbf as a string" => with_claims(json!({"nbf": "0"})), TimeValue;
        "iat as a string" => with_claims(json!({"iat": "0"})), TimeValue;
        "nbf negative" => with_claims(json!({"nbf": -1})), TimeValue;
    }
    // A second later it is valid: the refusal was not remembered.
    assert!(matches!(
        verifier.verify(&early, NOW_S + 1),
        TokenVerdict::Valid(_)
    ));
}

#[test]
fn case_019_audience() {
    let aud = |aud: Value| with_claims(json!({ "aud": aud }));
    let verifier = verifier();
    refused! { verifier:
        "missing" => with_claims(json!({"aud": null})), Audience;
        "number" => aud(json!(7)), Audience;
        "another" => aud(json!("https://other")), Audience;
        "list of others" => aud(json!(["a", "b"])), Audience;
        "empty list" => aud(json!([])), Audience;
        "nested list" => aud(json!([[AUDIENCE]])), Audience;
        "object" => aud(json!({AUDIENCE: true})), Audience;
        "prefix" => aud(json!(&AUDIENCE[..AUDIENCE.len() - 1])), Audience;
        "trailing slash" => aud(json!(format!("{AUDIENCE}/"))), Audience;
        "case" => aud(json!(AUDIENCE.to_uppercase())), Audience;
        "joined by a space" => aud(json!(format!("{AUDIENCE} x"))), Audience;
    }
    assert!(verdict(&verifier, &aud(json!(["x", AUDIENCE]))).is_ok());
}

#[test]
fn case_020_issuer() {
    let iss = |iss: Value| with_claims(json!({ "iss": iss }));
    let verifier = verifier();
    refused! { verifier:
        "missing" => with_claims(json!({"iss": null})), IssuerMissing;
        "list" => iss(json!([ISSUER])), IssuerMissing;
        "number" => iss(json!(1)), IssuerMissing;
        "empty" => iss(json!("")), UnknownIssuer;
        "trailing slash" => iss(json!(format!("{ISSUER}/"))), UnknownIssuer;
        "case" => iss(json!("https://Login.example.com")), UnknownIssuer;
        "blank" => iss(json!(format!("{ISSUER} "))), UnknownIssuer;
        "look-alike" => iss(json!("https://l\u{43e}gin.example.com")), UnknownIssuer;
        "another host" => iss(json!("https://login.example.com.evil.net")), UnknownIssuer;
        "another configured one" => iss(json!(OTHER_ISSUER)), Signature;
    }
    // Some issuers escape slashes: the same string after unescaping.
    let claims = claims()
        .to_string()
        .replacen("https://login", r"https:\/\/login", 1);
    assert!(verdict(&verifier, &ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims)).is_ok());
}

#[test]
fn case_022_subject() {
    let sub = |sub: Value| with_claims(json!({ "sub": sub }));
    let verifier = verifier();
    refused! { verifier:
        "missing" => sub(Value::Null), SubjectMissing;
        "empty" => sub(json!("")), SubjectValue;
        "number" => sub(json!(7)), SubjectValue;
        "list" => sub(json!(["alice"])), SubjectValue;
        "256 bytes" => sub(json!("s".repeat(256))), SubjectValue;
        "60 KB" => sub(json!("s".repeat(60_000))), TooLarge;
        "NUL" => sub(json!("alice\0")), SubjectValue;
        "line feed" => sub(json!("alice\nbob")), SubjectValue;
        "lone surrogate" => ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims().to_string().replace("alice", r"\ud800")), ClaimsJson;
    }
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
        .map(|one| verdict(&verifier, &sub(json!(one))).unwrap().key)
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
    let pinned = IssuerRules {
        typ: Some("at+jwt".into()),
        ..rules(ISSUER, holder(&all_keys()))
    };
    let verifier = verifier_of(vec![pinned]);
    let typ = |typ: &str| with_header(&format!(r#"{{"alg":"EdDSA","kid":"ed"{typ}}}"#));
    for good in [
        r#","typ":"at+jwt""#,
        r#","typ":"AT+JWT""#,
        r#","typ":"application/at+jwt""#,
    ] {
        assert!(verdict(&verifier, &typ(good)).is_ok(), "{good}");
    }
    for bad in [
        "",
        r#","typ":"JWT""#,
        r#","typ":"logout+jwt""#,
        r#","typ":"at+jwt ""#,
        r#","typ":"x/at+jwt""#,
        r#","typ":"application/application/at+jwt""#,
        r#","cty":"at+jwt""#,
    ] {
        assert_eq!(
            verdict(&verifier, &typ(bad)).err(),
            Some(TokenError::WrongType),
            "{bad}"
        );
    }
}

#[test]
fn case_030_names_that_mean_something_elsewhere() {
    let rules = IssuerRules {
        subject_claim: "__proto__".into(),
        ..rules(ISSUER, holder(&all_keys()))
    };
    let verifier = verifier_of(vec![rules]);
    let token = with_claims(json!({"__proto__": "p", "constructor": {"prototype": 1}}));
    assert_eq!(&*verdict(&verifier, &token).unwrap().subject, "p");
    assert_eq!(
        verdict(&verifier, &ed_token(&claims())).err(),
        Some(TokenError::SubjectMissing)
    );
}
