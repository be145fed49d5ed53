//! Shape: what kind of token it is, how large and how deep.

use serde_json::json;
use tollgate_identity::TokenError;

use super::{Table, World, attacks};
use crate::support::*;

/// A token whose header has these members beside.
pub fn typed(members: &str) -> String {
    with_header(&format!(r#"{{"alg":"EdDSA","kid":"ed"{members}}}"#))
}

/// Case 23.
pub fn another_type() -> Table {
    let mut world = World::with_keys(all_keys(), typed(r#","typ":"at+jwt""#));
    world.issuers[0].typ = Some("at+jwt");
    Table {
        case: 23,
        title: "Another type of token, where `typ: at+jwt` is pinned",
        source: "RFC 8725, 3.11; RFC 9068, 4",
        world,
        attacks: attacks! {
            "no `typ`" => typed(""), WrongType;
            "an ID token" => typed(r#","typ":"JWT""#), WrongType;
            "a logout token" => typed(r#","typ":"logout+jwt""#), WrongType;
            "a blank behind" => typed(r#","typ":"at+jwt ""#), WrongType;
            "another tree, `x/at+jwt`" => typed(r#","typ":"x/at+jwt""#), WrongType;
            "`application/` twice" => typed(r#","typ":"application/application/at+jwt""#), WrongType;
            "in `cty` only" => typed(r#","cty":"at+jwt""#), WrongType;
            "in the claims only" => raw_claims(r#""typ":"at+jwt""#), WrongType;
            "a list" => typed(r#","typ":["at+jwt"]"#), HeaderValue;
        },
    }
}

/// Case 24.
pub fn encrypted_and_nested() -> Table {
    let inner = ed_token(&claims());
    let (header, rest) = inner.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let flattened = json!({"protected": header, "payload": payload, "signature": signature});
    let plain = r#"{"alg":"EdDSA","kid":"ed"}"#;
    Table {
        case: 24,
        title: "Encrypted, compressed, nested and detached",
        source: "CVE-2024-28180, CVE-2026-34986; RFC 7515, appendix F; RFC 7516",
        world: World::usual(),
        attacks: attacks! {
            "JWE of five parts" => "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA".into(), Malformed;
            "JWE header in three parts" => with_header(r#"{"alg":"EdDSA","kid":"ed","enc":"A128GCM"}"#), UnsupportedHeader;
            "`alg` of encryption, `dir`" => with_header(r#"{"alg":"dir","kid":"ed"}"#), Algorithm;
            "`alg` of encryption by password" => with_header(r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647}"#), Algorithm;
            "compressed, `zip`" => with_header(r#"{"alg":"EdDSA","kid":"ed","zip":"DEF"}"#), UnsupportedHeader;
            "a token in a token" => ed_raw(r#"{"alg":"EdDSA","kid":"ed","cty":"JWT"}"#, &inner), ClaimsJson;
            "a token in a token as a JSON string" => ed_raw(plain, &format!("{inner:?}")), ClaimsJson;
            "detached payload" => format!("{header}..{signature}"), Malformed;
            "detached payload, no dots" => format!("{header}{signature}"), Malformed;
            "JSON serialisation" => json!({"payload": "", "signatures": []}).to_string(), Malformed, field Joined;
            "flattened JSON serialisation" => flattened.to_string(), Malformed, field Joined;
            "claims are a list" => ed_raw(plain, "[]"), ClaimsJson;
            "claims are null" => ed_raw(plain, "null"), ClaimsJson;
            "claims with something behind" => ed_raw(plain, &format!("{}x", claims())), ClaimsJson;
            "two objects of claims" => ed_raw(plain, &format!("{}{}", claims(), claims())), ClaimsJson;
            "header is a list" => ed_raw(r#"["EdDSA"]"#, &claims().to_string()), HeaderJson;
            "header is no JSON" => ed_raw("alg=EdDSA", &claims().to_string()), HeaderJson;
            "header with a comment" => ed_raw(r#"{"alg":"EdDSA"/**/}"#, &claims().to_string()), HeaderJson;
            "byte order mark" => ed_raw("\u{feff}{\"alg\":\"EdDSA\"}", "{}"), HeaderJson;
        },
    }
}

/// Case 25.
pub fn large_and_deep() -> Table {
    let plain = r#"{"alg":"EdDSA","kid":"ed"}"#;
    let deep = |n| format!(r#""x":{}1{}"#, "[".repeat(n), "]".repeat(n));
    let padded = |n| with_header(&format!(r#"{{"alg":"EdDSA","x":"{}"}}"#, "x".repeat(n)));
    let members = |n: usize| {
        let members: Vec<_> = (0..n).map(|n| format!(r#""{n}":1"#)).collect();
        members.join(",")
    };
    Table {
        case: 25,
        title: "Large and deep",
        source: "CVE-2025-30204, CVE-2025-27144, CVE-2025-22868",
        world: World::usual(),
        attacks: attacks! {
            "1 MB of dots" => ".".repeat(1 << 20), TooLarge;
            "1 MB of claims, signed" => with_claims(json!({"x": "x".repeat(750_000)})), TooLarge;
            "1 MB without a dot" => "A".repeat(1 << 20), TooLarge;
            "16 KiB of dots" => ".".repeat(16 << 10), Malformed;
            "64 KB of header" => padded(64_000), TooLarge;
            "4 KB of header" => padded(4_000), TooLarge;
            "2000 bytes of signature" => with_signature(&ed_token(&claims()), &b64([1; 2000])), TooLarge;
            "claims 17 deep" => raw_claims(&deep(16)), ClaimsJson;
            "claims 5000 deep" => raw_claims(&deep(5000)), ClaimsJson;
            "claims 5000 deep and left open" => ed_raw(plain, &"[".repeat(5000)), ClaimsJson;
            "objects 5000 deep and left open" => ed_raw(plain, &r#"{"":"#.repeat(2000)), ClaimsJson;
            "header 17 deep" => with_header(&format!(r#"{{"alg":"EdDSA",{}}}"#, deep(16))), HeaderJson;
            "600 claims" => raw_claims(&members(600)), ClaimsJson;
            "100,000 claims" => raw_claims(&members(100_000)), TooLarge;
        },
    }
}
