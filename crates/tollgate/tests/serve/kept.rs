//! Plans and usage that outlive the process, in a store.

use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::Value;
use tollgate_limiter::SystemClock;
use tollgate_store::{
    Edit, Holder, LimitText, Location, Name, PlanName, RouteName, Start, Store, Usage, Whose, Write,
};

use crate::support::{Running, were_in_force_in_time, without_load};

const PLANS: &str = "
routes: [GET /orders, GET /items]
plans:
  free: {limits: [{name: burst, rate: 1/1h, burst: 3}, {name: daily, quota: 50/day, across: all_routes, on_exceed: block}]}
  pro: {limits: [{name: burst, rate: 1000000/s}, {name: daily, quota: 500/day, across: all_routes, on_exceed: block}]}
default_plan: free
";

fn stored(file: &Path) -> String {
    format!(
        "{PLANS}store: {{url: 'sqlite:{}', flush: 100ms}}\n",
        file.display()
    )
}

/// Runs a few calls to the store of a file.
pub(crate) fn with_store<T>(file: &Path, calls: impl AsyncFnOnce(Store) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = Arc::new(SystemClock::new());
        calls(Store::open(&Location::sqlite(file), clock).await.unwrap()).await
    })
}

pub(crate) fn assign(running: &Running, subject: &str, plan: &str) -> Write {
    let edit = Edit::Assign {
        plan: PlanName::parse(plan).unwrap(),
        from: Start::Now,
        until_ms: None,
    };
    change(running, subject, edit)
}

fn change(running: &Running, subject: &str, edit: Edit) -> Write {
    let holder = Holder::subject(running.issuer.url(), subject).unwrap();
    Write::new(holder, edit, Name::parse("tests").unwrap())
}

fn plan_and_left(running: &Running, token: &str, limit: &str) -> (String, u64) {
    let shown: Value = running
        .get("/rate_limit?path=/orders", token)
        .json()
        .unwrap();
    let limits = shown["routes"][0]["limits"].as_array().unwrap();
    let of = |found: &&Value| found["name"] == limit;
    let left = limits.iter().find(of).unwrap()["remaining"].as_u64();
    (shown["plan"].as_str().unwrap().to_owned(), left.unwrap())
}

#[test]
fn a_plan_and_an_override_are_in_force_within_a_second_and_take_nothing_away() {
    let _machine = without_load();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.db");
    let running = Running::start(&stored(&file));
    let (mut of_plans, mut of_overrides) = (Vec::new(), Vec::new());
    for name in ["alice", "bob", "carol", "dave", "erin"] {
        let token = running.token(name);
        for _ in 0..3 {
            assert_eq!(running.get("/orders", &token).status(), 200);
        }
        assert_eq!(running.get("/orders", &token).status(), 429);
        with_store(&file, async |store| {
            store.write(&assign(&running, name, "pro")).await.unwrap();
        });
        of_plans.push(running.time_until("pro", || {
            plan_and_left(&running, &token, "daily").0 == "pro"
        }));
        // 3 of 50 is 30 of 500.
        assert_eq!(plan_and_left(&running, &token, "daily").1, 470);
        assert_eq!(running.get("/orders", &token).status(), 200);

        let edit = Edit::Override {
            limit: LimitText::parse("{name: burst, rate: 1/1h, burst: 1}").unwrap(),
            route: Some(RouteName::parse("GET /items").unwrap()),
            from: Start::Now,
            until_ms: None,
        };
        with_store(&file, async |store| {
            store.write(&change(&running, name, edit)).await.unwrap();
        });
        // Looking costs nothing.
        of_overrides.push(running.time_until("the override", || {
            let shown = running.get("/rate_limit?path=/items", &token);
            shown.text().unwrap().contains("\"burst\":1,")
        }));
        assert_eq!(running.get("/items", &token).status(), 200);
        assert_eq!(running.get("/items", &token).status(), 429);
        assert_eq!(running.get("/orders", &token).status(), 200);
    }
    were_in_force_in_time("plans", of_plans);
    were_in_force_in_time("overrides", of_overrides);
    let metrics = running.metrics();
    for line in ["tollgate_store_up 1", "tollgate_store_holders 5"] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn quotas_and_meters_outlive_a_kill_and_are_never_counted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.db");
    let rest = stored(&file).replace("burst: 3", "burst: 100");
    let mut running = Running::start(&rest);
    let alice = Holder::subject(running.issuer.url(), "alice").unwrap();
    let counted = || {
        with_store(&file, async |store| {
            let usage = store.meters(Whose::Holder(&alice), 0, u64::MAX, None).await;
            let meters = usage.unwrap().meters;
            let sum = meters
                .iter()
                .fold(Usage::default(), |sum, row| sum.plus(&row.usage));
            let at = tollgate_limiter::Clock::now(&SystemClock::new()).unix_ms;
            let counts = store.counts_of(&alice, at).await.unwrap();
            (
                sum.admitted,
                sum.limited,
                counts.first().map_or(0, |count| count.units),
            )
        })
    };
    let mut sent = 0;
    for _ in 0..3 {
        let token = running.token("alice");
        for _ in 0..10 {
            assert_eq!(running.get("/orders", &token).status(), 200);
        }
        sent += 10;
        running.eventually("written", || counted() == (sent, 0, sent));
        running.restart(Signal::KILL);
    }
    // The first request tells this process what those before it counted.
    let token = running.token("alice");
    assert_eq!(running.get("/orders", &token).status(), 200);
    running.eventually("known", || plan_and_left(&running, &token, "daily").1 == 19);
    for _ in 0..19 {
        assert_eq!(running.get("/orders", &token).status(), 200);
    }
    assert_eq!(running.get("/orders", &token).status(), 429);
    // What is left to write is written at the end.
    running.restart(Signal::TERM);
    assert_eq!(counted(), (50, 1, 50));
}

#[test]
fn a_store_that_is_not_there_ends_the_start_unless_the_policy_says_to_serve() {
    let url = "postgres://nobody:hunter2@127.0.0.1:1/nothing";
    let closed = crate::support::refused(&format!("{PLANS}store: {url}\n"));
    assert!(
        closed.contains("postgres://127.0.0.1:1/nothing cannot be used"),
        "{closed}"
    );
    assert!(!closed.contains("hunter2"), "{closed}");
    let open = format!("{PLANS}on_failure: {{store: open}}\nstore: {url}\n");
    let running = Running::start(&open);
    let alice = running.token("alice");
    assert_eq!(running.get("/orders", &alice).status(), 200);
    assert!(running.metrics().contains("tollgate_store_up 0"));
    let output = running.gateway.output();
    assert!(
        output.contains("serving with the plans that credentials name"),
        "{output}"
    );
    assert!(!output.contains("hunter2"), "{output}");
}

#[test]
fn a_quota_that_notifies_serves_on_and_tells_each_threshold_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.db");
    let rest = format!(
        "{}notices: {{stdout: true}}\n",
        stored(&file)
            .replace("rate: 1/1h, burst: 3", "rate: 1000000/s")
            .replace(
                "50/day, across: all_routes, on_exceed: block",
                "4/day, across: all_routes"
            )
    );
    let mut running = Running::start(&rest);
    let told = |running: &Running, percent: u32| {
        let threshold = format!("\"threshold_percent\":{percent},");
        running.gateway.output().matches(&threshold).count()
    };
    let alice = running.token("alice");
    for _ in 0..3 {
        assert_eq!(running.get("/orders", &alice).status(), 200);
    }
    running.eventually("three of four", || told(&running, 75) == 1);
    assert_eq!((told(&running, 90), told(&running, 100)), (0, 0));
    for _ in 0..3 {
        assert_eq!(running.get("/orders", &alice).status(), 200);
    }
    running.eventually("all of it", || {
        (told(&running, 90), told(&running, 100)) == (1, 1)
    });
    assert_eq!(told(&running, 75), 1);
    // Another process sees the thresholds again, and tells nobody twice.
    running.restart(Signal::TERM);
    let alice = running.token("alice");
    assert_eq!(running.get("/orders", &alice).status(), 200);
    let bob = running.token("bob");
    for _ in 0..3 {
        assert_eq!(running.get("/orders", &bob).status(), 200);
    }
    running.eventually("bob's", || told(&running, 75) == 1);
    assert_eq!((told(&running, 90), told(&running, 100)), (0, 0));
}
