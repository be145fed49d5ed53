//! Names: for whom a token is, from whom, and about whom.

use serde_json::{Value, json};
use tollgate_identity::TokenError;

use super::{Table, World, attacks};
use crate::support::*;

/// Case 19.
pub fn audience() -> Table {
    let aud = |aud: Value| with_claims(json!({ "aud": aud }));
    Table {
        case: 19,
        title: "Audience",
        source: "RFC 8725, 3.9; RFC 7519, 4.1.3",
        world: World::usual(),
        attacks: attacks! {
            "missing" => with_claims(json!({"aud": null})), Audience;
            "a number" => aud(json!(7)), Audience;
            "another" => aud(json!("https://other")), Audience;
            "a list of others" => aud(json!(["a", "b"])), Audience;
            "an empty list" => aud(json!([])), Audience;
            "ours in a list in a list" => aud(json!([[AUDIENCE]])), Audience;
            "ours as a member of an object" => aud(json!({AUDIENCE: true})), Audience;
            "a prefix of ours" => aud(json!(&AUDIENCE[..AUDIENCE.len() - 1])), Audience;
            "ours and more" => aud(json!(format!("{AUDIENCE}.evil.net"))), Audience;
            "a slash behind" => aud(json!(format!("{AUDIENCE}/"))), Audience;
            "in upper case" => aud(json!(AUDIENCE.to_uppercase())), Audience;
            "two in one string" => aud(json!(format!("{AUDIENCE} x"))), Audience;
            "a wildcard" => aud(json!("*")), Audience;
        },
    }
}

/// Case 20.
pub fn issuer() -> Table {
    let iss = |iss: Value| with_claims(json!({ "iss": iss }));
    Table {
        case: 20,
        title: "Issuer",
        source: "RFC 8725, 3.8",
        world: World::usual(),
        attacks: attacks! {
            "missing" => with_claims(json!({"iss": null})), IssuerMissing;
            "a list" => iss(json!([ISSUER])), IssuerMissing;
            "a number" => iss(json!(1)), IssuerMissing;
            "empty" => iss(json!("")), UnknownIssuer;
            "a slash behind" => iss(json!(format!("{ISSUER}/"))), UnknownIssuer;
            "another case" => iss(json!("https://Login.example.com")), UnknownIssuer;
            "a blank behind" => iss(json!(format!("{ISSUER} "))), UnknownIssuer;
            "a NUL behind" => iss(json!(format!("{ISSUER}\0"))), UnknownIssuer;
            "the default port" => iss(json!(format!("{ISSUER}:443"))), UnknownIssuer;
            "plain HTTP" => iss(json!("http://login.example.com")), UnknownIssuer;
            "a Cyrillic letter in it" => iss(json!("https://l\u{43e}gin.example.com")), UnknownIssuer;
            "ours as a prefix of another host" => iss(json!("https://login.example.com.evil.net")), UnknownIssuer;
            "ours as the user of another host" => iss(json!("https://login.example.com@evil.net")), UnknownIssuer;
            "another trusted issuer, our signature" => iss(json!(OTHER_ISSUER)), Signature;
        },
    }
}

/// Case 22.
pub fn subject() -> Table {
    let sub = |sub: Value| with_claims(json!({ "sub": sub }));
    let raw = |sub: &str| {
        let claims = claims().to_string().replace("alice", sub);
        ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims)
    };
    let null_sub = {
        let claims = claims().to_string().replace("\"alice\"", "null");
        ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims)
    };
    Table {
        case: 22,
        title: "Subject, account and plan",
        source: "RFC 7519, 4.1.2",
        world: World::usual(),
        attacks: attacks! {
            "`sub` missing" => sub(Value::Null), SubjectMissing;
            "`sub` null" => null_sub, SubjectMissing;
            "`sub` empty" => sub(json!("")), SubjectValue;
            "`sub` a number" => sub(json!(7)), SubjectValue;
            "`sub` true" => sub(json!(true)), SubjectValue;
            "`sub` a list" => sub(json!(["alice"])), SubjectValue;
            "`sub` an object" => sub(json!({"alice": 1})), SubjectValue;
            "`sub` of 256 bytes" => sub(json!("s".repeat(256))), SubjectValue;
            "`sub` of 60 KB" => sub(json!("s".repeat(60_000))), TooLarge;
            "`sub` with a NUL" => sub(json!("alice\0")), SubjectValue;
            "`sub` with a line feed" => sub(json!("alice\nbob")), SubjectValue;
            "`sub` with a terminal escape" => sub(json!("\u{1b}[2Jalice")), SubjectValue;
            "`sub` with a lone surrogate" => raw(r"\ud800"), ClaimsJson;
            "`sub` with a raw control byte" => raw("ali\u{1}ce"), ClaimsJson;
            "account a number" => with_claims(json!({"account": 7})), AccountValue;
            "account with a line feed" => with_claims(json!({"account": "a\nb"})), AccountValue;
            "account of 256 bytes" => with_claims(json!({"account": "a".repeat(256)})), AccountValue;
            "plan a list" => with_claims(json!({"plan": ["gold"]})), PlanValue;
            "plan with a NUL" => with_claims(json!({"plan": "gold\0"})), PlanValue;
        },
    }
}

/// Case 30: a claim's name is a plain string key, whatever it means elsewhere.
pub fn meaning_elsewhere() -> Table {
    let victim = with_claims(json!({"__proto__": "p", "constructor": {"prototype": 1}}));
    let mut world = World::with_keys(all_keys(), victim);
    world.issuers[0].subject_claim = "__proto__";
    Table {
        case: 30,
        title: "Names that mean something elsewhere",
        source: "prototype pollution in JavaScript",
        world,
        attacks: attacks! {
            "`__proto__` is the subject and is missing" => ed_token(&claims()), SubjectMissing;
            "`__proto__` is an object" => with_claims(json!({"__proto__": {"sub": "p"}})), SubjectValue;
            "`constructor.prototype` in its place" => with_claims(json!({"constructor": {"prototype": "p"}})), SubjectMissing;
        },
    }
}
