//! The edge of a quota: served on, slowed, or refused, each after its grace; and what is taken down of it.

use std::num::NonZeroUsize;

use serde_json::json;
use tollgate_engine::{Engine, EngineOptions, Used, Verdict, VerdictLabel};
use tollgate_limiter::{FakeClock, Spent};
use tollgate_testkit::{Algorithm, SigningKey};

use crate::support::{Ask, Bench, START_UNIX_S, options, parse, policy_text};

/// One plan with these limits; what is used is taken down.
fn limits(limits: &str) -> Bench {
    let rest = format!(
        "
routes: [GET /orders, GET /items, GET /billing]
plans:
  anonymous: {{limits: [{{name: burst, rate: 5/s}}]}}
  standard: {{limits: [{limits}]}}
default_plan: standard
never_block: [GET /billing]
"
    );
    let key = SigningKey::generate("k1", Algorithm::EdDsa);
    let options = EngineOptions {
        usage_rows: NonZeroUsize::new(1_024),
        ..options()
    };
    Bench {
        engine: Engine::new(parse(&policy_text(&key, &rest)), options).unwrap(),
        clock: FakeClock::at_unix_ms(START_UNIX_S * 1_000),
        key,
    }
}

fn user(bench: &Bench, sub: &str, target: &str) -> Ask {
    let token = bench.token(&json!({"sub": sub, "accountId": "acme"}));
    Ask::new("GET", target).bearer(&token)
}

#[test]
fn a_quota_that_says_nothing_else_serves_on() {
    let bench = limits("{name: monthly, quota: 3/month}");
    let ask = user(&bench, "alice", "/orders");
    assert_eq!(bench.allowed(&ask, 10), 10);
    // Not as one in shadow: it does what it is meant to do.
    assert_eq!(bench.decide(&ask).label(), VerdictLabel::Allow);
}

#[test]
fn a_quota_that_blocks_does_so_after_its_grace_and_tells_what_is_promised() {
    let bench = limits("{name: monthly, quota: 10/month, on_exceed: block, grace: 25%}");
    let ask = user(&bench, "alice", "/orders");
    let decision = bench.decide(&ask);
    let state = decision.limits.iter().next().unwrap();
    assert_eq!((state.limit.quota, state.limit.capacity()), (10, 10));
    assert_eq!(state.reading.remaining, 9);
    // 10 and 3 of grace.
    assert_eq!(bench.allowed(&ask, 20), 12);
    assert!(matches!(bench.decide(&ask).verdict, Verdict::Limit { .. }));
    // What is needed in order to pay goes on.
    let billing = user(&bench, "alice", "/billing");
    assert_eq!(bench.allowed(&billing, 20), 20);
}

#[test]
fn a_quota_that_throttles_goes_on_at_its_rate() {
    let bench = limits(
        "{name: monthly, quota: 10/month, across: all_routes, on_exceed: throttle, throttle: 2/s, grace: 20%}",
    );
    let ask = user(&bench, "alice", "/orders");
    let names = |bench: &Bench| -> Vec<String> {
        let decision = bench.decide(&user(bench, "alice", "/orders"));
        decision
            .limits
            .iter()
            .map(|state| state.limit.name.to_string())
            .collect()
    };
    // The rate is not told while it is not in force, and not spent.
    assert_eq!(names(&bench), ["monthly"]);
    assert_eq!(bench.allowed(&ask, 50), 11 + 2);
    assert_eq!(names(&bench), ["monthly", "monthly.throttle"]);
    bench.advance(1_000);
    assert_eq!(bench.allowed(&ask, 50), 2);
    let decision = bench.decide(&ask);
    assert_eq!(
        &*decision.violated().unwrap().limit.name,
        "monthly.throttle"
    );
    // The next month is a new one.
    bench.advance(31 * 86_400_000);
    assert_eq!(names(&bench), ["monthly"]);
}

#[test]
fn a_throttle_is_in_force_by_its_own_quota_alone() {
    let bench = limits(
        "{name: told, quota: 2/month}, {name: slowed, quota: 5/month, on_exceed: throttle, throttle: 1/s}",
    );
    let ask = user(&bench, "alice", "/orders");
    // Beyond `told` nothing happens; beyond `slowed` one a second.
    assert_eq!(bench.allowed(&ask, 20), 5 + 1);
}

#[test]
fn one_user_does_not_use_up_the_quota_of_the_account() {
    let bench =
        limits("{name: monthly, quota: 10/month, per: account, user_share: 40%, on_exceed: block}");
    let alice = user(&bench, "alice", "/orders");
    assert_eq!(bench.allowed(&alice, 20), 4);
    let decision = bench.decide(&alice);
    assert_eq!(&*decision.violated().unwrap().limit.name, "monthly.share");
    assert_eq!(bench.allowed(&user(&bench, "bob", "/orders"), 20), 4);
    assert_eq!(bench.allowed(&user(&bench, "carol", "/orders"), 20), 2);
}

#[test]
fn what_is_used_is_taken_down_once_by_caller_route_and_minute() {
    let bench = limits(
        "{name: burst, rate: 5/s, cost: 2}, {name: monthly, quota: 8/month, across: all_routes}, {name: daily, quota: 9/day, per: account}",
    );
    let alice = user(&bench, "alice", "/orders");
    assert_eq!(bench.allowed(&alice, 3), 2);
    bench
        .engine
        .add_bytes(&bench.decide(&user(&bench, "alice", "/items")), 700);
    bench.decide(&Ask::new("GET", "/orders"));
    bench.decide(&Ask::new("GET", "/orders").from("198.51.100.9"));
    bench.advance(60_000);
    assert_eq!(bench.allowed(&alice, 1), 1);

    let mut rows = bench.engine.take_usage();
    rows.sort_by_key(|row| (row.minute, row.route, row.user.is_some()));
    let first = START_UNIX_S / 60;
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            let who = row.user.as_ref().map(|user| &*user.subject);
            (
                row.minute - first,
                who,
                row.admitted,
                row.limited,
                row.units,
                row.response_bytes,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (0, Some("alice"), 1, 0, 2, 700),
            (0, None, 2, 0, 2, 0),
            (0, Some("alice"), 2, 1, 4, 0),
            (1, Some("alice"), 1, 0, 2, 0),
        ]
    );
    let quotas: Vec<_> = rows[2]
        .quotas()
        .map(|quota| {
            let (from, until) = quota.period();
            let days = (until - from) / (24 * 60);
            (
                quota.limit.name.to_string(),
                quota.units,
                quota.account(),
                quota.route(),
                days,
            )
        })
        .collect();
    assert_eq!(
        quotas,
        [
            ("monthly".to_owned(), 2, None, None, 31),
            ("daily".to_owned(), 2, Some("acme"), Some("GET /orders"), 1),
        ]
    );
    assert_eq!(bench.engine.take_usage().len(), 0);
}

#[test]
fn a_quota_is_raised_to_what_others_have_counted() {
    let bench = limits("{name: monthly, quota: 10/month, on_exceed: block}");
    let alice = user(&bench, "alice", "/orders");
    assert_eq!(bench.allowed(&alice, 1), 1);
    let rows: Vec<Used> = bench.engine.take_usage();
    let quota = rows[0].quotas().next().unwrap();
    let now = tollgate_limiter::Clock::now(&bench.clock);
    let raised = bench
        .engine
        .recall_quota(&quota, Spent::AtLeast(7), now)
        .unwrap();
    assert_eq!(raised.remaining, 3);
    assert_eq!(bench.allowed(&alice, 10), 3);
    // What is known of a month that is over says nothing of the next one.
    bench.advance(31 * 86_400_000);
    let now = tollgate_limiter::Clock::now(&bench.clock);
    assert!(
        bench
            .engine
            .recall_quota(&quota, Spent::AtLeast(10), now)
            .is_none()
    );
    assert_eq!(bench.allowed(&user(&bench, "alice", "/orders"), 20), 10);
}

#[test]
fn rows_have_a_bound_and_what_finds_no_room_is_counted() {
    let bench = limits("{name: monthly, quota: 10/month}");
    for n in 0..3_000 {
        bench.decide(&user(&bench, &format!("user{n}"), "/orders"));
    }
    let rows = bench.engine.take_usage().len() as u64;
    assert!(rows <= 1_024, "{rows}");
    assert_eq!(rows + bench.engine.usage_left_out(), 3_000);
}

#[test]
fn an_override_makes_another_row_with_its_own_quota() {
    let key = SigningKey::generate("k1", Algorithm::EdDsa);
    let rest = "
plans:
  anonymous: {}
  standard: {limits: [{name: monthly, quota: 10/month}]}
default_plan: standard
";
    let own = std::sync::Arc::new(Own::default());
    let options = EngineOptions {
        usage_rows: NonZeroUsize::new(1_024),
        standings: Some(own.clone()),
        ..options()
    };
    let bench = Bench {
        engine: Engine::new(parse(&policy_text(&key, rest)), options).unwrap(),
        clock: FakeClock::at_unix_ms(START_UNIX_S * 1_000),
        key,
    };
    let alice = user(&bench, "alice", "/");
    assert_eq!(bench.allowed(&alice, 2), 2);
    own.0.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(bench.allowed(&alice, 3), 3);
    let mut rows = bench.engine.take_usage();
    rows.sort_by_key(|row| row.order);
    let quotas: Vec<(u64, u64)> = rows
        .iter()
        .flat_map(|row| row.quotas().map(|quota| (quota.limit.quota, quota.units)))
        .collect();
    assert_eq!(quotas, [(10, 2), (500, 3)]);
}

/// A larger quota for everybody, once it is on.
#[derive(Debug, Default)]
struct Own(std::sync::atomic::AtomicBool);

impl tollgate_engine::Standings for Own {
    fn standing(&self, _: &tollgate_engine::User, _: &str, _: u64) -> tollgate_engine::Standing {
        let text = "{name: monthly, quota: 500/month}";
        let own = tollgate_engine::OwnLimit {
            on_route: false,
            level: tollgate_engine::Level::Subject,
            text: text.into(),
            limit: std::sync::Arc::new(tollgate_policy::Limit::parse("own", text).unwrap()),
        };
        let is_on = self.0.load(std::sync::atomic::Ordering::Relaxed);
        tollgate_engine::Standing {
            plan: None,
            limits: is_on.then_some(own).into_iter().collect(),
        }
    }

    fn plan_name(&self, _: tollgate_engine::PlanNumber) -> Option<std::sync::Arc<str>> {
        None
    }
}
