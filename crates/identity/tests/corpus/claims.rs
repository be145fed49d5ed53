//! Times: when a token is valid, and how the numbers are written.

use serde_json::json;
use tollgate_identity::TokenError;

use super::{Table, World, attacks};
use crate::support::*;

/// A token with `exp` as text.
pub fn exp(text: &str) -> String {
    let claims = claims_with(json!({"exp": null})).to_string();
    ed_raw(
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        &format!(r#"{{"exp":{text},{}"#, &claims[1..]),
    )
}

/// Case 15.
pub fn expiry() -> Table {
    Table {
        case: 15,
        title: "Expiry is a number in bounds",
        source: "RFC 7519, 4.1.4",
        world: World::usual(),
        attacks: attacks! {
            "missing" => with_claims(json!({"exp": null})), ExpiryMissing;
            "null" => exp("null"), TimeValue;
            "a string" => exp("\"1800003600\""), TimeValue;
            "a date as a string" => exp("\"2027-01-15T09:00:00Z\""), TimeValue;
            "the empty string" => exp("\"\""), TimeValue;
            "-1" => exp("-1"), TimeValue;
            "-2^63 - 1" => exp("-9223372036854775809"), TimeValue;
            "-1e30" => exp("-1e30"), TimeValue;
            "0" => exp("0"), Expired;
            "-0" => exp("-0"), Expired;
            "1e9, a float in the past" => exp("1e9"), Expired;
            "half a second too old, as a float" => exp(&format!("{}.5", NOW_S - LEEWAY_S - 1)), Expired;
            "the very second in which the leeway ends" => exp(&(NOW_S - LEEWAY_S).to_string()), Expired;
            "an hour ago" => exp(&(NOW_S - 3600).to_string()), Expired;
            "1e30" => exp("1e30"), TimeValue;
            "1e400" => exp("1e400"), ClaimsJson;
            "2^53 + 2" => exp("9007199254740994"), TimeValue;
            "2^64" => exp("18446744073709551616"), TimeValue;
            "milliseconds for seconds" => exp(&(NOW_S * 1000).to_string()), LifetimeTooLong;
            "`Infinity`" => exp("Infinity"), ClaimsJson;
            "`NaN`" => exp("NaN"), ClaimsJson;
            "a list" => exp("[1800003600]"), TimeValue;
            "an object" => exp("{}"), TimeValue;
            "true" => exp("true"), TimeValue;
            "hexadecimal" => exp("0x6b49d200"), ClaimsJson;
            "a plus in front" => exp("+1800003600"), ClaimsJson;
            "a zero in front" => exp("01800003600"), ClaimsJson;
            "a point behind" => exp("1800003600."), ClaimsJson;
            "digits in groups" => exp("1_800_003_600"), ClaimsJson;
        },
    }
}

/// Case 16.
pub fn thirty_years() -> Table {
    let far = NOW_S + 30 * 365 * DAY_S;
    Table {
        case: 16,
        title: "A token for thirty years",
        source: "tokens seen in practice",
        world: World::usual(),
        attacks: attacks! {
            "from now" => with_claims(json!({"exp": far})), LifetimeTooLong;
            "without `iat`" => with_claims(json!({"exp": far, "iat": null})), LifetimeTooLong;
            "in its last hour" => with_claims(json!({"iat": NOW_S - 30 * 365 * DAY_S})), LifetimeTooLong;
            "2^53, the largest time" => with_claims(json!({"exp": 1_u64 << 53})), LifetimeTooLong;
        },
    }
}

/// Case 17.
pub fn future() -> Table {
    let late = NOW_S + LEEWAY_S + 1;
    Table {
        case: 17,
        title: "From the future",
        source: "RFC 7519, 4.1.5 and 4.1.6",
        world: World::usual(),
        attacks: attacks! {
            "`nbf` a second beyond the leeway" => with_claims(json!({ "nbf": late })), NotYetValid;
            "`nbf` at 2^53" => with_claims(json!({ "nbf": 1_u64 << 53 })), NotYetValid;
            "`iat` a second beyond the leeway" => with_claims(json!({ "iat": late })), IssuedInFuture;
            "`nbf` is a string" => with_claims(json!({"nbf": "0"})), TimeValue;
            "`iat` is a string" => with_claims(json!({"iat": "0"})), TimeValue;
            "`nbf` is negative" => with_claims(json!({"nbf": -1})), TimeValue;
            "`iat` is negative" => with_claims(json!({"iat": -1.5})), TimeValue;
            "`nbf` is 1e300" => with_claims(json!({"nbf": 1e300})), TimeValue;
            "`nbf` is null" => raw_claims(r#""nbf":null"#), TimeValue;
            "`nbf` is false" => with_claims(json!({"nbf": false})), TimeValue;
        },
    }
}
