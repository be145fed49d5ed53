//! A policy's own tests: they pass when they should and say what came when they fail.

use tollgate_engine::run_policy_tests;

use crate::support::{Bench, REST, parse, policy_text};

#[test]
fn tests_of_a_policy_are_run_with_their_own_times() {
    let tests = "
tests:
  - {as: {sub: u1, plan: standard}, send: 11 x POST /orders in 0s, expect: {allowed: 1, limited: 10}}
  - name: exact waits
    as: {sub: u1}
    steps:
      - {at: 0s, request: POST /orders, expect: {verdict: allow, remaining: 0}}
      - {at: 250ms, request: POST /orders, expect: {verdict: limit, limit: burst, retry_after: 750ms}}
      - {at: 1s, request: POST /orders, expect: {verdict: allow, route: POST /orders}}
      - {at: 1s, request: GET /orders, cost: 3, expect: {verdict: allow, remaining: 0}}
      - {at: 1s, request: GET /orders, cost: 4, expect: {verdict: limit}}
      - {at: 1s, request: GET /or%2fders, expect: {verdict: bad_request}}
      - {at: 1s, request: GET /orders, as: {anonymous: 192.0.2.1}, times: 2, expect: {verdict: allow}}
      - {at: 1s, request: GET /orders, as: {anonymous: 192.0.2.1}, expect: {verdict: limit}}
";
    let key = Bench::usual().key;
    let policy = parse(&policy_text(&key, &format!("{REST}{tests}")));
    let report = run_policy_tests(&policy).unwrap();
    assert_eq!(report.failures, []);
    assert_eq!(report.passed, 2);
}

#[test]
fn tests_count_every_kind_of_limit() {
    let rest = "
routes: [GET /spread, GET /slow, GET /day, GET /week]
plans:
  anonymous: {limits: []}
  standard:
    routes:
      GET /spread: [{name: rate, rate: 1/s, burst: 1}]
      GET /slow: [{name: together, concurrency: 3}]
      GET /day: [{name: day, quota: 2/day, on_exceed: block, time_zone: America/New_York}]
      GET /week: [{name: week, quota: 2/week, on_exceed: block}]
default_plan: standard
tests:
  - {as: {sub: u}, send: 60 x GET /spread in 1min, expect: {allowed: 60, limited: 0}}
  - {as: {sub: u}, send: 60 x GET /spread in 30s, expect: {allowed: 30, limited: 30}}
  - {as: {sub: u}, send: 5 x GET /slow in 0s, expect: {allowed: 3, limited: 2}}
  - {as: {sub: u}, send: 5 x GET /slow in 1s, expect: {allowed: 5, limited: 0}}
  - name: a step has ended before the next
    as: {sub: u}
    steps:
      - {at: 0s, request: GET /slow, times: 3, expect: {verdict: allow, remaining: 0}}
      - {at: 0s, request: GET /slow, times: 3, expect: {verdict: allow, remaining: 0}}
  - name: midnight in New York is at five
    as: {sub: u}
    steps:
      - {at: 0s, request: GET /day, times: 2, expect: {verdict: allow, remaining: 0}}
      - {at: 0s, request: GET /day, expect: {verdict: limit, retry_after: 5h}}
      - {at: 5h, request: GET /day, expect: {verdict: allow, remaining: 1}}
  - name: a test begins on a Monday
    as: {sub: u}
    steps:
      - {at: 0s, request: GET /week, times: 2, expect: {verdict: allow, remaining: 0}}
      - {at: 1h, request: GET /week, expect: {verdict: limit, retry_after: 167h}}
";
    let key = Bench::usual().key;
    let report = run_policy_tests(&parse(&policy_text(&key, rest))).unwrap();
    assert_eq!(report.failures, []);
    assert_eq!(report.passed, 7);
}

#[test]
fn a_failing_test_says_line_expected_and_got() {
    let tests = "
tests:
  - name: too generous
    as: {sub: u1}
    steps:
      - {at: 0s, request: POST /orders, expect: {verdict: allow, remaining: 7}}
      - {at: 0s, request: POST /orders, expect: {verdict: allow, retry_after: 2s}}
";
    let key = Bench::usual().key;
    let policy = parse(&policy_text(&key, &format!("{REST}{tests}")));
    let report = run_policy_tests(&policy).unwrap();
    let messages: Vec<_> = report.failures.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "POST /orders: expected remaining 7, got 0",
            "POST /orders: expected verdict allow, got limit",
            "POST /orders: expected retry-after 2s, got 1s",
        ]
    );
    assert!(report.failures[1].line == report.failures[0].line + 1);
    assert_eq!(report.passed, 0);
}
