//! Spelling: one token is one string, small and flat.

use super::*;

#[test]
fn case_012_a_token_has_one_spelling() {
    let good = ed_token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    // 64 bytes end in a character with four unused bits.
    let (last, rest) = (signature.as_bytes()[85], &signature[..85]);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.iter().position(|c| *c == last).unwrap();
    assert_eq!(place % 16, 0);
    let unused = |bits: usize| format!("{signed}.{rest}{}", char::from(alphabet[place + bits]));
    let verifier = verifier();
    refused! { verifier:
        "first unused bit" => unused(1), Encoding;
        "second unused bit" => unused(2), Encoding;
        "third unused bit" => unused(4), Encoding;
        "fourth unused bit" => unused(8), Encoding;
        "all unused bits" => unused(15), Encoding;
        "one character more" => format!("{good}A"), Signature;
        "two characters more" => format!("{good}AA"), Signature;
        "three characters more" => format!("{good}AAA"), Encoding;
        "padding" => format!("{good}=="), Encoding;
        "one sign of padding" => format!("{good}="), Encoding;
        "line feed" => format!("{good}\n"), Encoding;
        "carriage return" => format!("{good}\r\n"), Encoding;
        "space in front" => format!(" {good}"), Encoding;
        "space inside" => good.replacen('.', " .", 1), Encoding;
        "trailing dot" => format!("{good}."), Malformed;
        "leading dot" => format!(".{good}"), Malformed;
        "double dot" => good.replacen('.', "..", 1), Malformed;
        "truncated by one" => good[..good.len() - 1].to_owned(), Encoding;
        "truncated by six" => good[..good.len() - 6].to_owned(), Signature;
        "NUL" => format!("{good}\0"), Encoding;
        "standard alphabet" => format!("{signed}.{}", "+/".repeat(43)), Encoding;
        "percent" => good.replacen('.', "%2e", 1), Malformed;
        "look-alike dot" => good.replacen('.', "\u{2024}", 1), Malformed;
    }
    assert_eq!(
        verifier.stats().cache_valid_entries,
        1,
        "never a second entry"
    );
}

#[test]
fn case_012_an_eddsa_signature_has_one_scalar() {
    // The order of the group: s + order verifies in readers that do not reduce (RFC 8032 5.1.7).
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = data_encoding::HEXLOWER.decode(ORDER.as_bytes()).unwrap();
    let good = ed_token(&claims());
    let signature = good.rsplit('.').next().unwrap();
    let mut signature = data_encoding::BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .unwrap();
    let mut carry = 0;
    for (digit, add) in signature[32..].iter_mut().zip(&order) {
        let sum = u16::from(*digit) + u16::from(*add) + carry;
        *digit = u8::try_from(sum % 256).unwrap();
        carry = sum / 256;
    }
    refused! { verifier():
        "s + order" => with_signature(&good, &b64(&signature)), Signature;
        "all zero" => with_signature(&good, &b64([0; 64])), Signature;
        "identity and zero" => with_signature(&good, &b64([&[1][..], &[0; 63]].concat())), Signature;
    }
}

#[test]
fn case_013_critical_extensions_and_unencoded_payloads() {
    let header = |members: &str| with_header(&format!(r#"{{"alg":"EdDSA","kid":"ed",{members}}}"#));
    refused! { verifier():
        "unknown" => header(r#""crit":["x"],"x":1"#), CriticalHeader;
        "empty" => header(r#""crit":[]"#), CriticalHeader;
        "absent parameter" => header(r#""crit":["exp"]"#), CriticalHeader;
        "standard parameter" => header(r#""crit":["alg"]"#), CriticalHeader;
        "not a list" => header(r#""crit":"x""#), CriticalHeader;
        "null" => header(r#""crit":null"#), CriticalHeader;
        "b64 as RFC 7797 says" => header(r#""crit":["b64"],"b64":false"#), CriticalHeader;
        "b64 without crit" => header(r#""b64":false"#), UnsupportedHeader;
        "b64 true" => header(r#""b64":true"#), UnsupportedHeader;
    }
}

#[test]
fn case_014_names_twice() {
    let header = |text: &str| with_header(text);
    refused! { verifier():
        "alg" => header(r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#), DuplicateMember;
        "alg, same value" => header(r#"{"alg":"EdDSA","alg":"EdDSA","kid":"ed"}"#), DuplicateMember;
        "alg, escaped" => header(r#"{"\u0061lg":"none","alg":"EdDSA","kid":"ed"}"#), DuplicateMember;
        "kid" => header(r#"{"alg":"EdDSA","kid":"ed","kid":"p256"}"#), DuplicateMember;
        "deep in the header" => header(r#"{"alg":"EdDSA","kid":"ed","x":[{"a":1,"a":2}]}"#), DuplicateMember;
        "sub" => raw_claims(r#""sub":"bob""#), DuplicateMember;
        "sub, escaped" => raw_claims(r#""s\u0075b":"bob""#), DuplicateMember;
        "exp" => raw_claims(r#""exp":9999999999"#), DuplicateMember;
        "deep in the claims" => raw_claims(r#""x":{"y":{"z":1,"z":1}}"#), DuplicateMember;
    }
}

#[test]
fn case_024_encrypted_nested_and_compressed() {
    let inner = ed_token(&claims());
    refused! { verifier():
        "JWE of five parts" => "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA".into(), Malformed;
        "JWE header, three parts" => with_header(r#"{"alg":"EdDSA","kid":"ed","enc":"A128GCM"}"#), UnsupportedHeader;
        "alg dir" => with_header(r#"{"alg":"dir","kid":"ed"}"#), Algorithm;
        "zip" => with_header(r#"{"alg":"EdDSA","kid":"ed","zip":"DEF"}"#), UnsupportedHeader;
        "nested" => ed_raw(r#"{"alg":"EdDSA","kid":"ed","cty":"JWT"}"#, &inner), ClaimsJson;
        "nested as a string" => ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &format!("{inner:?}")), ClaimsJson;
        "detached" => inner.replacen(inner.split('.').nth(1).unwrap(), "", 1), Malformed;
        "JSON serialisation" => json!({"payload": "", "signatures": []}).to_string(), Malformed;
        "claims are a list" => ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, "[]"), ClaimsJson;
        "header is a list" => ed_raw(r#"["EdDSA"]"#, &claims().to_string()), HeaderJson;
        "byte order mark" => ed_raw("\u{feff}{\"alg\":\"EdDSA\"}", "{}"), HeaderJson;
    }
}

#[test]
fn case_025_large_and_deep() {
    let deep = |n| format!(r#""x":{}1{}"#, "[".repeat(n), "]".repeat(n));
    let many = (0..600)
        .map(|n| format!(r#""{n}":1"#))
        .collect::<Vec<_>>()
        .join(",");
    refused! { verifier():
        "1 MB of dots" => ".".repeat(1 << 20), TooLarge;
        "16 KiB of dots" => ".".repeat(16 << 10), Malformed;
        "64 KB header" => with_header(&format!(r#"{{"alg":"EdDSA","x":"{}"}}"#, "x".repeat(64_000))), TooLarge;
        "4 KB header" => with_header(&format!(r#"{{"alg":"EdDSA","x":"{}"}}"#, "x".repeat(4_000))), TooLarge;
        "17 deep" => raw_claims(&deep(16)), ClaimsJson;
        "5000 deep" => raw_claims(&deep(5000)), ClaimsJson;
        "5000 deep and open" => ed_raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &"[".repeat(5000)), ClaimsJson;
        "600 claims" => raw_claims(&many), ClaimsJson;
        "2000 bytes of signature" => with_signature(&ed_token(&claims()), &b64([1; 2000])), TooLarge;
    }
}

#[test]
fn case_026_the_authorization_field() {
    let read = |fields: &[&str]| {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        match credential(&headers, None) {
            Credential::Bearer(token) => Ok(token.to_owned()),
            Credential::Malformed(error) => Err(error),
            other => panic!("{other:?}"),
        }
    };
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(read(&[&format!("{scheme} a.b.c")]), Ok("a.b.c".into()));
    }
    for (fields, error) in [
        (
            &["Bearer a.b.c", "Bearer a.b.c"][..],
            CredentialError::Several,
        ),
        (&["Bearer a.b.c,Bearer d.e.f"], CredentialError::Joined),
        (&["Basic eDp5, Bearer d.e.f"], CredentialError::Joined),
        (&["Bearer  a.b.c"], CredentialError::Syntax),
        (&["Bearer\ta.b.c"], CredentialError::Syntax),
    ] {
        assert_eq!(read(fields), Err(error), "{fields:?}");
        assert!(error.is_bad_request());
    }
    assert_eq!(read(&["Bearer "]), Err(CredentialError::Empty));
    assert!(!CredentialError::Empty.is_bad_request());
}
