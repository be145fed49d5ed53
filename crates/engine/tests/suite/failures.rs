//! What a network may fail to verify, and what it costs whom when it fails more.

use http::StatusCode;
use tollgate_engine::{AnswerContext, Decision, Unauthenticated, Verdict};

use crate::support::{Ask, Bench, REST};

/// A budget of three, one more every ten seconds.
fn bench() -> Bench {
    Bench::with_identity(REST, "  failed_verifications: {rate: 6/min, burst: 3}\n")
}

/// A token of nobody, another one every time.
fn forged(bench: &Bench, number: usize) -> String {
    let token = bench.user(&format!("victim{number}"));
    let (body, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = token.rsplit_once('.').unwrap();
    let mirrored: String = signature[..84].chars().rev().collect();
    format!("{body}.{mirrored}AA")
}

fn ask(token: &str) -> Ask {
    Ask::new("GET", "/orders").bearer(token)
}

fn is_401(decision: &Decision) -> bool {
    matches!(
        decision.verdict,
        Verdict::Unauthenticated(Unauthenticated::InvalidToken(_))
    )
}

fn is_over_budget(decision: &Decision) -> bool {
    let named = |decision: &Decision| {
        let violated = decision.violated();
        violated.is_some_and(|state| &*state.limit.name == "failed-verifications")
    };
    matches!(decision.verdict, Verdict::Limit { .. }) && named(decision)
}

fn spend(bench: &Bench) {
    for number in 0..3 {
        assert!(is_401(&bench.decide(&ask(&forged(bench, number)))));
    }
}

#[test]
fn a_network_that_fails_too_often_is_answered_429_without_a_look() {
    let bench = bench();
    spend(&bench);
    let checked = || {
        let stats = bench.engine.snapshot().verifier().stats();
        (stats.signatures_checked, stats.over_budget)
    };
    let (before, _) = checked();
    for number in 3..100 {
        assert!(is_over_budget(&bench.decide(&ask(&forged(&bench, number)))));
    }
    assert_eq!(checked(), (before, 97), "not one signature was checked");
}

#[test]
fn the_refusal_says_how_long_and_that_long_is_enough() {
    let bench = bench();
    spend(&bench);
    let over = ask(&forged(&bench, 3));
    let answer = bench.decide(&over).answer(&AnswerContext::default());
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["retry-after"], "10");
    let body = str::from_utf8(answer.body()).unwrap();
    assert!(body.contains(r#""violated-policies":["failed-verifications"]"#));
    bench.advance(9_999);
    assert!(is_over_budget(&bench.decide(&over)));
    bench.advance(1);
    assert!(is_401(&bench.decide(&over)));
    assert!(is_over_budget(&bench.decide(&ask(&forged(&bench, 4)))));
}

#[test]
fn users_who_were_verified_before_pass_from_a_spent_network() {
    let bench = bench();
    let (known, newcomer) = (ask(&bench.user("alice")), ask(&bench.user("bob")));
    assert_eq!(bench.allowed(&known, 1), 1);
    spend(&bench);
    assert_eq!(bench.allowed(&known, 1), 1);
    // The known failure mode: a token that was never seen has to wait.
    assert!(is_over_budget(&bench.decide(&newcomer)));
    bench.advance(10_000);
    assert_eq!(bench.allowed(&newcomer, 1), 1);
}

#[test]
fn a_good_token_takes_nothing_off() {
    let bench = bench();
    for user in 0..50 {
        assert_eq!(
            bench.allowed(&ask(&bench.user(&format!("user{user}"))), 1),
            1
        );
    }
    spend(&bench);
}

#[test]
fn another_network_has_a_budget_of_its_own() {
    let bench = bench();
    spend(&bench);
    let token = forged(&bench, 3);
    assert!(is_over_budget(&bench.decide(&ask(&token))));
    let elsewhere = ask(&token).from("192.0.2.8");
    assert!(is_401(&bench.decide(&elsewhere)));
    // An IPv6 client is its /64.
    for (peer, spent) in [
        ("2001:db8::1", false),
        ("2001:db8::2", false),
        ("2001:db8::3", false),
        ("2001:db8::4", true),
        ("2001:db8:0:1::1", false),
    ] {
        let decision = bench.decide(&ask(&format!("{peer}.b.c")).from(peer));
        assert_eq!(is_over_budget(&decision), spent, "{peer}");
    }
}

#[test]
fn the_same_bad_token_again_is_remembered_and_free() {
    let bench = bench();
    let expired = ask(&bench.token(&serde_json::json!({"sub": "alice", "exp": 1})));
    for _ in 0..100 {
        assert!(is_401(&bench.decide(&expired)));
    }
    assert!(is_401(&bench.decide(&ask(&forged(&bench, 0)))));
    assert!(is_401(&bench.decide(&ask(&forged(&bench, 1)))));
    assert!(is_over_budget(&bench.decide(&ask(&forged(&bench, 2)))));
}

#[test]
fn what_has_no_shape_of_a_token_charges_too() {
    let bench = bench();
    for _ in 0..3 {
        assert!(is_401(&bench.decide(&ask("garbage"))));
    }
    assert!(is_over_budget(&bench.decide(&ask(&bench.user("alice")))));
}

#[test]
fn a_reload_keeps_what_was_spent_and_off_ends_it() {
    let bench = bench();
    spend(&bench);
    bench.reload_identity(REST, "  failed_verifications: {rate: 6/min, burst: 3}\n");
    assert!(is_over_budget(&bench.decide(&ask(&forged(&bench, 3)))));
    bench.reload_identity(REST, "  failed_verifications: off\n");
    for number in 4..300 {
        assert!(is_401(&bench.decide(&ask(&forged(&bench, number)))));
    }
}

#[test]
fn a_limit_of_the_policy_with_the_same_name_is_another() {
    let limit =
        "{name: failed-verifications, rate: 6/min, burst: 3, per: network, across: all_routes}";
    let rest = REST.replace("{name: burst, rate: 1/s, burst: 2, per: network}", limit);
    assert_ne!(rest, REST);
    let bench = Bench::with_identity(&rest, "  failed_verifications: {rate: 6/min, burst: 3}\n");
    assert_eq!(bench.allowed(&Ask::new("GET", "/orders"), 9), 3);
    spend(&bench);
}

#[test]
fn anonymous_requests_neither_charge_nor_wait() {
    let bench = bench();
    let nobody = Ask::new("GET", "/orders");
    assert_eq!(bench.allowed(&nobody, 3), 2);
    spend(&bench);
    bench.advance(1_000);
    assert_eq!(bench.allowed(&nobody, 1), 1);
}
