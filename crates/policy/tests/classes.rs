//! Limit classes: one for each set of limits, stable under changes elsewhere.

#![allow(clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::path::Path;

use tollgate_policy::{Policy, RouteId};

fn policy(routes_of_gold: &str, never_block: &str) -> Policy {
    let text = format!(
        "tollgate: 1
origin: http://127.0.0.1:9000
identity: {{anonymous: {{plan: silver}}}}
routes: {{list: [GET /a, POST /a, GET /b, GET /pay]}}
plans:
  silver: {{limits: [{{name: burst, rate: 10/s}}]}}
  goldenplan: {{class: goldplan, limits: [{{name: burst, rate: 100/s}}], routes: {routes_of_gold}}}
default_plan: silver
never_block: [{never_block}]
"
    );
    Policy::parse("tollgate.yaml", &text, Path::new(".")).unwrap_or_else(|found| panic!("{found}"))
}

fn class<'p>(policy: &'p Policy, plan: &str, route: &str) -> &'p str {
    let plan = policy.plan_named(plan).expect("a plan");
    let mut routes = policy.routes().iter();
    let found = routes.find(|(_, known)| known.to_string() == route);
    policy.limit_class(plan, found.map_or(RouteId::UNMATCHED, |(id, _)| id))
}

#[test]
fn a_route_with_limits_of_its_own_has_a_class_of_its_own() {
    let own = "{POST /a: [{name: burst, rate: 5/s}], GET /b: [{name: burst, rate: 5/s}]}";
    let policy = policy(own, "GET /pay");
    assert_eq!(class(&policy, "goldenplan", "GET /a"), "goldplan");
    assert_eq!(class(&policy, "goldenplan", "*"), "goldplan");
    let posts = class(&policy, "goldenplan", "POST /a");
    assert!(
        posts.len() == 8 && posts.starts_with("goldpl") && posts != "goldplan",
        "{posts}"
    );
    assert_eq!(
        class(&policy, "goldenplan", "GET /b"),
        posts,
        "the same limits"
    );
    let free = class(&policy, "goldenplan", "GET /pay");
    assert!(
        free != "goldplan" && free != posts,
        "a bucket that never blocks: {free}"
    );
    assert_eq!(class(&policy, "silver", "GET /a"), "silver");
    assert_ne!(
        class(&policy, "silver", "GET /pay"),
        free,
        "classes of two plans differ"
    );
}

#[test]
fn a_change_of_one_route_renames_no_other_bucket() {
    let before = policy("{POST /a: [{name: burst, rate: 5/s}]}", "");
    let after = policy(
        "{GET /a: [{name: burst, rate: 7/s}], POST /a: [{name: burst, rate: 5/s}]}",
        "",
    );
    let on = |policy| class(policy, "goldenplan", "POST /a").to_owned();
    assert_eq!(on(&before), on(&after));
    assert_ne!(class(&after, "goldenplan", "GET /a"), on(&after));
    let changed = policy("{POST /a: [{name: burst, rate: 6/s}]}", "");
    assert_ne!(on(&before), on(&changed), "other limits, another class");
}
