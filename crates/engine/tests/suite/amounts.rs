//! Limits of every kind through the engine: decided, told, carried over, saved.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};
use sfv::{ListEntry, Parser};
use tollgate_engine::{AnswerContext, Engine, SavedCounts, Verdict};
use tollgate_limiter::{Clock, SystemClock};

use crate::support::{Ask, Bench, START_UNIX_S, options, parse, policy_text};

/// One plan with these limits, on one route.
fn limits(limits: &str) -> Bench {
    Bench::new(&format!(
        "
routes: [GET /orders, GET /billing]
plans:
  anonymous: {{limits: []}}
  standard: {{limits: [{limits}]}}
default_plan: standard
"
    ))
}

fn orders(bench: &Bench) -> Ask {
    Ask::new("GET", "/orders").bearer(&bench.user("bob"))
}

fn wait(bench: &Bench, ask: &Ask) -> Option<u64> {
    match bench.decide(ask).verdict {
        Verdict::Limit { retry_after } => retry_after.map(|wait| wait.as_secs_ceil()),
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn a_window_admits_as_many_in_its_length_and_fades() {
    let bench = limits("{name: spread, window: 6/min}");
    let ask = orders(&bench);
    assert_eq!(bench.allowed(&ask, 10), 6);
    // One of six is gone when the next minute is ten seconds old.
    assert_eq!(wait(&bench, &ask), Some(70));
    bench.advance(70_000);
    assert_eq!(bench.allowed(&ask, 10), 1);
}

#[test]
fn a_quota_ends_with_its_day_in_its_own_time_zone() {
    // 2026-01-01 00:00 UTC is 19:00 of the day before in New York.
    let bench =
        limits("{name: daily, quota: 5/day, on_exceed: block, time_zone: America/New_York}");
    let ask = orders(&bench);
    assert_eq!(bench.allowed(&ask, 10), 5);
    assert_eq!(wait(&bench, &ask), Some(5 * 3_600));
    bench.advance(5 * 3_600_000 - 1);
    assert_eq!(bench.allowed(&ask, 10), 0);
    bench.advance(1);
    let ask = orders(&bench);
    assert_eq!(bench.allowed(&ask, 10), 5);
}

#[test]
fn requests_under_way_count_until_their_decisions_are_dropped() {
    let bench = limits("{name: at-once, concurrency: 2}");
    let ask = orders(&bench);
    let (first, second) = (bench.decide(&ask), bench.decide(&ask));
    assert!(matches!(second.verdict, Verdict::Allow));
    let third = bench.decide(&ask);
    assert!(matches!(
        third.verdict,
        Verdict::Limit { retry_after: None }
    ));
    let answer = third.answer(&AnswerContext::default()).unwrap();
    assert!(
        !answer.headers().contains_key("retry-after"),
        "nobody knows when"
    );
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        body["detail"],
        "retry when a request that is under way has ended"
    );
    // A clone of a decision keeps the place too; the last one to go frees it.
    let clone = first.clone();
    drop(first);
    assert!(matches!(bench.decide(&ask).verdict, Verdict::Limit { .. }));
    drop(clone);
    assert!(matches!(bench.decide(&ask).verdict, Verdict::Allow));
    drop(second);
    assert_eq!(bench.allowed(&ask, 5), 5, "one after the other");
}

#[test]
fn a_request_that_another_limit_refuses_takes_no_place() {
    let bench = limits("{name: at-once, concurrency: 9}, {name: burst, rate: 1/1h, burst: 1}");
    let ask = orders(&bench);
    let kept: Vec<_> = (0..5).map(|_| bench.decide(&ask)).collect();
    let remaining = |decision: &tollgate_engine::Decision| {
        let states = decision.limits.iter();
        states
            .map(|state| state.reading.remaining)
            .collect::<Vec<_>>()
    };
    assert_eq!(remaining(&kept[0]), [8, 0]);
    assert_eq!(remaining(&kept[4]), [8, 0]);
    drop(kept);
    let look = Ask::new("GET", "/rate_limit?path=/orders").bearer(&bench.user("bob"));
    let own = bench.engine.own_answer(
        &bench.decide(&look),
        &look.head(),
        &AnswerContext::default(),
    );
    let body: Value = serde_json::from_slice(own.unwrap().body()).unwrap();
    assert_eq!(body["routes"][0]["limits"][0]["remaining"], 9);
}

fn told(bench: &Bench, ask: &Ask) -> (String, String) {
    let mut headers = HeaderMap::new();
    bench.decide(ask).response_headers(&mut headers);
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    (text("ratelimit-policy"), text("ratelimit"))
}

/// draft-ietf-httpapi-ratelimit-headers-10, section 3: the examples of RateLimit-Policy with two
/// policies, and the quota units of section 3.1.2.
#[test]
fn the_fields_are_those_of_the_draft_s_examples() {
    let bench =
        limits("{name: burst, window: 100/60s}, {name: daily, quota: 1000/day, on_exceed: block}");
    let (policy, left) = told(&bench, &orders(&bench));
    assert_eq!(policy, "\"burst\";q=100;w=60,\"daily\";q=1000;w=86400");
    assert_eq!(left, "\"burst\";r=99;t=120,\"daily\";r=999;t=86400");

    let bench = limits(
        "{name: at-once, concurrency: 10}, {name: monthly, quota: 50000/month, on_exceed: block}",
    );
    let (policy, left) = told(&bench, &orders(&bench));
    // A month has no one length, and a place is free when somebody is done.
    assert_eq!(
        policy,
        "\"at-once\";q=10;qu=\"concurrent-requests\",\"monthly\";q=50000"
    );
    assert_eq!(
        left,
        format!("\"at-once\";r=9,\"monthly\";r=49999;t={}", 31 * 86_400)
    );
}

#[test]
fn case_087_the_fields_parse_as_structured_fields() {
    let bench = limits(
        "{name: burst, rate: 100/s, burst: 7}, {name: spread, window: 5/10s}, \
         {name: daily, quota: 20/day, on_exceed: block}, {name: at-once, concurrency: 3}",
    );
    let ask = orders(&bench);
    for _ in 0..8 {
        let (policy, left) = told(&bench, &ask);
        let [policy, left] = [policy, left].map(|field| {
            let list: sfv::List = Parser::new(&field).parse().unwrap();
            list.into_iter()
                .map(|entry| match entry {
                    ListEntry::Item(item) => item,
                    ListEntry::InnerList(_) => panic!("an inner list in {field}"),
                })
                .collect::<Vec<_>>()
        });
        assert_eq!((policy.len(), left.len()), (4, 4));
        for (rule, state) in policy.iter().zip(&left) {
            assert_eq!(rule.bare_item, state.bare_item);
            assert!(rule.bare_item.as_string().is_some());
            let quota = rule.params.get("q").unwrap().as_integer().unwrap();
            let remaining = state.params.get("r").unwrap().as_integer().unwrap();
            assert!(i64::from(remaining) >= 0 && i64::from(quota) > 0);
            if let Some(window) = rule.params.get("w") {
                assert!(i64::from(window.as_integer().unwrap()) > 0);
            }
        }
    }
}

/// Two plans under one limit's name; `more` is what they say beside their rate.
fn two_plans(more: &str) -> Bench {
    Bench::new(&format!(
        "
routes: [GET /orders]
plans:
  anonymous: {{limits: []}}
  free: {{limits: [{{name: burst, rate: 1/1h, burst: 10{more}}}]}}
  pro: {{limits: [{{name: burst, rate: 1/1min, burst: 1000{more}}}]}}
default_plan: free
"
    ))
}

#[test]
fn case_084_another_plan_finds_the_same_share_spent_and_no_fresh_bucket() {
    let remaining = |more: &str, spent: usize| {
        let bench = two_plans(more);
        let with = |plan| {
            let token = bench.token(&json!({"sub": "bob", "plan": plan}));
            Ask::new("GET", "/orders").bearer(&token)
        };
        assert_eq!(bench.allowed(&with("free"), spent), spent);
        // What the first request under the other plan leaves.
        let decision = bench.decide(&with("pro"));
        let left = decision.limits.iter().next().unwrap().reading;
        (left.admitted(), left.remaining)
    };
    assert_eq!(remaining("", 4), (true, 599));
    assert_eq!(remaining("", 10), (false, 0), "exhausted stays exhausted");
    assert_eq!(remaining(", on_change: as_is", 4), (true, 995));
    assert_eq!(remaining(", on_change: reset", 10), (true, 999));
}

#[test]
fn going_back_and_forth_between_plans_yields_nothing() {
    let bench = two_plans("");
    let asks = ["free", "pro"].map(|plan| {
        let token = bench.token(&json!({"sub": "bob", "plan": plan}));
        Ask::new("GET", "/orders").bearer(&token)
    });
    // Under `free` a request takes a tenth of the share, under `pro` a thousandth.
    let mut admitted = [0, 0];
    for turn in 0..100 {
        admitted[turn % 2] += bench.allowed(&asks[turn % 2], 1);
    }
    let [free, pro] = admitted;
    assert!(free * 100 + pro <= 1_000, "{free} and {pro}");
    assert_eq!((free, pro), (9, 50));
}

#[test]
fn another_kind_of_limit_counts_in_buckets_of_its_own() {
    let bench = limits("{name: most, rate: 1/1h, burst: 10}");
    let ask = orders(&bench);
    assert_eq!(bench.allowed(&ask, 5), 5);
    let reload = |amount: &str| {
        let rest = format!(
            "
routes: [GET /orders]
plans:
  anonymous: {{limits: []}}
  standard: {{limits: [{{name: most, {amount}}}]}}
default_plan: standard
"
        );
        let policy = parse(&policy_text(&bench.key, &rest));
        bench.engine.reload(policy).unwrap();
    };
    let left = || {
        let decision = bench.decide(&ask);
        let state = decision.limits.iter().next().unwrap();
        state.reading.remaining
    };
    reload("quota: 400/month, on_exceed: block");
    assert_eq!(left(), 399);
    // A minute's quota fills every minute: it leaves the month's as it is.
    reload("quota: 2/minute, on_exceed: block");
    assert_eq!(left(), 1);
    bench.clock.advance(Duration::from_secs(60));
    reload("quota: 400/month, on_exceed: block");
    assert_eq!(left(), 398);
    // Of one kind, the share that is left goes over.
    reload("quota: 800/month, on_exceed: block");
    assert_eq!(left(), 795);
    reload("rate: 1/1h, burst: 10");
    assert_eq!(left(), 4);
}

#[test]
fn saved_counts_are_taken_up_by_the_next_engine() {
    let rest = "
routes: [GET /orders]
plans:
  anonymous: {limits: []}
  standard: {limits: [{name: hourly, rate: 1/1h, burst: 3}, {name: monthly, quota: 100/month, on_exceed: block}]}
default_plan: standard
";
    let bench = Bench::new(rest);
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(bench.allowed(&ask, 5), 3);
    let mut bytes = Vec::new();
    let saved = bench.engine.save(bench.clock.now(), &mut bytes).unwrap();
    assert_eq!(saved.buckets, 2);

    let counts = SavedCounts::read(bytes.clone()).unwrap();
    assert_eq!(counts.taken_at(), bench.clock.now());
    let secret = &bytes[..16];
    let shown = format!("{counts:?}").into_bytes();
    assert!(!shown.windows(16).any(|window| window == secret));
    let policy = || parse(&policy_text(&bench.key, rest));
    let now = bench.clock.now();
    let (engine, restored) = Engine::resume(policy(), options(), &counts, now).unwrap();
    assert_eq!((restored.buckets, restored.lost), (2, 0));
    let next = Bench {
        engine,
        ..Bench::new(rest)
    };
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(START_UNIX_S, next.clock.now().unix_s());
    let refused = next.engine.decide(&ask.head(), now);
    let tollgate_engine::Outcome::Decided(refused) = refused else {
        panic!("keys are inline");
    };
    assert!(matches!(refused.verdict, Verdict::Limit { .. }));

    // A clock that does not go on from there, other bytes, another size: errors, never a panic.
    for broken in [&b""[..], b"0123456789abcdef", &bytes[..bytes.len() - 1]] {
        assert!(SavedCounts::read(broken.to_vec()).is_err());
    }
    let mut small = options();
    small.table.as_mut().unwrap().users = 10;
    assert!(Engine::resume(policy(), small, &counts, now).is_err());
    let resumed = SystemClock::resuming(counts.taken_at()).now();
    assert!(resumed.mono >= counts.taken_at().mono);
}
