use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::waf::read;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn set(document: &Value) -> RuleSet {
    read("acl.json", &document.to_string()).unwrap().remove(0)
}

fn acl(rules: &Value) -> RuleSet {
    set(&json!({"Name": "acl", "DefaultAction": {"Allow": {}},
        "CustomResponseBodies": {"limited": {"ContentType": "TEXT_PLAIN", "Content": "slow down"}},
        "Rules": rules}))
}

fn none() -> Value {
    json!([{"Priority": 0, "Type": "NONE"}])
}

/// A rule that blocks what is above 10 in 60 s by the header `x-id`.
fn by_id() -> Value {
    json!({"Name": "by-id", "Priority": 5, "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": {"Limit": 10, "EvaluationWindowSec": 60,
            "AggregateKeyType": "CUSTOM_KEYS",
            "CustomKeys": [{"Header": {"Name": "X-Id", "TextTransformations": none()}}]}}})
}

fn starts_with(path: &str) -> Value {
    json!({"ByteMatchStatement": {"FieldToMatch": {"UriPath": {}}, "SearchString": path,
        "PositionalConstraint": "STARTS_WITH", "TextTransformations": none()}})
}

fn request<'a>(path: &'a str, headers: &'a [(&'a str, &'a str)]) -> WafRequest<'a> {
    WafRequest {
        method: "GET",
        path,
        query: "",
        headers,
        client_ip: ADDRESS,
    }
}

const SETTINGS: Settings = Settings {
    evaluation_interval_ms: 10_000,
    lag_ms: 20_000,
    instances_max: 100,
    blocked_requests_count: true,
    empty_is_missing: true,
};

/// From when to when requests every 100 ms are blocked, in milliseconds.
fn blocked_times(simulator: &mut Simulator, headers: &[(&str, &str)], until_ms: u64) -> Vec<u64> {
    let times = (0..until_ms).step_by(100);
    times
        .filter(|now| {
            simulator
                .decide(&request("/", headers), *now)
                .verdict
                .is_block()
        })
        .collect()
}

#[test]
fn a_flood_is_blocked_after_the_next_look_and_the_lag() {
    let mut simulator = Simulator::new(&acl(&json!([by_id()])), SETTINGS).unwrap();
    let blocked = blocked_times(&mut simulator, &[("x-id", "alice")], 120_000);
    // Above 10 after a second; seen at 10 s; in force at 30 s; then for good, as it goes on.
    assert_eq!(blocked.first(), Some(&30_000));
    assert_eq!(blocked.len(), 900);
    // The last look that sees more than 10 in a minute is at 170 s.
    let alice = [("x-id", "alice")];
    let mut at = |now| {
        simulator
            .decide(&request("/", &alice), now)
            .verdict
            .is_block()
    };
    assert!(at(199_900));
    assert!(!at(200_000));
}

#[test]
fn instances_are_apart_and_requests_without_the_key_are_never_limited() {
    let mut simulator = Simulator::new(&acl(&json!([by_id()])), SETTINGS).unwrap();
    for now in (0..120_000).step_by(100) {
        for headers in [&[][..], &[("x-id", "")][..], &[("x-other", "a")][..]] {
            assert!(
                !simulator
                    .decide(&request("/", headers), now)
                    .verdict
                    .is_block()
            );
        }
        simulator.decide(&request("/", &[("X-ID", "alice")]), now);
    }
    assert_eq!(simulator.instances(), 1);
    let bob = simulator.decide(&request("/", &[("x-id", "bob")]), 120_000);
    assert_eq!(bob.verdict, Verdict::Allow { rule: None });
    let alice = simulator.decide(&request("/", &[("x-id", "alice")]), 120_000);
    assert!(alice.verdict.is_block());
}

#[test]
fn an_empty_value_is_an_instance_where_the_settings_say_so() {
    let settings = Settings {
        empty_is_missing: false,
        ..SETTINGS
    };
    let mut simulator = Simulator::new(&acl(&json!([by_id()])), settings).unwrap();
    assert!(!blocked_times(&mut simulator, &[("x-id", "")], 60_000).is_empty());
}

#[test]
fn a_watcher_is_told_of_the_instances_that_a_request_falls_under() {
    let mut simulator = Simulator::new(&acl(&json!([by_id()])), Settings::default()).unwrap();
    let mut seen = |headers: &[(&str, &str)]| {
        let mut found = Vec::new();
        let watch = &mut |rule: &std::sync::Arc<str>, instance: &[u8]| {
            found.push((rule.to_string(), instance.to_vec()));
        };
        simulator.decide_watched(&request("/", headers), 0, watch);
        found
    };
    let a = seen(&[("x-id", "a")]);
    assert_eq!(a.len(), 1);
    assert_eq!(a, seen(&[("x-id", "a")]));
    assert_ne!(a, seen(&[("x-id", "b")]));
    assert!(seen(&[]).is_empty());
}

#[test]
fn only_what_is_in_scope_is_counted_and_limited() {
    let mut rule = by_id();
    rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"] = starts_with("/api");
    let mut simulator = Simulator::new(&acl(&json!([rule])), SETTINGS).unwrap();
    let alice = [("x-id", "alice")];
    for now in (0..60_000).step_by(100) {
        simulator.decide(&request("/api/a", &alice), now);
    }
    let outside = simulator.decide(&request("/", &alice), 60_000);
    assert!(!outside.verdict.is_block());
    let inside = simulator.decide(&request("/api", &alice), 60_000);
    assert!(inside.verdict.is_block());
}

#[test]
fn rules_stand_in_the_order_of_priorities_and_only_some_end_a_request() {
    let mut counting = by_id();
    counting["Name"] = json!("counting");
    counting["Priority"] = json!(3);
    counting["Action"] = json!({"Count": {}});
    counting["RuleLabels"] = json!([{"Name": "busy"}]);
    let response = json!({"ResponseCode": 429, "CustomResponseBodyKey": "limited",
        "ResponseHeaders": [{"Name": "retry-after", "Value": "60"}]});
    let rules = json!([
        {"Name": "busy", "Priority": 4, "Action": {"Block": {"CustomResponse": response}},
            "Statement": {"LabelMatchStatement": {"Scope": "LABEL", "Key": "busy"}}},
        counting,
        {"Name": "health", "Priority": 0, "Action": {"Allow": {}}, "Statement": starts_with("/up")},
    ]);
    let mut simulator = Simulator::new(&acl(&rules), SETTINGS).unwrap();
    let alice = [("x-id", "alice")];
    for now in (0..60_000).step_by(100) {
        simulator.decide(&request("/", &alice), now);
    }
    let health = simulator.decide(&request("/up", &alice), 60_000);
    assert_eq!(
        health.verdict,
        Verdict::Allow {
            rule: Some("health".into())
        }
    );
    let limited = simulator.decide(&request("/", &alice), 60_000);
    assert_eq!(limited.counted, ["counting".into()]);
    assert_eq!(limited.labels, ["busy".into()]);
    let Verdict::Block(blocked) = limited.verdict else {
        panic!("blocked");
    };
    assert_eq!(blocked.rule.as_deref(), Some("busy"));
    assert_eq!(blocked.status, 429);
    assert_eq!(
        blocked.headers,
        [("retry-after".to_owned(), "60".to_owned())]
    );
    assert_eq!(
        blocked.body,
        Some((ContentType::Plain, "slow down".to_owned()))
    );
}

#[test]
fn the_default_action_answers_what_no_rule_ends() {
    let document = json!({"Name": "acl", "DefaultAction": {"Block": {}}, "Rules": [
        {"Name": "api", "Priority": 0, "Action": {"Allow": {}}, "Statement": starts_with("/api")}]});
    let mut simulator = Simulator::new(&set(&document), SETTINGS).unwrap();
    assert!(
        !simulator
            .decide(&request("/api", &[]), 0)
            .verdict
            .is_block()
    );
    let Verdict::Block(blocked) = simulator.decide(&request("/", &[]), 0).verdict else {
        panic!("blocked");
    };
    assert_eq!((blocked.status, &blocked.rule), (403, &None));
}

#[test]
fn a_forwarded_address_that_is_none_falls_back() {
    let with = |fallback: &str| {
        let rules = json!([{"Name": "r", "Priority": 0, "Action": {"Block": {}},
            "Statement": {"RateBasedStatement": {"Limit": 10, "EvaluationWindowSec": 60,
                "AggregateKeyType": "FORWARDED_IP", "ForwardedIPConfig":
                    {"HeaderName": "x-forwarded-for", "FallbackBehavior": fallback}}}}]);
        Simulator::new(&acl(&rules), SETTINGS).unwrap()
    };
    for (fallback, blocked) in [("MATCH", true), ("NO_MATCH", false)] {
        let mut simulator = with(fallback);
        let mut at = |headers| {
            simulator
                .decide(&request("/", headers), 0)
                .verdict
                .is_block()
        };
        assert_eq!(at(&[("x-forwarded-for", "unknown")]), blocked);
        assert!(!at(&[("x-forwarded-for", "192.0.2.7, 10.0.0.1")]));
        assert!(!at(&[]));
        assert_eq!(simulator.instances(), 1);
    }
}

#[test]
fn instances_are_bounded_and_those_that_are_over_make_room() {
    let settings = Settings {
        instances_max: 2,
        ..SETTINGS
    };
    let mut simulator = Simulator::new(&acl(&json!([by_id()])), settings).unwrap();
    for id in ["a", "b", "c"] {
        simulator.decide(&request("/", &[("x-id", id)]), 0);
    }
    assert_eq!((simulator.instances(), simulator.untracked()), (2, 1));
    // After window and verdicts nothing of the first two is left.
    simulator.decide(&request("/", &[("x-id", "c")]), 120_000);
    assert_eq!((simulator.instances(), simulator.untracked()), (1, 1));
}

#[test]
fn what_the_model_has_not_is_refused_with_its_path() {
    let keys = |key: Value| {
        let mut rule = by_id();
        rule["Statement"]["RateBasedStatement"]["CustomKeys"] = json!([key]);
        rule
    };
    let matching = |statement: Value| json!({"Name": "r", "Priority": 0, "Action": {"Block": {}}, "Statement": statement});
    let mut captcha = by_id();
    captcha["Action"] = json!({"Captcha": {}});
    let table = [
        (keys(json!({"ASN": {}})), "CustomKeys/0/ASN: the key ASN"),
        (
            matching(json!({"GeoMatchStatement": {"CountryCodes": ["DE"]}})),
            "a GeoMatchStatement",
        ),
        (
            matching(json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "awswaf:x"}})),
            "the label `awswaf:x` of other rules",
        ),
        (captcha, "/Rules/0/Action: the action Captcha"),
    ];
    for (rule, expected) in table {
        let error = Simulator::new(&acl(&json!([rule])), SETTINGS).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (interval, lag, instances) in [(7_000, 0, 1), (0, 0, 1), (1_000, 64_000, 1), (1_000, 0, 0)]
    {
        let settings = Settings {
            evaluation_interval_ms: interval,
            lag_ms: lag,
            instances_max: instances,
            ..SETTINGS
        };
        assert!(Simulator::new(&acl(&json!([])), settings).is_err());
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let interval = prop::sample::select(vec![1_000_u64, 5_000, 10_000, 30_000]);
    (interval, 0_u64..60_000, any::<bool>()).prop_map(|(interval, lag, counts)| Settings {
        evaluation_interval_ms: interval,
        lag_ms: lag,
        blocked_requests_count: counts,
        ..SETTINGS
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whoever_keeps_to_the_limit_in_every_window_is_never_blocked(
        settings in settings(),
        gaps in prop::collection::vec(0_u64..20_000, 1..400),
    ) {
        let mut simulator = Simulator::new(&acl(&json!([by_id()])), settings).unwrap();
        let mut sent: Vec<u64> = Vec::new();
        let mut now = 0;
        for gap in gaps {
            now += gap;
            // Only what keeps every window of 60 s at 10 or below is sent.
            let recent = sent.iter().filter(|then| now - **then < 60_000).count();
            if recent < 10 {
                sent.push(now);
                let outcome = simulator.decide(&request("/", &[("x-id", "a")]), now);
                prop_assert!(!outcome.verdict.is_block(), "at {now}");
            }
        }
    }

    #[test]
    fn a_steady_overrun_is_blocked_from_the_look_and_the_lag_on(
        settings in settings(),
        begin in 0_u64..100_000,
        gap in 100_u64..5_000,
    ) {
        let settings = Settings { blocked_requests_count: true, ..settings };
        let mut simulator = Simulator::new(&acl(&json!([by_id()])), settings).unwrap();
        // The eleventh request makes the count; one interval until a look, and its lag.
        let by = begin + 11 * gap + settings.evaluation_interval_ms + settings.lag_ms;
        let mut now = begin;
        while now < by + 120_000 {
            let outcome = simulator.decide(&request("/", &[("x-id", "a")]), now);
            if now >= by {
                prop_assert!(outcome.verdict.is_block(), "at {now}, by {by}");
            }
            if now < begin + 10 * gap + settings.lag_ms {
                prop_assert!(!outcome.verdict.is_block(), "too early, at {now}");
            }
            now += gap;
        }
    }

    #[test]
    fn a_request_without_the_key_is_never_counted(
        settings in settings(),
        with_key in prop::collection::vec(any::<bool>(), 1..500),
    ) {
        let mut all = Simulator::new(&acl(&json!([by_id()])), settings).unwrap();
        let mut keyed = all.clone();
        for (at, has_key) in with_key.into_iter().enumerate() {
            let now = at as u64 * 700;
            let headers: &[(&str, &str)] = if has_key { &[("x-id", "a")] } else { &[] };
            let outcome = all.decide(&request("/", headers), now);
            if has_key {
                prop_assert_eq!(outcome, keyed.decide(&request("/", headers), now));
            } else {
                prop_assert!(!outcome.verdict.is_block());
            }
        }
    }
}
