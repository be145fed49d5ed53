//! Which rules a policy becomes: nobody is left out, and what cannot be held is told.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_policy::{FailMode, Policy};

use super::*;
use crate::target::{Trust, Variant};
use crate::waf::model::RuleSet;
use crate::waf::simulate::{Settings, Simulator, WafRequest};
use crate::waf::{capacity, read};

fn policy(rest: &str) -> Policy {
    let text = format!("tollgate: 1\norigin: http://127.0.0.1\n{rest}");
    Policy::parse("p.yaml", &text, Path::new(".")).unwrap()
}

/// Two plans by a claim, of which routes have limits of their own, and anonymous callers.
fn two_plans(edge: &str, anonymous: &str) -> Policy {
    policy(&format!(
        "identity:
  issuers: [{{issuer: i, audience: a, algorithms: [HS256], secret_file: s, claims: {{plan: plan}}}}]
  anonymous: {{plan: {anonymous}}}
  bucket_keys: k
routes: [GET /orders, POST /reports, GET /billing]
plans:
  anon: {{limits: [{{name: b, window: 60/min}}]}}
  free:
    limits: [{{name: b, window: 100/min}}]
    routes: {{POST /reports: [{{name: b, window: 20/min}}]}}
  gold: {{limits: [{{name: b, window: 6000/min}}]}}
default_plan: free
never_block: [GET /billing]
edge: {{before: {edge}, after: true}}
"
    ))
}

fn of(policy: &Policy, variant: Variant) -> Rules {
    Rules::of(policy, &Target::new(variant, Trust::Hs256), true).unwrap()
}

fn named<'r>(rules: &'r Rules, name: &str) -> &'r EdgeRule {
    let found = rules.rules.iter().find(|rule| rule.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {rules:#?}"))
}

fn figures(rule: &EdgeRule) -> (u64, u64, bool) {
    (rule.limit, rule.window_s, rule.count_only)
}

#[test]
fn by_cookie_a_user_has_the_limits_of_its_own_plan() {
    let policy = two_plans("{cookie: c}", "anon");
    let rules = of(&policy, Variant::Before);
    for (name, limit) in [
        ("tollgate-free-100-60-cookie", 100),
        ("tollgate-gold-6000-60-cookie", 6_000),
        // A token may name the plan of those without one.
        ("tollgate-anon-60-60-cookie", 60),
    ] {
        let rule = named(&rules, name);
        assert_eq!(figures(rule), (limit, 60, false));
        assert_eq!(rule.key, RuleKey::Cookie("c".to_owned(), CountBy::Id));
    }
    // By it the route's own limit does not hold: that is told, and refused without consent.
    let told: Vec<_> = rules
        .gaps
        .iter()
        .map(|gap| (&*gap.plan, &*gap.says))
        .collect();
    assert_eq!(told, [("free", "20/min sliding")]);
    assert_eq!(rules.gaps[0].why, Unfit::ByCookie);
    let target = Target::new(Variant::Before, Trust::Hs256);
    assert!(Rules::of(&policy, &target, false).is_err());
    assert!(
        of(&two_plans("{}", "anon"), Variant::Before)
            .gaps
            .is_empty()
    );
}

#[test]
fn by_cookie_a_limit_is_held_by_one_of_its_own_kind_only() {
    let with = |plan: &str, route: &str| {
        let text = format!(
            "identity:
  issuers: [{{issuer: i, audience: a, algorithms: [HS256], secret_file: s}}]
  bucket_keys: k
routes: [POST /orders]
plans: {{p: {{limits: [{plan}], routes: {{POST /orders: [{route}]}}}}}}
edge: {{before: {{cookie: c}}}}
"
        );
        let rules = of(&policy(&text), Variant::Before);
        let gaps = rules.gaps.into_iter().map(|gap| (gap.says, gap.why));
        gaps.collect::<Vec<_>>()
    };
    let by_user = "{name: b, window: 100/min}";
    let by_network = "{name: b, window: 10/min, per: network}";
    let told = |says: &str| vec![(says.to_owned(), Unfit::ByCookie)];
    assert_eq!(with(by_network, by_user), told("100/min sliding"));
    assert_eq!(with(by_user, by_network), told("10/min sliding"));
    assert_eq!(with(by_user, by_user), []);
}

#[test]
fn what_has_gone_around_the_function_is_refused_or_counted() {
    let first = |on_failure| {
        let mut target = Target::new(Variant::After, Trust::Hs256);
        target.on_failure = on_failure;
        let policy = two_plans("{}", "anon");
        let rules = Rules::of(&policy, &target, true).unwrap();
        let acl = web_acl(&rules, &policy, &target);
        let names = acl["Rules"].as_array().unwrap().iter();
        let names: Vec<String> = names.map(|rule| rule["Name"].to_string()).collect();
        names.join(" ")
    };
    let closed = first(FailMode::Closed);
    assert!(
        closed.contains("named-only") && !closed.contains("no-id"),
        "{closed}"
    );
    let open = first(FailMode::Open);
    assert!(
        open.contains("no-id") && !open.contains("named-only"),
        "{open}"
    );
}

#[test]
fn users_of_the_plan_for_callers_without_a_token_have_a_rule_too() {
    for variant in Variant::ALL {
        let rules = of(&two_plans("{}", "free"), variant);
        let rule = named(&rules, "tollgate-free-100-60");
        assert_eq!(rule.key, RuleKey::Id(CountBy::Id));
        assert!(rule.scope.names("free"));
    }
    let rules = of(&two_plans("{}", "free"), Variant::Before);
    assert_eq!(figures(named(&rules, "tollgate-no-id")), (20, 60, false));
}

#[test]
fn the_plan_for_requests_without_an_id_is_held_by_the_address() {
    let rules = of(&two_plans("{without_id: free}", "gold"), Variant::Before);
    let no_id = named(&rules, "tollgate-no-id");
    assert_eq!(
        (figures(no_id), &no_id.key),
        ((20, 60, false), &RuleKey::Address)
    );
    let plans: HashSet<&str> = no_id.limits.iter().map(|limit| &*limit.plan).collect();
    assert_eq!(plans, HashSet::from(["free", "gold"]));
}

#[test]
fn a_limit_that_is_only_watched_replaces_none_that_holds() {
    let with = |first: &str, second: &str| {
        policy(&format!(
            "identity: {{anonymous: {{plan: p}}, bucket_keys: k}}
routes: [GET /a]
plans:
  p: {{limits: [{first}], routes: {{GET /a: [{second}]}}}}
edge: {{before: {{}}}}
"
        ))
    };
    let watched = "{name: b, window: 20/min, mode: shadow}";
    let enforced = "{name: b, window: 60/min}";
    for (first, second) in [(watched, enforced), (enforced, watched)] {
        let rules = of(&with(first, second), Variant::Before);
        assert_eq!(figures(named(&rules, "tollgate-no-id")), (60, 60, false));
        assert_eq!(
            figures(named(&rules, "tollgate-no-id-shadow")),
            (20, 60, true)
        );
    }
    // With nothing but watched ones the target's own holds.
    let rules = of(&with(watched, watched), Variant::Before);
    assert_eq!(
        figures(named(&rules, "tollgate-no-id")),
        (1_000, 300, false)
    );
    // Compared as rates: 100 in 10 min are fewer than 11 in one.
    let slow = "{name: b, window: 100/10min}";
    for (first, second) in [
        (slow, "{name: b, window: 11/min}"),
        ("{name: b, window: 11/min}", slow),
    ] {
        let rules = of(&with(first, second), Variant::Before);
        assert_eq!(figures(named(&rules, "tollgate-no-id")), (100, 600, false));
    }
}

#[test]
fn ids_are_minted_within_the_policy_s_budget_or_it_is_told() {
    let minted = |edge: &str| of(&two_plans(edge, "anon"), Variant::Before);
    assert_eq!(
        figures(named(&minted("{}"), "tollgate-mint")),
        (300, 60, false)
    );
    let free = minted("{per_network: off}");
    assert!(free.rules.iter().all(|rule| !rule.name.contains("mint")));
    let slow = minted("{per_network: {rate: 1/h}}");
    assert_eq!(slow.gaps.len(), 1);
    assert_eq!(slow.gaps[0].why, Unfit::TooSlow { requests: 0 });
}

#[test]
fn a_plan_that_nobody_can_have_takes_no_rule_and_a_class_without_one_is_told() {
    let rules = of(
        &policy(
            "identity:
  issuers: [{issuer: i, audience: a, algorithms: [HS256], secret_file: s}]
  bucket_keys: k
routes: [GET /a]
plans:
  usual: {limits: [{name: b, window: 100/min}], routes: {GET /a: [{name: b, window: 100/min, mode: off}]}}
  other: {limits: [{name: b, window: 10/min}]}
default_plan: usual
edge: {after: true}
",
        ),
        Variant::After,
    );
    assert!(rules.rules.iter().all(|rule| !rule.scope.names("other")));
    assert_eq!(rules.unwatched.len(), 1);
}

/// A policy's web ACL, as it is written and as it is read.
fn acl(edge: &str, variant: Variant) -> (Value, RuleSet) {
    let policy = two_plans(edge, "anon");
    let target = Target::new(variant, Trust::Hs256);
    let acl = web_acl(&of(&policy, variant), &policy, &target);
    let set = read("acl.json", &acl.to_string()).unwrap().remove(0);
    (acl, set)
}

const ALONE: &str = "{cookie: c}";
const WITH_ADDRESS: &str = "{cookie: c, count_by: id_and_address}";

#[test]
fn with_the_address_rules_that_count_what_is_shown_have_a_key_more() {
    let (mut expected, alone) = acl(ALONE, Variant::Before);
    let (written, with_address) = acl(WITH_ADDRESS, Variant::Before);
    let wcu = |set: &RuleSet| -> Vec<u64> {
        let rules = capacity::of(set, &[]).rules;
        rules.iter().map(|rule| rule.wcu.units).collect()
    };
    let mut costs = wcu(&alone);
    let mut counted = 0;
    for (rule, cost) in expected["Rules"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(&mut costs)
    {
        let keys = rule.pointer_mut("/Statement/RateBasedStatement/CustomKeys");
        if let Some(keys) = keys.and_then(Value::as_array_mut) {
            keys.push(json!({"IP": {}}));
            *cost += 30;
            counted += 1;
        }
    }
    assert_eq!((written, wcu(&with_address)), (expected, costs));
    // Three plans by the field, of which one has a route of its own, and three by the cookie.
    assert_eq!(counted, 7);
    // Ids that the function sets are counted alone.
    for variant in [Variant::After, Variant::Chained] {
        assert_eq!(acl(ALONE, variant).0, acl(WITH_ADDRESS, variant).0);
    }
}

#[test]
fn a_copied_id_counts_against_its_user_or_where_it_comes_from() {
    let (user, thief): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [203, 0, 113, 9].into());
    let shown = [
        ("x-ratelimit-user-id", "free.k1.AAAAAAAAAAAAAAAAAAAAAA"),
        ("cookie", "c=free.k1.AAAAAAAAAAAAAAAAAAAAAA"),
    ];
    for (edge, blocks_the_user) in [(ALONE, true), (WITH_ADDRESS, false)] {
        for field in shown {
            let (_, set) = acl(edge, Variant::Before);
            let mut simulator = Simulator::new(&set, Settings::default()).unwrap();
            let mut is_blocked = |client_ip: IpAddr, now_ms: u64| {
                let request = WafRequest {
                    method: "GET",
                    path: "/orders",
                    query: "",
                    headers: &[field],
                    client_ip,
                };
                simulator.decide(&request, now_ms).verdict.is_block()
            };
            for now_ms in (0..60_000).step_by(100) {
                is_blocked(thief, now_ms);
            }
            assert!(is_blocked(thief, 60_000), "{edge} {field:?}");
            assert_eq!(
                is_blocked(user, 60_000),
                blocks_the_user,
                "{edge} {field:?}"
            );
        }
    }
}
