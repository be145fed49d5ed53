//! Whatever is given: no panic, no key in a message, and what is imported is a policy that means it.

use proptest::prelude::*;

use super::*;

const KEY: &str = "SecretKeySecretKey0123456789abcdefghijAB";

/// A number as somebody may have written it.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u64..200).prop_map(|whole| whole.to_string()),
        (0.000_000_01_f64..1e7).prop_map(|rate| rate.to_string()),
        (1_u32..10, -12_i32..12).prop_map(|(digit, power)| format!("{digit}e{power}")),
        Just("null".to_owned()),
        Just("\"7\"".to_owned()),
        Just("-1".to_owned()),
    ]
}

fn plan() -> impl Strategy<Value = String> {
    let period = prop_oneof![Just("DAY"), Just("WEEK"), Just("MONTH"), Just("HOUR")];
    let path = "(/[a-z]{1,3}|/\\{[a-z]\\}){1,3}";
    let names = ("[ -~]{1,12}", path, number(), number());
    let numbers = (number(), number(), 0_u64..5_000, 0_u64..30, period);
    (names, numbers).prop_map(|((name, path, own_rate, own_burst), numbers)| {
        let (rate, burst, limit, offset, period) = numbers;
        let name = serde_json::Value::from(name);
        format!(
            r#"{{"id": {name}, "name": {name},
                "throttle": {{"rateLimit": {rate}, "burstLimit": {burst}}},
                "quota": {{"limit": {limit}, "offset": {offset}, "period": "{period}"}},
                "apiStages": [{{"apiId": "a", "stage": "s", "throttle": {{
                    "{path}/GET": {{"rateLimit": {own_rate}, "burstLimit": {own_burst}}}}}}}]}}"#
        )
    })
}

proptest! {
    #[test]
    fn an_imported_plan_is_a_policy_that_says_the_same(
        plans in proptest::collection::vec(plan(), 1..5)
    ) {
        let text = format!("{{\"items\": [{}]}}", plans.join(","));
        if let Ok(imported) = import(&[input("plans.json", &text)], &OPTIONS) {
            let policy = checked(&imported);
            let back = usage_plans_of(&policy);
            prop_assert_eq!(back.len(), imported.plans.len());
            for (was, is) in imported.plans.iter().zip(&back) {
                let burst = was.throttle.map(|throttle| throttle.burst_or_second());
                prop_assert_eq!(burst, is.throttle.map(|throttle| throttle.burst_or_second()));
                // The nearest rate that a policy can say is within a ten-millionth.
                if let (Some(was), Some(is)) = (was.throttle, is.throttle) {
                    let written = was.rate.to_policy().unwrap();
                    prop_assert_eq!(RatePerSecond::of_policy(written.rate), is.rate);
                    prop_assert!(!written.exact || was.rate == is.rate);
                }
                let quota = was.quota.map(|quota| Quota { offset: 0, ..quota });
                prop_assert_eq!(quota, is.quota);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_and_shows_no_key(
        text in "[\\PC\n]{0,40}", kind in 0..5, cut in 0_usize..400
    ) {
        let whole = match kind {
            0 => format!("Name,Key,Enabled,UsagePlanIds\nx,{KEY},{text}\n"),
            1 => format!("{{\"items\": [{{\"id\": \"k\", \"value\": \"{KEY}\", {text}"),
            2 => format!("resource \"aws_api_gateway_api_key\" \"k\" {{\n value = \"{KEY}\"\n {text}\n}}\n"),
            3 => format!("Resources:\n  K: {{Type: 'AWS::ApiGateway::ApiKey', Properties: {{Value: {KEY}}}}}\n{text}"),
            _ => text.clone(),
        };
        let cut = whole.char_indices().nth(cut).map_or(whole.len(), |(at, _)| at);
        for text in [&whole[..], &whole[..cut]] {
            match import(&[input("file", text), input("plans.json", PLANS)], &OPTIONS) {
                Ok(imported) => {
                    prop_assert!(!imported.report.contains(KEY), "{}", imported.report);
                    prop_assert!(!imported.policy.contains(KEY));
                }
                Err(error) => prop_assert!(!error.to_string().contains("SecretKey"), "{error}"),
            }
        }
    }
}
