//! A thousand changes of plan while both cores are busy: what each leaves of a customer's limits is what its rule
//! says, to the unit, and nobody gets another answer than 200.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use serde_json::Value;
use tollgate_limiter::{Clock, SystemClock};
use tollgate_store::{Count, Metered, Whose};

use crate::kept::{assign, with_store};
use crate::support::Running;

/// Plans and their quotas; no one a multiple of all others, so that shares are rounded.
const PLANS: [(&str, u64); 3] = [("small", 300), ("middle", 7_000), ("large", 50_001)];
const RULES: [&str; 3] = ["keep", "as_is", "reset"];
const CUSTOMERS: u64 = 40;
const ROUNDS: u64 = 25;
/// Clients that keep two cores busy, each another caller.
const CLIENTS: usize = 4;

/// The plan that a customer is shown, and what is left by each rule.
type Shown = (String, BTreeMap<String, u64>);

fn policy() -> String {
    let plans = PLANS.map(|(plan, quota)| {
        let limits = RULES.map(|rule| {
            format!("{{name: {rule}, quota: {quota}/month, across: all_routes, on_change: {rule}}}")
        });
        format!("  {plan}: {{limits: [{}]}}\n", limits.join(", "))
    });
    let plans = plans.concat();
    format!("\nroutes: [GET /orders, GET /items]\nplans:\n{plans}default_plan: small\n")
}

fn quota(plan: &str) -> u64 {
    let found = PLANS.iter().find(|(name, _)| *name == plan);
    found.unwrap().1
}

/// What is left of `to` where `left` was left of `from`, as the page on plans says it.
fn carried(rule: &str, left: u64, from: u64, to: u64) -> u64 {
    let spent = from - left;
    to - match rule {
        "keep" => (spent * to).div_ceil(from),
        "as_is" => spent.min(to),
        _ => 0,
    }
}

/// Free of charge.
fn shown(running: &Running, token: &str) -> Shown {
    let shown = running.get("/rate_limit?path=/orders", token);
    assert_eq!(shown.status(), 200);
    let shown: Value = shown.json().unwrap();
    let limits = shown["routes"][0]["limits"].as_array().unwrap();
    let left = limits.iter().map(|limit| {
        let name = limit["name"].as_str().unwrap().to_owned();
        (name, limit["remaining"].as_u64().unwrap())
    });
    let plan = shown["plan"].as_str().unwrap().to_owned();
    (plan, left.collect())
}

/// How many requests for orders the store knows of, and how many units of each customer by each rule.
fn stored(file: &Path) -> (u64, BTreeMap<(String, String), u64>) {
    let (page, counts) = with_store(file, async |store| {
        let meters = store.meters(Whose::Everybody, 0, u64::MAX, None).await;
        let now_ms = SystemClock::new().now().unix_ms;
        let counts = store.counts_after(None, now_ms).await;
        (meters.unwrap(), counts.unwrap())
    });
    assert_eq!(page.next, None, "more meters than one page has");
    let of_orders = |row: &&Metered| {
        let route = row.meter.series.route.as_ref();
        route.is_some_and(|route| route.as_str() == "GET /orders")
    };
    let orders = page.meters.iter().filter(of_orders);
    let units = counts.into_iter().map(|Count { counter, units, .. }| {
        let holder = counter.holder.name.as_str().to_owned();
        ((holder, counter.limit.as_str().to_owned()), units)
    });
    (orders.map(|row| row.usage.admitted).sum(), units.collect())
}

/// What every customer is shown, once it is what the store says: so nothing is on its way between them.
fn settled(running: &Running, file: &Path, ordered: u64, tokens: &[String]) -> Vec<Shown> {
    let mut units = BTreeMap::new();
    running.eventually("written", || {
        let (orders, now) = stored(file);
        units = now;
        orders == ordered
    });
    let customers = tokens.iter().enumerate().map(|(customer, token)| {
        let mut now = Shown::default();
        running.eventually("what the store says", || {
            now = shown(running, token);
            let quota = quota(&now.0);
            let holder = format!("customer-{customer}");
            let mut left = now.1.iter();
            left.all(|(rule, left)| quota - left == units[&(holder.clone(), rule.clone())])
        });
        now
    });
    customers.collect()
}

/// Calls until told to stop; counts.
fn load(running: &Running, client: usize, done: &AtomicBool, sent: &AtomicU64) {
    let token = running.token(&format!("load-{client}"));
    while !done.load(Ordering::Relaxed) {
        assert_eq!(running.get("/items", &token).status(), 200);
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

/// Gives each customer another plan, and holds what is left of it against what was left before.
fn change_all(running: &Running, file: &Path, round: u64, tokens: &[String], before: Vec<Shown>) {
    let plans: Vec<&str> = (0..)
        .zip(&before)
        .map(|(customer, (plan, _)): (u64, _)| {
            // One of the two others, in turns that differ by customer.
            let now = PLANS.iter().position(|(name, _)| name == plan).unwrap();
            let step = 1 + ((round * 7 + customer * 3) / 2 % 2) as usize;
            PLANS[(now + step) % PLANS.len()].0
        })
        .collect();
    with_store(file, async |store| {
        for (customer, plan) in plans.iter().enumerate() {
            let write = assign(running, &format!("customer-{customer}"), plan);
            store.write(&write).await.unwrap();
        }
    });
    for ((token, plan), (old, left)) in tokens.iter().zip(plans).zip(before) {
        let mut after = Shown::default();
        running.eventually("the plan", || {
            after = shown(running, token);
            after.0 == plan
        });
        let rule = |(rule, left): (&String, &u64)| {
            (rule.clone(), carried(rule, *left, quota(&old), quota(plan)))
        };
        let expected: BTreeMap<String, u64> = left.iter().map(rule).collect();
        assert_eq!(
            after.1, expected,
            "round {round}: {old} to {plan}, {left:?} were left"
        );
    }
}

#[test]
fn case_084_a_thousand_changes_of_plan_under_load_each_leave_what_their_rule_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.db");
    let store = format!(
        "store: {{url: 'sqlite:{}', flush: 100ms}}\n",
        file.display()
    );
    let running = Running::start(&format!("{}{store}", policy()));
    let tokens: Vec<String> = (0..CUSTOMERS)
        .map(|customer| running.token(&format!("customer-{customer}")))
        .collect();
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let stop = Stop(&done);
        for client in 0..CLIENTS {
            let (running, done, sent) = (&running, &done, &sent);
            scope.spawn(move || load(running, client, done, sent));
        }
        let mut ordered = 0;
        for round in 0..ROUNDS {
            for (customer, token) in (0..).zip(&tokens) {
                // A bucket is carried over with the first request.
                for _ in 0..=(round + customer) % 3 {
                    assert_eq!(running.get("/orders", token).status(), 200);
                    ordered += 1;
                }
            }
            let before = settled(&running, &file, ordered, &tokens);
            change_all(&running, &file, round, &tokens, before);
        }
        drop(stop);
    });
    let sent = sent.load(Ordering::Relaxed);
    println!(
        "{} changes and {sent} requests in {:?}; the gateway had {} ms of processors",
        CUSTOMERS * ROUNDS,
        begun.elapsed(),
        running.gateway.cpu_us() / 1_000
    );
    let taken = format!(
        "tollgate_store_changes_total{{result=\"success\"}} {}\n",
        CUSTOMERS * ROUNDS
    );
    let metrics = running.metrics();
    assert!(metrics.contains(&taken), "{metrics}");
    for line in metrics.lines() {
        let answers = line.strip_prefix("tollgate_responses_total{status=\"");
        assert!(
            answers.is_none_or(|status| status.starts_with("200")),
            "{line}"
        );
    }
    assert!(sent > CUSTOMERS * ROUNDS, "no load: {sent}");
}

/// Stops the load, also where a check fails: its clients would call for ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
