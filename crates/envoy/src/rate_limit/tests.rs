//! Domains with rules, asked by a real client: what envoyproxy/ratelimit documents, and what is other.

mod documented;
mod requests;
mod wire;

use tonic::Code as Status;

use crate::messages::proto::{Kind, UInt64Value};
use crate::messages::rate_limit::{Code, RateLimitOverride, Unit};
use crate::testing::{Bench, descriptor, is_ok, policy, request};

const RULES: &str = "identity: {anonymous: {plan: a}}
plans: {a: {}}
grpc:
  domains:
    rules:
      descriptors:
        - {key: user, rate_limit: {unit: minute, requests_per_unit: 3, name: per-user}}
        - {key: user, value: tried, shadow_mode: true, rate_limit: {unit: minute, requests_per_unit: 1}}
        - {key: user, value: soft, quota_mode: true, rate_limit: {unit: minute, requests_per_unit: 1}}
        - {key: user, value: free, rate_limit: {unlimited: true}}
        - {key: user, value: nobody, rate_limit: {unit: second, requests_per_unit: 0}}
        - {key: path, rate_limit: {unit: hour, requests_per_unit: 2}}
";

fn over_limit() -> i32 {
    Code::OverLimit.into()
}

fn ok() -> i32 {
    Code::Ok.into()
}

#[tokio::test]
async fn an_unknown_domain_is_ok_without_a_limit() {
    let bench = Bench::new(RULES);
    let answer = bench
        .ask("unheard-of", &[&[("user", "alice")], &[("a", "b")]])
        .await;
    assert!(is_ok(&answer));
    assert_eq!(answer.statuses.len(), 2);
    assert!(answer.statuses.iter().all(|status| status.code == ok()));
    assert!(
        answer
            .statuses
            .iter()
            .all(|status| status.current_limit.is_none())
    );
    assert_eq!(bench.services.stats().rate_limit_unknown_domain.get(), 1);
}

#[tokio::test]
async fn an_empty_domain_and_a_question_without_descriptors_are_errors() {
    let bench = Bench::new(RULES);
    let cases = [
        (
            request("", &[&[("user", "alice")]]),
            "rate limit domain must not be empty",
        ),
        (
            request("rules", &[]),
            "rate limit descriptor list must not be empty",
        ),
    ];
    for (asked, message) in cases {
        let status = bench.try_ask(asked).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Status::InvalidArgument, message)
        );
    }
    assert_eq!(bench.services.stats().rate_limit_errors.get(), 2);
}

#[tokio::test]
async fn a_status_says_limit_rest_and_time() {
    let bench = Bench::new(RULES);
    bench.clock.advance(std::time::Duration::from_secs(13));
    let answer = bench
        .ask("rules", &[&[("user", "alice")], &[("none", "x")]])
        .await;
    let [of_user, of_none] = &*answer.statuses else {
        panic!("{answer:?}");
    };
    let limit = of_user.current_limit.as_ref().unwrap();
    assert_eq!((limit.requests_per_unit, &*limit.name), (3, "per-user"));
    assert_eq!(limit.unit, i32::from(Unit::Minute));
    assert_eq!(of_user.limit_remaining, 2);
    assert_eq!(of_user.duration_until_reset.unwrap().seconds, 47);
    assert_eq!((of_none.code, of_none.current_limit.as_ref()), (ok(), None));
    assert_eq!(bench.passed("rules", &[("user", "alice")]).await, 2);
    let refused = bench.ask("rules", &[&[("user", "alice")]]).await;
    assert_eq!(
        (refused.overall_code, refused.statuses[0].code),
        (over_limit(), over_limit())
    );
    let wait = &refused.response_headers_to_add[0];
    assert_eq!((&*wait.key, &*wait.value), ("retry-after", "47"));
}

#[tokio::test]
async fn hits_addend_of_zero_counts_as_one_and_a_descriptor_s_own_comes_first() {
    let bench = Bench::new(RULES);
    let ask = |of_question, of_descriptor: Option<u64>| {
        let mut asked = request("rules", &[&[("user", "alice")]]);
        asked.hits_addend = of_question;
        asked.descriptors[0].hits_addend = of_descriptor.map(|value| UInt64Value { value });
        bench.try_ask(asked)
    };
    let remaining = async |of_question, of_descriptor| {
        let answer = ask(of_question, of_descriptor).await.unwrap();
        (is_ok(&answer), answer.statuses[0].limit_remaining)
    };
    assert_eq!(remaining(0, None).await, (true, 2));
    assert_eq!(remaining(9, Some(0)).await, (true, 2), "a look");
    assert_eq!(remaining(9, Some(2)).await, (true, 0));
    assert_eq!(
        remaining(9, Some(0)).await,
        (false, 0),
        "nothing is left to look forward to"
    );
}

#[tokio::test]
async fn hits_above_the_limit_are_refused_and_consume_nothing() {
    let bench = Bench::new(RULES);
    let mut asked = request("rules", &[&[("user", "alice")]]);
    asked.hits_addend = 4;
    let answer = bench.try_ask(asked).await.unwrap();
    assert_eq!(answer.overall_code, over_limit());
    assert_eq!(answer.statuses[0].limit_remaining, 3);
    // No wait helps, and none is told.
    assert!(answer.response_headers_to_add.is_empty());
    assert_eq!(bench.passed("rules", &[("user", "alice")]).await, 3);
}

#[tokio::test]
async fn negative_hits_are_given_back() {
    let bench = Bench::new(RULES);
    assert_eq!(bench.passed("rules", &[("user", "alice")]).await, 3);
    let mut asked = request("rules", &[&[("user", "alice")]]);
    asked.descriptors[0].is_negative_hits = true;
    asked.descriptors[0].hits_addend = Some(UInt64Value { value: 2 });
    assert!(is_ok(&bench.try_ask(asked).await.unwrap()));
    assert_eq!(bench.passed("rules", &[("user", "alice")]).await, 2);
}

#[tokio::test]
async fn of_two_descriptors_the_one_that_admits_is_not_consumed_when_the_other_refuses() {
    let bench = Bench::new(RULES);
    let both: &[&[(&str, &str)]] = &[&[("user", "alice")], &[("path", "/a")]];
    for expected in [true, true, false, false] {
        assert_eq!(is_ok(&bench.ask("rules", both).await), expected);
    }
    let refused = bench.ask("rules", both).await;
    assert_eq!(
        (refused.statuses[0].code, refused.statuses[1].code),
        (ok(), over_limit())
    );
    assert_eq!(refused.statuses[0].limit_remaining, 1);
}

#[tokio::test]
async fn shadow_counts_quota_tells_unlimited_is_free_and_zero_refuses() {
    let bench = Bench::new(RULES);
    assert_eq!(bench.passed("rules", &[("user", "tried")]).await, 20);
    let shadow = bench.ask("rules", &[&[("user", "tried")]]).await;
    assert_eq!(shadow.statuses[0].limit_remaining, 0);
    assert_eq!(
        (shadow.statuses[0].code, shadow.dynamic_metadata),
        (ok(), None)
    );
    let soft: &[&[(&str, &str)]] = &[&[("user", "free")], &[("user", "soft")]];
    assert_eq!(bench.ask("rules", soft).await.dynamic_metadata, None);
    let above = bench.ask("rules", soft).await;
    assert!(is_ok(&above));
    let metadata = above.dynamic_metadata.unwrap();
    let Some(Kind::ListValue(places)) = &metadata.fields["quotaModeViolations"].kind else {
        panic!("{metadata:?}");
    };
    assert_eq!(places.values[0].kind, Some(Kind::NumberValue(1.0)));
    let free = bench.ask("rules", &[&[("user", "free")]]).await;
    assert_eq!(free.statuses[0].limit_remaining, u32::MAX);
    assert_eq!(free.statuses[0].current_limit, None);
    assert_eq!(bench.passed("rules", &[("user", "nobody")]).await, 0);
}

#[tokio::test]
async fn a_limit_that_comes_with_the_descriptor_counts_instead_of_the_rule_s() {
    let bench = Bench::new(RULES);
    let ask = async |unit| {
        let mut asked = request("rules", &[]);
        let mut one = descriptor(&[("user", "free")]);
        one.limit = Some(RateLimitOverride {
            requests_per_unit: 2,
            unit,
        });
        asked.descriptors.push(one);
        bench.try_ask(asked).await
    };
    for expected in [true, true, false] {
        let answer = ask(3).await.unwrap();
        assert_eq!(is_ok(&answer), expected);
        let limit = answer.statuses[0].current_limit.as_ref().unwrap();
        assert_eq!(
            (limit.requests_per_unit, limit.unit),
            (2, i32::from(Unit::Hour))
        );
    }
    assert_eq!(ask(0).await.unwrap_err().code(), Status::InvalidArgument);
}

#[tokio::test]
async fn a_reload_under_load_keeps_what_was_counted() {
    let bench = Bench::new(RULES);
    let mut passed = 0;
    for round in 0..40 {
        if round % 3 == 0 {
            bench.engine.reload(policy(RULES)).unwrap();
        }
        passed += usize::from(is_ok(&bench.ask("rules", &[&[("user", "alice")]]).await));
    }
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn more_limits_than_can_be_decided_as_one_are_an_error() {
    let bench = Bench::new(RULES);
    let many: Vec<&[(&str, &str)]> = vec![&[("user", "alice")]; 17];
    let status = bench.try_ask(request("rules", &many)).await.unwrap_err();
    assert_eq!(status.code(), Status::ResourceExhausted);
    assert_eq!(bench.passed("rules", &[("user", "alice")]).await, 3);
}
