//! Rate-based statements.

use super::{Findings, codes, statements};
use crate::waf::model::{AggregateKeyType, RateBased, RateKey, Word};

/// The least limit of a window.
pub const LIMIT_MIN: u64 = 10;
/// The greatest limit of a window.
pub const LIMIT_MAX: u64 = 2_000_000_000;
/// The evaluation windows that there are, in seconds.
pub const WINDOWS_S: [u64; 4] = [60, 120, 300, 600];

const KEYS_MAX: usize = 5;
const KEY_NAME_MAX: usize = 64;

pub(super) fn check(rate: &RateBased, path: &str, found: &mut Findings) {
    if !(LIMIT_MIN..=LIMIT_MAX).contains(&rate.limit) {
        found.error(
            codes::LIMIT,
            format!("{path}/Limit"),
            format!("limit {}", rate.limit),
            "write 10 to 2000000000; a slower rate needs a longer window",
        );
    }
    if !WINDOWS_S.contains(&rate.window_s) {
        found.error(
            codes::WINDOW,
            format!("{path}/EvaluationWindowSec"),
            format!("a window of {} seconds", rate.window_s),
            "write 60, 120, 300 or 600",
        );
    }
    keys(rate, path, found);
    let by_header = rate.aggregate == AggregateKeyType::ForwardedIp
        || rate.keys.contains(&RateKey::ForwardedIp);
    if by_header && rate.forwarded.is_none() {
        found.error(
            codes::FORWARDED,
            path,
            "an address from a header field without ForwardedIPConfig".to_owned(),
            "add `ForwardedIPConfig: {HeaderName: …, FallbackBehavior: …}`",
        );
    }
    if rate.aggregate == AggregateKeyType::Constant && rate.scope_down.is_none() {
        found.error(
            codes::CONSTANT,
            path,
            "CONSTANT without a scope-down statement".to_owned(),
            "add a ScopeDownStatement that says which requests are counted",
        );
    }
}

fn keys(rate: &RateBased, path: &str, found: &mut Findings) {
    let at = format!("{path}/CustomKeys");
    let count = rate.keys.len();
    let custom = rate.aggregate == AggregateKeyType::CustomKeys;
    if custom && count == 0 {
        let what = "CUSTOM_KEYS without CustomKeys".to_owned();
        found.error(codes::KEYS, &at, what, "add one to five keys");
    }
    if custom && count > KEYS_MAX {
        let what = format!("{count} keys, above {KEYS_MAX}");
        found.error(codes::KEYS, &at, what, "keep five");
    }
    if !custom && count > 0 {
        let what = format!("keys beside aggregate key type {}", rate.aggregate.as_str());
        let fix = "write `AggregateKeyType: CUSTOM_KEYS`, or remove the keys";
        found.error(codes::KEYS, &at, what, fix);
    }
    if let [only @ (RateKey::Ip | RateKey::ForwardedIp)] = &rate.keys[..] {
        found.error(
            codes::ADDRESS_ALONE,
            format!("{at}/0"),
            format!("the key {} alone", only.kind()),
            "write `AggregateKeyType: IP` or `FORWARDED_IP` instead, or add a key",
        );
    }
    for (index, key) in rate.keys.iter().enumerate() {
        let at = format!("{at}/{index}/{}", key.kind());
        let (name, transformations) = key.parts();
        let length = name
            .and_then(|name| name.known())
            .map(|name| name.chars().count());
        if length.is_some_and(|length| !(1..=KEY_NAME_MAX).contains(&length)) {
            found.error(
                codes::KEY_NAME,
                format!("{at}/Name"),
                format!("a name of {} characters", length.unwrap_or_default()),
                "write 1 to 64 characters",
            );
        }
        if let Some(transformations) = transformations {
            statements::transformations(transformations, &at, found);
        }
    }
}
