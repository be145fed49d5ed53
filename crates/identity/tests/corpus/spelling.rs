//! Spelling: one token is one string, and names each thing once.

use tollgate_identity::TokenError;

use super::{Table, World, attacks};
use crate::support::*;

/// Case 12.
pub fn of_a_token() -> Table {
    let good = ed_token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    // 64 bytes end in a character with four unused bits.
    let (last, rest) = (signature.as_bytes()[85], &signature[..85]);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.iter().position(|c| *c == last).unwrap();
    assert_eq!(place % 16, 0);
    let unused = |bits: usize| format!("{signed}.{rest}{}", char::from(alphabet[place + bits]));
    Table {
        case: 12,
        title: "A token has one spelling",
        source: "RFC 4648, 3.5; RFC 8032, 5.1.7; seen in Envoy 1.40, HAProxy 2.6, npm jose 6",
        world: World::usual(),
        attacks: attacks! {
            "first unused bit set" => unused(1), Encoding;
            "second unused bit set" => unused(2), Encoding;
            "third unused bit set" => unused(4), Encoding;
            "fourth unused bit set" => unused(8), Encoding;
            "all unused bits set" => unused(15), Encoding;
            "one character more" => format!("{good}A"), Signature;
            "two characters more" => format!("{good}AA"), Signature;
            "three characters more" => format!("{good}AAA"), Encoding;
            "padding, `==`" => format!("{good}=="), Encoding;
            "padding, `=`" => format!("{good}="), Encoding;
            "padding of the header" => good.replacen('.', "=.", 1), Encoding;
            "line feed behind" => format!("{good}\n"), Encoding, no field;
            "carriage return and line feed behind" => format!("{good}\r\n"), Encoding, no field;
            "NUL behind" => format!("{good}\0"), Encoding, no field;
            "line feed inside" => good.replacen('.', "\n.", 1), Encoding, no field;
            "blank in front" => format!(" {good}"), Encoding, field Syntax;
            "blank inside" => good.replacen('.', " .", 1), Encoding, field Syntax;
            "blank behind" => format!("{good} "), Encoding, field Syntax;
            "trailing dot" => format!("{good}."), Malformed;
            "leading dot" => format!(".{good}"), Malformed;
            "double dot" => good.replacen('.', "..", 1), Malformed;
            "truncated by one character" => good[..good.len() - 1].to_owned(), Encoding;
            "truncated by six characters" => good[..good.len() - 6].to_owned(), Signature;
            "truncated to half a signature" => with_signature(&good, &b64(&unb64(signature)[..32])), Signature;
            "without its signature" => format!("{signed}."), Malformed;
            "without its signature and dot" => signed.to_owned(), Malformed;
            "the alphabet of plain base64" => format!("{signed}.{}", "+/".repeat(43)), Encoding;
            "a dot as `%2e`" => good.replacen('.', "%2e", 1), Malformed;
            "a look-alike of a dot" => good.replacen('.', "\u{2024}", 1), Malformed, field Syntax;
            "in quotes" => format!("\"{good}\""), Encoding;
            "the scheme twice" => format!("Bearer {good}"), Encoding, field Syntax;
        },
    }
}

/// Case 13.
pub fn critical_extensions() -> Table {
    let header = |members: &str| with_header(&format!(r#"{{"alg":"EdDSA","kid":"ed",{members}}}"#));
    let b64_false = b64(r#"{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}"#);
    let unencoded = {
        let signed = format!("{b64_false}.{}", claims());
        let signature = KEYS
            .ed
            .sign(tollgate_identity::Algorithm::EdDSA, signed.as_bytes());
        format!("{signed}.{}", b64(signature))
    };
    let signature = unencoded.rsplit('.').next().unwrap();
    Table {
        case: 13,
        title: "Critical extensions and unencoded payloads",
        source: "CVE-2025-59420, CVE-2026-32597; RFC 7515, 4.1.11; RFC 7797",
        world: World::usual(),
        attacks: attacks! {
            "`crit` names an unknown parameter" => header(r#""crit":["x"],"x":1"#), CriticalHeader;
            "`crit` is empty" => header(r#""crit":[]"#), CriticalHeader;
            "`crit` names an absent parameter" => header(r#""crit":["exp"]"#), CriticalHeader;
            "`crit` names a standard parameter" => header(r#""crit":["alg"]"#), CriticalHeader;
            "`crit` names itself" => header(r#""crit":["crit"]"#), CriticalHeader;
            "`crit` is no list" => header(r#""crit":"x""#), CriticalHeader;
            "`crit` is null" => header(r#""crit":null"#), CriticalHeader;
            "`crit`, escaped" => header(r#""cr\u0069t":["x"]"#), CriticalHeader;
            "`b64` false as RFC 7797 says, payload encoded" => header(r#""crit":["b64"],"b64":false"#), CriticalHeader;
            "`b64` false as RFC 7797 says, payload as it is" => unencoded.clone(), Malformed, field Joined;
            "`b64` false, detached" => format!("{b64_false}..{signature}"), Malformed;
            "`b64` false without `crit`" => header(r#""b64":false"#), UnsupportedHeader;
            "`b64` true" => header(r#""b64":true"#), UnsupportedHeader;
        },
    }
}

/// Case 14.
pub fn names_twice() -> Table {
    let header = |text: &str| with_header(text);
    Table {
        case: 14,
        title: "One name twice",
        source: "RFC 7515, 4; RFC 7519, 4",
        world: World::usual(),
        attacks: attacks! {
            "`alg`" => header(r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#), DuplicateMember;
            "`alg`, the good one first" => header(r#"{"alg":"EdDSA","alg":"none","kid":"ed"}"#), DuplicateMember;
            "`alg`, the same value" => header(r#"{"alg":"EdDSA","alg":"EdDSA","kid":"ed"}"#), DuplicateMember;
            "`alg`, once escaped" => header(r#"{"\u0061lg":"none","alg":"EdDSA","kid":"ed"}"#), DuplicateMember;
            "`kid`" => header(r#"{"alg":"EdDSA","kid":"ed","kid":"p256"}"#), DuplicateMember;
            "deep in the header" => header(r#"{"alg":"EdDSA","kid":"ed","x":[{"a":1,"a":2}]}"#), DuplicateMember;
            "`sub`" => raw_claims(r#""sub":"bob""#), DuplicateMember;
            "`sub`, once escaped" => raw_claims(r#""s\u0075b":"bob""#), DuplicateMember;
            "`exp`" => raw_claims(r#""exp":9999999999"#), DuplicateMember;
            "`iss`" => raw_claims(r#""iss":"https://other.example.net""#), DuplicateMember;
            "`aud`" => raw_claims(r#""aud":"https://other""#), DuplicateMember;
            "a claim that nobody reads" => raw_claims(r#""x":1,"x":2"#), DuplicateMember;
            "the empty name" => raw_claims(r#""":1,"":2"#), DuplicateMember;
            "deep in the claims" => raw_claims(r#""x":{"y":{"z":1,"z":1}}"#), DuplicateMember;
        },
    }
}
