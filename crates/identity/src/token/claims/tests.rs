use super::*;
use crate::{Algorithm, KeyHolder};

const NOW_S: u64 = 1_800_000_000;
const LEEWAY_S: u64 = 60;
const LIFE_S: u64 = 86_400;

fn rules() -> IssuerRules {
    IssuerRules {
        issuer: "https://login".into(),
        audiences: vec!["api".into(), "other".into()],
        algorithms: vec![Algorithm::EdDSA],
        leeway_s: LEEWAY_S,
        required_claims: Vec::new(),
        subject_claim: "sub".into(),
        client_claim: None,
        account_claim: Some("account".into()),
        plan_claim: Some("app.plan".into()),
        typ: None,
        max_lifetime_s: LIFE_S,
        secret: None,
        keys: KeyHolder::new("test".into()),
    }
}

fn check_with(rules: &IssuerRules, text: &str) -> Result<Claims, TokenError> {
    ClaimRules::new(rules).check(&parse(text.as_bytes())?, NOW_S)
}

fn check(text: &str) -> Result<Claims, TokenError> {
    check_with(&rules(), text)
}

/// Claims that hold, with `exp` an hour ahead and these members beside.
fn with(extra: &str) -> Result<Claims, TokenError> {
    check(&format!(
        r#"{{"aud":"api","sub":"alice","exp":{}{extra}}}"#,
        NOW_S + 3600
    ))
}

fn with_exp(exp: impl std::fmt::Display) -> Result<Claims, TokenError> {
    check(&format!(r#"{{"aud":"api","sub":"alice","exp":{exp}}}"#))
}

fn with_sub(sub: &str) -> Result<Claims, TokenError> {
    check(&format!(
        r#"{{"aud":"api","exp":{},"sub":{sub}}}"#,
        NOW_S + 60
    ))
}

#[test]
fn claims_that_hold_are_read() {
    let claims = with(r#","account":"acc","app":{"plan":"gold"}"#).unwrap();
    assert_eq!(&*claims.subject, "alice");
    assert_eq!(claims.account.as_deref(), Some("acc"));
    assert_eq!(claims.plan.as_deref(), Some("gold"));
    assert_eq!(claims.expires_unix_s, NOW_S + 3600);
    assert_eq!(claims.valid_until_s, NOW_S + 3660);
}

#[test]
fn expiry_is_exact_to_the_second() {
    let expires_at = |exp| with_exp(exp).map(|claims| claims.expires_unix_s);
    assert_eq!(expires_at(NOW_S - LEEWAY_S + 1), Ok(NOW_S - LEEWAY_S + 1));
    assert_eq!(expires_at(NOW_S - LEEWAY_S), Err(TokenError::Expired));
    assert_eq!(
        expires_at(NOW_S + LIFE_S + LEEWAY_S),
        Ok(NOW_S + LIFE_S + LEEWAY_S)
    );
    assert_eq!(
        expires_at(NOW_S + LIFE_S + LEEWAY_S + 1),
        Err(TokenError::LifetimeTooLong)
    );
}

#[test]
fn times_are_numbers_in_bounds() {
    let floored = with_exp(format!("{}.9", NOW_S + 9)).unwrap();
    assert_eq!(floored.expires_unix_s, NOW_S + 9);
    assert!(with_exp("1.8000005e9").is_ok());
    for bad in [
        "-1",
        "-0.5",
        "1e30",
        "9007199254740993",
        "\"1800000900\"",
        "null",
        "true",
        "[1]",
        "{}",
    ] {
        assert_eq!(with_exp(bad), Err(TokenError::TimeValue), "{bad}");
        assert_eq!(
            with(&format!(r#","nbf":{bad}"#)),
            Err(TokenError::TimeValue),
            "{bad}"
        );
        assert_eq!(
            with(&format!(r#","iat":{bad}"#)),
            Err(TokenError::TimeValue),
            "{bad}"
        );
    }
    assert_eq!(with_exp("1e400"), Err(TokenError::ClaimsJson));
    assert_eq!(
        check(r#"{"aud":"api","sub":"a"}"#),
        Err(TokenError::ExpiryMissing)
    );
}

#[test]
fn a_long_lived_token_is_refused_at_its_end_too() {
    let exp = NOW_S + 10;
    let text = |iat| format!(r#"{{"aud":"api","sub":"a","exp":{exp},"iat":{iat}}}"#);
    assert!(check(&text(exp - LIFE_S)).is_ok());
    assert_eq!(
        check(&text(exp - LIFE_S - 1)),
        Err(TokenError::LifetimeTooLong)
    );
}

#[test]
fn the_future_begins_after_the_leeway() {
    let at = |claim: &str, s| with(&format!(r#","{claim}":{s}"#));
    assert_eq!(
        at("nbf", NOW_S + LEEWAY_S).map(|c| c.valid_from_s),
        Ok(NOW_S)
    );
    assert_eq!(
        at("nbf", NOW_S + LEEWAY_S + 1),
        Err(TokenError::NotYetValid)
    );
    assert!(at("iat", NOW_S + LEEWAY_S).is_ok());
    assert_eq!(
        at("iat", NOW_S + LEEWAY_S + 1),
        Err(TokenError::IssuedInFuture)
    );
}

#[test]
fn the_audience_is_one_of_ours_as_a_string() {
    let aud = |aud: &str| check(&format!(r#"{{"sub":"a","exp":{},"aud":{aud}}}"#, NOW_S + 9));
    for good in [r#""api""#, r#""other""#, r#"["x","api"]"#, r#"[1,"api"]"#] {
        assert!(aud(good).is_ok(), "{good}");
    }
    for bad in [
        r#""API""#,
        r#""api/""#,
        r#""api ""#,
        "7",
        "null",
        "[]",
        r#"["x"]"#,
        r#"[["api"]]"#,
        r#"{"api":1}"#,
    ] {
        assert_eq!(aud(bad), Err(TokenError::Audience), "{bad}");
    }
    let missing = format!(r#"{{"sub":"a","exp":{}}}"#, NOW_S + 9);
    assert_eq!(check(&missing), Err(TokenError::Audience));
}

#[test]
fn a_subject_is_1_to_255_bytes_kept_as_they_are() {
    let long = |n| format!("\"{}\"", "s".repeat(n));
    assert!(with_sub(&long(255)).is_ok());
    assert_eq!(with_sub(&long(256)), Err(TokenError::SubjectValue));
    for kept in ["Ann", "ann ", "\u{e9}", "e\u{301}", "\u{202e}x", "*"] {
        assert_eq!(
            &*with_sub(
                &format!("{kept:?}")
                    .replace("\\u{301}", "\u{301}")
                    .replace("\\u{202e}", "\u{202e}")
            )
            .unwrap()
            .subject,
            kept
        );
    }
    for bad in [
        r#""""#,
        "1",
        "[]",
        r#""a\u0000b""#,
        r#""a\nb""#,
        r#""\u0085""#,
        "true",
    ] {
        assert_eq!(with_sub(bad), Err(TokenError::SubjectValue), "{bad}");
    }
    assert_eq!(with_sub("null"), Err(TokenError::SubjectMissing));
    assert_eq!(with_sub(r#""\ud800""#), Err(TokenError::ClaimsJson));
}

#[test]
fn account_and_plan_are_strings_or_absent() {
    for absent in ["", r#","account":null"#, r#","account":"""#] {
        assert_eq!(with(absent).unwrap().account, None, "{absent}");
    }
    assert_eq!(with(r#","account":7"#), Err(TokenError::AccountValue));
    assert_eq!(with(r#","account":"a\tb""#), Err(TokenError::AccountValue));
    assert_eq!(
        with(r#","app":{"plan":["gold"]}"#),
        Err(TokenError::PlanValue)
    );
    let long = format!(r#","account":"{}""#, "a".repeat(256));
    assert_eq!(with(&long), Err(TokenError::AccountValue));
}

#[test]
fn required_claims_are_present_and_not_null() {
    let rules = IssuerRules {
        required_claims: vec!["scope".into(), "a.b".into()],
        ..rules()
    };
    let text = |extra: &str| format!(r#"{{"aud":"api","sub":"a","exp":{}{extra}}}"#, NOW_S + 9);
    assert!(check_with(&rules, &text(r#","scope":"","a":{"b":0}"#)).is_ok());
    for bad in [
        r#","scope":"x""#,
        r#","a":{"b":0}"#,
        r#","scope":null,"a":{"b":0}"#,
    ] {
        assert_eq!(
            check_with(&rules, &text(bad)),
            Err(TokenError::RequiredClaim),
            "{bad}"
        );
    }
}

#[test]
fn a_machine_token_is_its_client_and_never_a_user() {
    let rules = IssuerRules {
        client_claim: Some("client_id".into()),
        ..rules()
    };
    let subject = |members: &str| {
        let text = format!(r#"{{"aud":"api","exp":{}{members}}}"#, NOW_S + 60);
        check_with(&rules, &text).map(|claims| claims.subject.into_string())
    };
    let client = |id: &str| subject(&format!(r#","client_id":{id}"#));
    assert_eq!(client(r#""batch""#), Ok("client:batch".into()));
    // A token with a subject is that subject, whatever client it was issued to.
    let both = subject(r#","sub":"alice","client_id":"batch""#);
    assert_eq!(both, Ok("alice".into()));
    // A client that registers as `alice` is not alice; a user cannot be called as a client is.
    assert_eq!(client(r#""alice""#), Ok("client:alice".into()));
    let posing = subject(r#","sub":"client:batch""#);
    assert_eq!(posing, Err(TokenError::SubjectValue));
    for (id, reason) in [
        ("null", TokenError::SubjectMissing),
        (r#""""#, TokenError::SubjectValue),
        ("7", TokenError::SubjectValue),
        (r#""a\nb""#, TokenError::SubjectValue),
    ] {
        assert_eq!(client(id), Err(reason), "{id}");
    }
    let longest = |bytes| client(&format!("\"{}\"", "c".repeat(bytes)));
    assert!(longest(NAME_BYTES_MAX - CLIENT_PREFIX.len()).is_ok());
    assert!(longest(NAME_BYTES_MAX - CLIENT_PREFIX.len() + 1).is_err());
    // Without the rule nothing changes.
    assert_eq!(
        with_sub(r#""client:batch""#).unwrap().subject.as_ref(),
        "client:batch"
    );
}
