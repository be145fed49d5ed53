//! Rules decide as they are documented, all or nothing, and a reload forgets nothing.

use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;
use tollgate_limiter::{Nanos, Now};
use tollgate_policy::{Policy, WindowUnit};

use super::*;
use crate::engine::EngineOptions;

const RULES: &str = "
      descriptors:
        - key: user
          rate_limit: {unit: minute, requests_per_unit: 3, name: per-user}
        - {key: user, value: banned, rate_limit: {unit: second, requests_per_unit: 0}}
        - {key: user, value: tried, shadow_mode: true, rate_limit: {unit: minute, requests_per_unit: 1}}
        - {key: user, value: free, rate_limit: {unlimited: true}}
        - {key: path, value: \"/a*\", rate_limit: {unit: hour, requests_per_unit: 2}}
        - {key: path, value: \"/b*\", share_threshold: true, rate_limit: {unit: hour, requests_per_unit: 2}}
        - key: vip
          rate_limit: {unit: minute, requests_per_unit: 9, replaces: [{name: per-user}]}
        - key: tenant
          descriptors:
            - {key: op, value: write, rate_limit: {unit: day, requests_per_unit: 1}}
            - {key: op, rate_limit: {unit: day, requests_per_unit: 2}}
";

fn policy(rules: &str) -> Policy {
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1:9\nidentity: {{anonymous: {{plan: a}}}}\nplans: {{a: {{}}}}\n\
         grpc:\n  domains:\n    d:{rules}"
    );
    Policy::parse("p.yaml", &text, Path::new(".")).unwrap_or_else(|found| panic!("{found}"))
}

fn engine() -> Arc<Engine> {
    Engine::new(policy(RULES), EngineOptions::default()).unwrap()
}

fn at(seconds: u64) -> Now {
    Now {
        mono: Nanos::from_secs(seconds),
        unix_ms: (1_764_000_000 + seconds) * 1_000,
    }
}

fn of<'a>(entries: &[(&'a str, &'a str)]) -> Descriptor<'a> {
    Descriptor {
        entries: SmallVec::from_slice(entries),
        ..Descriptor::default()
    }
}

fn ask(engine: &Engine, descriptors: &[Descriptor<'_>], now: Now) -> Ruling {
    engine.decide_descriptors("d", descriptors, now).unwrap()
}

/// How many of twenty are admitted.
fn admitted(engine: &Engine, entries: &[(&str, &str)]) -> usize {
    let one = [of(entries)];
    (0..20)
        .filter(|_| ask(engine, &one, at(0)).admitted)
        .count()
}

#[test]
fn the_most_specific_rule_at_the_descriptor_s_end_counts() {
    let engine = engine();
    let cases: [(&[(&str, &str)], usize); 13] = [
        (&[("user", "alice")], 3),
        (&[("user", "bob")], 3),
        (&[("user", "banned")], 0),
        (&[("user", "tried")], 20),
        (&[("user", "free")], 20),
        (&[("path", "/a1")], 2),
        (&[("path", "/a2")], 2),
        (&[("path", "/b1")], 2),
        (&[("path", "/b2")], 0),
        (&[("path", "/c")], 20),
        (&[("tenant", "t"), ("op", "write")], 1),
        (&[("tenant", "t"), ("op", "read")], 2),
        (&[("tenant", "t"), ("op", "read"), ("more", "m")], 20),
    ];
    for (entries, expected) in cases {
        assert_eq!(admitted(&engine, entries), expected, "{entries:?}");
    }
    for entries in [&[("tenant", "t")][..], &[("none", "x")], &[]] {
        assert_eq!(admitted(&engine, entries), 20, "{entries:?}");
    }
}

#[test]
fn one_that_refuses_leaves_the_others_as_they_were() {
    let engine = engine();
    let both = [
        of(&[("user", "alice")]),
        of(&[("tenant", "t"), ("op", "write")]),
    ];
    assert!(ask(&engine, &both, at(0)).admitted);
    let refused = ask(&engine, &both, at(0));
    assert!(!refused.admitted);
    assert!(!refused.each[0].refuses() && refused.each[1].refuses());
    assert_eq!(refused.each[0].reading.remaining, 2);
    assert_eq!(admitted(&engine, &[("user", "alice")]), 2);
    let with_banned = [of(&[("user", "carol")]), of(&[("user", "banned")])];
    assert!(!ask(&engine, &with_banned, at(0)).admitted);
    assert_eq!(admitted(&engine, &[("user", "carol")]), 3);
}

#[test]
fn a_limit_that_is_replaced_neither_refuses_nor_counts() {
    let engine = engine();
    let both = [of(&[("user", "alice")]), of(&[("vip", "alice")])];
    let passed = (0..20).filter(|_| ask(&engine, &both, at(0)).admitted);
    assert_eq!(passed.count(), 9);
    assert_eq!(admitted(&engine, &[("user", "alice")]), 3);
}

#[test]
fn hits_are_taken_looked_at_and_given_back() {
    let engine = engine();
    let hits = |hits| {
        [Descriptor {
            hits,
            ..of(&[("user", "alice")])
        }]
    };
    assert!(
        !ask(&engine, &hits(Hits::Take(4)), at(0)).admitted,
        "above the limit"
    );
    assert!(ask(&engine, &hits(Hits::Take(0)), at(0)).admitted);
    assert!(
        ask(&engine, &hits(Hits::Take(3)), at(0)).admitted,
        "nothing was taken"
    );
    let looked = ask(&engine, &hits(Hits::Take(0)), at(0));
    assert!(!looked.admitted && looked.each[0].refuses());
    let back = ask(&engine, &hits(Hits::GiveBack(2)), at(0));
    assert_eq!((back.admitted, back.each[0].reading.remaining), (true, 2));
    assert!(ask(&engine, &hits(Hits::GiveBack(u64::MAX)), at(0)).admitted);
    assert_eq!(admitted(&engine, &[("user", "alice")]), 3);
}

#[test]
fn a_window_begins_and_ends_with_the_clock() {
    let engine = engine();
    let one = [of(&[("user", "alice")])];
    assert_eq!(admitted(&engine, &[("user", "alice")]), 3);
    // 1,764,000,000 is a whole minute.
    assert!(!ask(&engine, &one, at(59)).admitted);
    let wait = ask(&engine, &one, at(59)).each[0].reading.retry_after();
    assert_eq!(wait, Some(Nanos::from_secs(1)));
    assert!(ask(&engine, &one, at(60)).admitted);
}

#[test]
fn a_limit_that_is_brought_along_counts_instead_and_there_may_be_many_but_not_any_number() {
    let engine = engine();
    let brought = |requests| {
        [Descriptor {
            limit: Some(Override {
                requests,
                unit: WindowUnit::Hour,
            }),
            ..of(&[("user", "free")])
        }]
    };
    let passed = (0..20).filter(|_| ask(&engine, &brought(5), at(0)).admitted);
    assert_eq!(passed.count(), 5);
    assert!(!ask(&engine, &brought(0), at(0)).admitted);
    let many = 2_000;
    for requests in 1..=many {
        ask(&engine, &brought(requests), at(0));
    }
    // No room: the rule's own counts; where there is none, nothing passes.
    let above = |requests, entries| {
        let limit = brought(requests)[0].limit;
        [Descriptor {
            limit,
            ..of(entries)
        }]
    };
    let alice: &[_] = &[("user", "alice")];
    let passed = (0..20).filter(|_| ask(&engine, &above(many, alice), at(0)).admitted);
    assert_eq!(passed.count(), 3);
    assert_eq!(admitted(&engine, alice), 0, "one bucket");
    let ruled = ask(&engine, &above(many, &[("none", "x")]), at(0));
    assert!(!ruled.admitted && ruled.each[0].refuses());
    // Those that are known hold on.
    let known = ask(&engine, &brought(5), at(0));
    assert_eq!(
        known.each[0].limit.as_ref().unwrap().amount,
        brought(5)[0].limit
    );
    assert!(!ask(&engine, &brought(0), at(0)).admitted);
    assert!(
        engine
            .decide_descriptors("unknown", &brought(0), at(0))
            .unwrap()
            .admitted
    );
}

#[test]
fn more_than_a_decision_takes_is_an_error_and_counts_nothing() {
    let engine = engine();
    let many = vec![of(&[("user", "alice")]); DESCRIPTORS_MAX + 1];
    let error = engine.decide_descriptors("d", &many, at(0)).unwrap_err();
    assert_eq!(error, DescriptorError::TooMany);
    let free = vec![of(&[("user", "free")]); 100];
    assert!(ask(&engine, &free, at(0)).admitted);
    assert_eq!(admitted(&engine, &[("user", "alice")]), 3);
}

#[test]
fn a_reload_keeps_what_was_counted_also_under_another_amount() {
    let engine = engine();
    let one = [of(&[("user", "alice")])];
    assert!(ask(&engine, &one, at(0)).admitted);
    engine.reload(policy(RULES)).unwrap();
    assert_eq!(ask(&engine, &one, at(0)).each[0].reading.remaining, 1);
    let wider = RULES.replace("requests_per_unit: 3", "requests_per_unit: 10");
    engine.reload(policy(&wider)).unwrap();
    assert_eq!(ask(&engine, &one, at(0)).each[0].reading.remaining, 7);
}

#[test]
fn the_policy_s_mode_holds_for_rules() {
    for (mode, above) in [("shadow", true), ("off", false)] {
        let text = policy(RULES)
            .text()
            .replace("tollgate: 1", &format!("tollgate: 1\nmode: {mode}"));
        let policy = Policy::parse("p.yaml", &text, Path::new(".")).unwrap();
        let engine = Engine::new(policy, EngineOptions::default()).unwrap();
        assert_eq!(admitted(&engine, &[("user", "alice")]), 20);
        let last = ask(&engine, &[of(&[("user", "alice")])], at(0));
        assert_eq!(last.each[0].is_above, above, "{mode}");
    }
}
