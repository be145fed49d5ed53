//! Verdicts: who is limited by what, and who is never touched.

use serde_json::json;
use tollgate_engine::{Principal, Unauthenticated, Verdict};

use crate::support::{Ask, Bench, REST};

#[test]
fn each_user_has_a_bucket_on_each_endpoint() {
    let bench = Bench::usual();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let get = |token: &str| Ask::new("GET", "/orders").bearer(token);
    assert_eq!(bench.allowed(&get(&bob), 10), 3);
    assert_eq!(bench.allowed(&get(&alice), 10), 3);
    let other_route = Ask::new("GET", "/orders/1").bearer(&bob);
    assert_eq!(bench.allowed(&other_route, 10), 3);
    let overridden = Ask::new("POST", "/orders").bearer(&bob);
    assert_eq!(bench.allowed(&overridden, 10), 1);
}

#[test]
fn a_refreshed_token_stays_in_the_same_bucket() {
    let bench = Bench::usual();
    let first = bench.token(&json!({"sub": "bob", "jti": "1"}));
    assert_eq!(
        bench.allowed(&Ask::new("GET", "/orders").bearer(&first), 3),
        3
    );
    bench.advance(1);
    let second = bench.token(&json!({"sub": "bob", "jti": "2"}));
    assert_ne!(first, second);
    assert_eq!(
        bench.allowed(&Ask::new("GET", "/orders").bearer(&second), 3),
        0
    );
}

#[test]
fn logging_in_again_and_five_tokens_at_once_stay_in_the_same_bucket() {
    let bench = Bench::new(&REST.replace("burst: 3", "burst: 12"));
    let orders = |token: &str| Ask::new("GET", "/orders").bearer(token);
    // Five devices, each with a token of its own, in turn.
    let devices = [1, 2, 3, 4, 5].map(|device| {
        bench
            .token(&json!({"sub": "bob", "jti": format!("d{device}"), "azp": "app", "sid": device}))
    });
    for token in devices.iter().chain(&devices) {
        assert_eq!(bench.allowed(&orders(token), 1), 1);
    }
    // Out and in again: another session, another hour, other claims about it.
    bench.advance(1);
    let again = json!({"sub": "bob", "auth_time": 1, "sid": "new", "nonce": "n", "acr": "2"});
    assert_eq!(bench.allowed(&orders(&bench.token(&again)), 9), 2);
    for token in &devices {
        assert_eq!(bench.allowed(&orders(token), 1), 0);
    }
    assert_eq!(bench.allowed(&orders(&bench.user("alice")), 99), 12);
}

#[test]
fn a_forged_token_is_401_and_touches_nobody() {
    let bench = Bench::usual();
    let alice = bench.user("alice");
    let (body, _) = alice.rsplit_once('.').unwrap();
    let other = Bench::usual().user("alice");
    let (_, foreign_signature) = other.rsplit_once('.').unwrap();
    let forged = Ask::new("GET", "/orders").bearer(&format!("{body}.{foreign_signature}"));
    for _ in 0..20 {
        let verdict = bench.decide(&forged).verdict;
        assert!(matches!(
            verdict,
            Verdict::Unauthenticated(Unauthenticated::InvalidToken(_))
        ));
    }
    assert_eq!(
        bench.allowed(&Ask::new("GET", "/orders").bearer(&alice), 10),
        3
    );
}

#[test]
fn anonymous_callers_are_counted_by_network() {
    let bench = Bench::usual();
    let from = |peer| Ask::new("GET", "/orders").from(peer);
    assert_eq!(bench.allowed(&from("2001:db8::1"), 5), 2);
    assert_eq!(bench.allowed(&from("2001:db8::2"), 5), 0);
    assert_eq!(bench.allowed(&from("2001:db8:0:1::2"), 5), 2);
    assert_eq!(bench.allowed(&from("198.51.100.1"), 5), 2);
}

#[test]
fn without_an_anonymous_plan_a_token_is_required() {
    let rest = "plans: {standard: {limits: [{name: burst, rate: 1/s}]}}\ndefault_plan: standard\n";
    let key = tollgate_testkit::SigningKey::generate("k1", tollgate_testkit::Algorithm::EdDsa);
    let text =
        crate::support::policy_text(&key, rest).replace("  anonymous: {plan: anonymous}\n", "");
    let policy = crate::support::parse(&text);
    let engine = tollgate_engine::Engine::new(policy, crate::support::options()).unwrap();
    let bench = Bench {
        engine,
        ..Bench::usual()
    };
    assert!(matches!(
        bench.decide(&Ask::new("GET", "/orders")).verdict,
        Verdict::Unauthenticated(Unauthenticated::MissingToken)
    ));
}

#[test]
fn a_verified_plan_claim_selects_the_plan_and_an_unknown_one_the_default() {
    let bench = Bench::usual();
    let gold = bench.token(&json!({"sub": "g", "plan": "gold"}));
    assert_eq!(
        bench.allowed(&Ask::new("GET", "/orders").bearer(&gold), 10),
        5
    );
    let unknown = bench.token(&json!({"sub": "u", "plan": "platinum"}));
    assert_eq!(
        bench.allowed(&Ask::new("GET", "/orders").bearer(&unknown), 10),
        3
    );
}

#[test]
fn several_limits_are_all_or_nothing_and_the_longest_wait_counts() {
    let bench = Bench::usual();
    let gold = bench.token(&json!({"sub": "g", "plan": "gold"}));
    let ask = Ask::new("GET", "/orders").bearer(&gold);
    assert_eq!(bench.allowed(&ask, 10), 5);
    bench.advance(1_000);
    // `burst` is full again, `hourly` has one left.
    assert_eq!(bench.allowed(&ask, 10), 1);
    let decision = bench.decide(&ask);
    assert_eq!(&*decision.violated().unwrap().limit.name, "hourly");
    assert_eq!(decision.limits.iter().next().unwrap().reading.remaining, 4);
    let Verdict::Limit { retry_after } = decision.verdict else {
        panic!("not limited");
    };
    assert_eq!(retry_after.unwrap().as_secs_ceil(), 35);
}

#[test]
fn what_a_blocked_customer_needs_is_never_blocked() {
    let bench = Bench::usual();
    let bob = bench.user("bob");
    let billing = Ask::new("GET", "/billing").bearer(&bob);
    assert_eq!(bench.allowed(&billing, 50), 50);
    assert_eq!(bench.decide(&billing).label().mode(), "shadow");
}

#[test]
fn a_limit_in_shadow_counts_and_lets_pass() {
    let bench = Bench::new(
        "plans:
  anonymous: {limits: []}
  standard: {limits: [{name: burst, rate: 1/s, burst: 1, mode: shadow}]}
default_plan: standard
",
    );
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(bench.allowed(&ask, 10), 10);
    let label = bench.decide(&ask).label();
    assert_eq!((label.verdict(), label.mode()), ("limit", "shadow"));
}

#[test]
fn the_limit_that_refused_is_named_before_one_in_shadow_with_a_longer_wait() {
    let bench = Bench::new(
        "plans:
  anonymous: {limits: []}
  standard:
    limits:
      - {name: tried, rate: 1/1h, burst: 1, mode: shadow}
      - {name: burst, rate: 1/s, burst: 1}
default_plan: standard
",
    );
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(bench.allowed(&ask, 2), 1);
    let decision = bench.decide(&ask);
    assert_eq!(decision.limits.refusing().count(), 2);
    assert_eq!(&*decision.violated().unwrap().limit.name, "burst");
}

#[test]
fn limits_per_account_globally_and_over_all_routes_are_shared_as_they_say() {
    let bench = Bench::new(
        "routes: [GET /orders, GET /items]
plans:
  anonymous: {limits: []}
  account: {limits: [{name: team, rate: 1/1h, burst: 4, per: account}]}
  global: {limits: [{name: all, rate: 1/1h, burst: 3, per: global}]}
  whole: {limits: [{name: sum, rate: 1/1h, burst: 2, across: all_routes}]}
default_plan: account
",
    );
    let token = |sub, plan| bench.token(&json!({"sub": sub, "plan": plan, "accountId": "a1"}));
    let get = |path, sub, plan| Ask::new("GET", path).bearer(&token(sub, plan));
    assert_eq!(bench.allowed(&get("/orders", "u1", "account"), 3), 3);
    assert_eq!(bench.allowed(&get("/orders", "u2", "account"), 3), 1);
    assert_eq!(bench.allowed(&get("/orders", "u1", "global"), 2), 2);
    assert_eq!(bench.allowed(&get("/orders", "u2", "global"), 2), 1);
    assert_eq!(bench.allowed(&get("/orders", "u1", "whole"), 1), 1);
    assert_eq!(bench.allowed(&get("/items", "u1", "whole"), 5), 1);
}

#[test]
fn case_021_one_subject_of_two_issuers_is_two_users() {
    let bench = Bench::usual();
    let decide = |token: &str| bench.decide(&Ask::new("GET", "/orders").bearer(token));
    let ours = decide(&bench.user("x"));
    let Principal::User(user) = ours.principal else {
        panic!("not a user");
    };
    let theirs = bench.token(&json!({"sub": "x", "iss": "https://other.example.com"}));
    // An issuer that is not configured is nobody; two configured ones differ by their name.
    assert!(matches!(
        decide(&theirs).verdict,
        Verdict::Unauthenticated(_)
    ));
    assert_eq!(&*user.issuer, crate::support::ISSUER);
}

#[test]
fn case_026_two_credentials_are_400() {
    let bench = Bench::usual();
    let token = bench.user("bob");
    let two = Ask::new("GET", "/orders").bearer(&token).bearer(&token);
    assert!(matches!(bench.decide(&two).verdict, Verdict::BadRequest(_)));
    let lower = Ask::new("GET", "/orders").header("authorization", &format!("bearer {token}"));
    assert!(matches!(bench.decide(&lower).verdict, Verdict::Allow));
}

#[test]
fn case_061_walking_over_ids_stays_in_one_bucket() {
    let bench = Bench::usual();
    let token = bench.user("bob");
    let walk = |n: usize| Ask::new("GET", &format!("/orders/{n}")).bearer(&token);
    let allowed = (0..1_000)
        .map(walk)
        .filter(|ask| bench.allowed(ask, 1) == 1);
    assert_eq!(allowed.count(), 3);
}

#[test]
fn case_062_spellings_of_one_path_never_give_a_fresh_bucket() {
    let bench = Bench::usual();
    let token = bench.user("bob");
    let spellings = [
        "/orders/1",
        "//orders/1",
        "/orders//1",
        "/orders/%31",
        "/%6frders/1",
        "/orders/1/",
        "/x/../orders/1",
        "/orders/./1",
        "/orders/1?a=b",
        "/orders/1?",
    ];
    let ask = |path: &&str| Ask::new("GET", path).bearer(&token);
    let decided: Vec<_> = spellings
        .iter()
        .map(ask)
        .map(|ask| bench.decide(&ask))
        .collect();
    assert!(
        decided
            .iter()
            .all(|decision| decision.route == decided[0].route)
    );
    let allowed = decided
        .iter()
        .filter(|d| matches!(d.verdict, Verdict::Allow));
    assert_eq!(allowed.count(), 3);
    // What is no spelling of a route shares the one bucket of `*`.
    let strays = [
        "/ORDERS/1",
        "/orders/1;a=b/x",
        "/nowhere",
        "/orderss",
        "/a/b/c",
    ];
    let allowed = strays
        .iter()
        .map(ask)
        .filter(|ask| bench.allowed(ask, 1) == 1);
    assert_eq!(allowed.count(), 3);
    let refused = [
        "/orders%2f1",
        "/orders%5c1",
        "/orders/%00",
        "/orders/%2e%2e/x",
        "/orders/%2531",
        "/orders\\1",
        "/orders/%ff",
        "/orders/%0a",
        "/../orders",
        "/orders/%zz",
    ];
    for path in &refused {
        let verdict = bench.decide(&ask(path)).verdict;
        assert!(
            matches!(verdict, Verdict::BadRequest(_)),
            "{path}: {verdict:?}"
        );
    }
}

#[test]
fn case_066_head_is_get_and_a_preflight_is_free() {
    let bench = Bench::usual();
    let token = bench.user("bob");
    let get = bench.decide(&Ask::new("GET", "/orders").bearer(&token));
    let head = bench.decide(&Ask::new("HEAD", "/orders").bearer(&token));
    assert_eq!(get.route, head.route);
    let preflight = Ask::new("OPTIONS", "/orders")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST");
    assert_eq!(bench.allowed(&preflight, 100), 100);
    assert_eq!(
        bench.allowed(&Ask::new("GET", "/orders").bearer(&token), 5),
        1
    );
    // OPTIONS without the marks of a preflight is a request like any other.
    assert_eq!(
        bench.allowed(&Ask::new("OPTIONS", "/orders").bearer(&token), 5),
        3
    );
}

/// Answered otherwise than by the body: it is streamed and never read. What a batch costs is the
/// policy's word, charged before the origin works.
#[test]
fn case_070_a_batch_endpoint_costs_what_its_limit_says() {
    let bench = Bench::new(
        "routes: [POST /batch, POST /orders]
plans:
  anonymous: {limits: []}
  standard:
    limits: [{name: units, rate: 1/1h, burst: 20, across: all_routes}]
    routes:
      POST /batch: [{name: units, rate: 1/1h, burst: 20, across: all_routes, cost: 8}]
default_plan: standard
",
    );
    let token = bench.user("bob");
    let post = |path| Ask::new("POST", path).bearer(&token);
    assert_eq!(bench.allowed(&post("/batch"), 5), 2);
    // What is left after two batches of eight: four single ones.
    assert_eq!(bench.allowed(&post("/orders"), 10), 4);
}

/// Answered otherwise than by operation: its name is in the body, or is the caller's own word,
/// and whoever could name a cheaper operation would. One path is one endpoint with one cost.
#[test]
fn case_071_graphql_is_one_endpoint_whatever_operation_a_caller_names() {
    let bench = Bench::new(
        "routes: [POST /graphql]
plans:
  anonymous: {limits: []}
  standard:
    limits: []
    routes:
      POST /graphql: [{name: burst, rate: 1/1h, burst: 6, cost: 2}]
default_plan: standard
",
    );
    let token = bench.user("bob");
    let ask = |n: usize| {
        let target = format!("/graphql?operationName=op{n}");
        let ask = Ask::new("POST", &target).bearer(&token);
        ask.header("x-apollo-operation-name", &format!("op{n}"))
    };
    let allowed = (0..20).filter(|n| bench.allowed(&ask(*n), 1) == 1);
    assert_eq!(allowed.count(), 3);
}

#[test]
fn case_078_steps_of_the_wall_clock_neither_refill_nor_starve() {
    let bench = Bench::usual();
    let token = bench.user("bob");
    let ask = Ask::new("GET", "/orders").bearer(&token);
    assert_eq!(bench.allowed(&ask, 5), 3);
    let wall_ms = crate::support::START_UNIX_S * 1_000;
    for step in [wall_ms + 11_000, wall_ms - 11_000] {
        bench.clock.step_wall(step);
        assert_eq!(bench.allowed(&ask, 5), 0);
    }
    bench.advance(100);
    assert_eq!(bench.allowed(&ask, 5), 1);
}

#[test]
fn case_018_a_token_ends_on_time_even_when_its_verdict_is_remembered() {
    let bench = Bench::usual();
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert!(matches!(bench.decide(&ask).verdict, Verdict::Allow));
    bench.advance((3_600 + 59) * 1_000);
    assert!(matches!(bench.decide(&ask).verdict, Verdict::Allow));
    bench.advance(1_000);
    assert!(matches!(
        bench.decide(&ask).verdict,
        Verdict::Unauthenticated(_)
    ));
}
