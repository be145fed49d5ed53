//! Which answers are held back when a connection's refusals come too fast.

use tollgate_engine::{Decision, Refusals};
use tollgate_limiter::Nanos;

use crate::support::{Ask, Bench, REST};

const MAX: Nanos = Nanos::from_secs(2);
/// One refusal an hour without delay, and six failed verifications before 429.
const PACE: &str = "  refusal_pace: 1/1h\n  failed_verifications: {rate: 1/1h, burst: 6}\n";

/// Whether the answer comes late on a connection that has used up its pace.
fn is_late(bench: &Bench, refusals: &mut Refusals, ask: &Ask) -> bool {
    refusals.wait(&bench.decide(ask), MAX).is_some()
}

fn get(token: &str) -> Ask {
    Ask::new("GET", "/orders").bearer(token)
}

/// A token that nobody signed.
fn forged(bench: &Bench, sub: &str) -> String {
    let token = bench.user(sub);
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", "A".repeat(86))
}

#[test]
fn only_refusals_of_a_credential_come_late() {
    let bench = Bench::with_identity(REST, PACE);
    let mut refusals = Refusals::default();
    assert!(!is_late(&bench, &mut refusals, &get("the.first.one")));
    let two = get("a.b.c").header("authorization", "Bearer a.b.c");
    let expired = bench.token(&serde_json::json!({"sub": "alice", "exp": 1_000}));
    for late in [
        get("garbage"),
        get(&forged(&bench, "alice")),
        get(&expired),
        two,
    ] {
        assert!(is_late(&bench, &mut refusals, &late), "{late:?}");
    }
    let alice = bench.user("alice");
    let prompt = [
        Ask::new("GET", "/orders"),
        Ask::new("GET", "/orders%2f").bearer(&alice),
        get(&alice),
    ];
    for ask in prompt {
        assert!(!is_late(&bench, &mut refusals, &ask), "{ask:?}");
    }
    // A user who is over a limit is told so at once.
    while bench.allowed(&get(&alice), 1) == 1 {}
    assert!(!is_late(&bench, &mut refusals, &get(&alice)));
}

#[test]
fn a_network_without_verifications_left_is_told_so_late() {
    let bench = Bench::with_identity(REST, PACE);
    let mut refusals = Refusals::default();
    let label = |decision: &Decision| decision.label().verdict();
    let mut labels = Vec::new();
    for number in 0..8 {
        let decision = bench.decide(&get(&forged(&bench, &format!("victim{number}"))));
        labels.push(label(&decision));
        assert_eq!(refusals.wait(&decision, MAX).is_some(), number > 0);
    }
    assert_eq!(labels[5..], ["unauthenticated", "limit", "limit"]);
}

#[test]
fn without_a_pace_nothing_comes_late_and_a_reload_changes_it_at_once() {
    let bench = Bench::with_identity(REST, "  refusal_pace: off\n");
    let mut refusals = Refusals::default();
    for _ in 0..100 {
        assert!(!is_late(&bench, &mut refusals, &get("garbage")));
    }
    bench.reload_identity(REST, PACE);
    assert!(!is_late(&bench, &mut refusals, &get("garbage")));
    assert!(is_late(&bench, &mut refusals, &get("garbage")));
    bench.reload_identity(REST, "  refusal_pace: off\n");
    assert!(!is_late(&bench, &mut refusals, &get("garbage")));
}

#[test]
fn unless_configured_twenty_are_refused_at_once_and_twenty_a_second() {
    let bench = Bench::usual();
    let mut refusals = Refusals::default();
    for _ in 0..20 {
        assert!(!is_late(&bench, &mut refusals, &get("garbage")));
    }
    let late = |refusals: &mut Refusals| refusals.wait(&bench.decide(&get("garbage")), MAX);
    assert_eq!(late(&mut refusals), Some(Nanos::from_millis(50)));
    assert_eq!(late(&mut refusals), Some(Nanos::from_millis(100)));
    bench.advance(1_100);
    for _ in 0..20 {
        assert_eq!(late(&mut refusals), None);
    }
    assert_eq!(late(&mut refusals), Some(Nanos::from_millis(50)));
}
