//! Keys that are not there: asked for, waited for, and never guessed.

use serde_json::json;
use tollgate_engine::{Outcome, Unauthenticated, Verdict};
use tollgate_limiter::Clock;

use crate::support::{Ask, Bench, ISSUER, REST, options, parse, policy_text};

/// A policy whose issuer is asked over HTTP: its key set is empty until somebody fetches.
fn remote(on_failure: &str) -> Bench {
    let usual = Bench::usual();
    let text = policy_text(&usual.key, REST);
    let (before, rest) = text.split_once("      jwks:").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    let text =
        format!("{before}      jwks: https://login.example.com/jwks.json\n{after}{on_failure}");
    let engine = tollgate_engine::Engine::new(parse(&text), options()).unwrap();
    Bench { engine, ..usual }
}

#[test]
fn before_the_first_key_set_callers_wait_and_then_get_503() {
    let bench = remote("");
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    let outcome = bench.engine.decide(&ask.head(), bench.clock.now());
    assert!(!matches!(
        &outcome,
        Outcome::Decided(decision) if matches!(decision.verdict, Verdict::Allow)
    ));
    let decision = bench.engine.decide_final(&ask.head(), bench.clock.now());
    assert!(matches!(decision.verdict, Verdict::Unavailable));
}

#[test]
fn the_policy_may_make_everybody_anonymous_while_there_are_no_keys() {
    let bench = remote("on_failure: {identity: open}\n");
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    let decision = bench.engine.decide_final(&ask.head(), bench.clock.now());
    assert_eq!(decision.plan_name(), Some("anonymous"));
}

#[test]
fn installed_keys_serve_at_once() {
    let bench = remote("");
    let snapshot = bench.engine.snapshot();
    let slot = &snapshot.key_sources()[0];
    assert_eq!((slot.issuer.as_str(), slot.ready()), (ISSUER, false));
    let jwks = json!({ "keys": [bench.key.jwk()] }).to_string();
    slot.holder.install(jwks.as_bytes()).unwrap();
    assert!(slot.ready());
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(bench.allowed(&ask, 5), 3);
}

#[test]
fn a_key_that_stays_unknown_is_401() {
    let bench = remote("");
    let jwks = json!({ "keys": [bench.key.jwk()] }).to_string();
    bench.engine.snapshot().key_sources()[0]
        .holder
        .install(jwks.as_bytes())
        .unwrap();
    let header = json!({"alg": "EdDSA", "kid": "never-seen"});
    let token = bench
        .key
        .sign_compact(&header, &json!({"iss": ISSUER, "sub": "bob"}));
    let ask = Ask::new("GET", "/orders").bearer(&token);
    let decision = bench.engine.decide_final(&ask.head(), bench.clock.now());
    assert!(matches!(
        decision.verdict,
        Verdict::Unauthenticated(Unauthenticated::InvalidToken(_))
    ));
}
