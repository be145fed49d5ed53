//! A thousand changes of plan while both cores are busy with the very customers that are changed: what each leaves
//! of a customer's limits is what its rule says, to the unit; nobody gets another answer than 200, and no request
//! reaches the origin with another plan than the old or the new one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tollgate_limiter::{Clock, SystemClock};
use tollgate_store::{Count, Metered, Whose};
use tollgate_testkit::peers::Busy;

use crate::kept::{assign, with_store};
use crate::operated::Operated;
use crate::support::{Running, alone_on_the_machine, was_under_full_load};
use crate::turns::Stop;

/// Plans and their quotas; no one a multiple of all others, so that shares are rounded.
const PLANS: [(&str, u64); 3] = [("small", 300), ("middle", 7_000), ("large", 50_001)];
const RULES: [&str; 3] = ["keep", "as_is", "reset"];
const CUSTOMERS: u64 = 40;
const ROUNDS: u64 = 25;
/// Clients that keep two cores busy, each in the name of all customers in turn.
const CLIENTS: usize = 4;
/// The path that says which plan the origin was told, and counts on no limit.
const TOLD: &str = "/headers";
/// Every so many customers are changed through the admin API, the others straight in the store.
const BY_API_EACH: usize = 4;

/// The plan that a customer is shown, and what is left by each rule.
type Shown = (String, BTreeMap<String, u64>);

fn policy() -> String {
    let plans = PLANS.map(|(plan, quota)| {
        let limits = RULES.map(|rule| {
            format!("{{name: {rule}, quota: {quota}/month, across: all_routes, on_change: {rule}}}")
        });
        format!(
            "  {plan}: {{routes: {{GET /orders: [{}]}}}}\n",
            limits.join(", ")
        )
    });
    let plans = plans.concat();
    // Who falls to it for a moment is refused, and seen with it at the origin.
    let nobodys = "{limits: [{name: none, rate: 1/1h, burst: 1}]}";
    format!(
        "\nroutes: [GET /orders, GET {TOLD}]\nplans:\n{plans}  nobodys: {nobodys}\ndefault_plan: nobodys\n"
    )
}

/// The plans that customers were given.
struct Given(Vec<Mutex<Plans>>);

/// Those of one customer, the newest last.
struct Plans {
    all: Vec<&'static str>,
    /// Where the ones are that may be in force.
    oldest: usize,
}

// === impl Given ===

impl Given {
    fn of_all(plan: &'static str) -> Self {
        let plans = || Plans {
            all: vec![plan],
            oldest: 0,
        };
        Self((0..CUSTOMERS).map(|_| Mutex::new(plans())).collect())
    }

    fn oldest(&self, customer: usize) -> usize {
        self.0[customer].lock().oldest
    }

    /// Before it is given.
    fn comes(&self, customer: usize, plan: &'static str) {
        self.0[customer].lock().all.push(plan);
    }

    /// Once it was seen.
    fn is_there(&self, customer: usize) {
        let mut plans = self.0[customer].lock();
        plans.oldest = plans.all.len() - 1;
    }

    /// Whether a request may have had this plan that was sent when `oldest` was the oldest, and is answered now.
    fn may_be(&self, customer: usize, oldest: usize, plan: &str) -> bool {
        self.0[customer].lock().all[oldest..].contains(&plan)
    }
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

/// Calls until told to stop, and holds the plan that the origin was told against those that were given; counts.
fn load(
    running: &Running,
    tokens: &[String],
    given: &Given,
    (done, sent): (&AtomicBool, &AtomicU64),
) {
    for (customer, token) in tokens.iter().enumerate().cycle() {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let oldest = given.oldest(customer);
        let answer = running.get(TOLD, token);
        assert_eq!(answer.status(), 200, "customer-{customer}");
        let told: Value = answer.json().unwrap();
        let plan = told["headers"]["x-tollgate-plan"][0].as_str().unwrap();
        assert!(
            given.may_be(customer, oldest, plan),
            "customer-{customer} was on {plan}"
        );
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

/// Gives each customer another plan, and holds what is left of it against what was left before.
fn change_all(
    operated: &Operated,
    round: u64,
    tokens: &[String],
    given: &Given,
    before: Vec<Shown>,
) {
    let running = &operated.running;
    let plans: Vec<&'static str> = (0..)
        .zip(&before)
        .map(|(customer, (plan, _)): (u64, _)| {
            // One of the two others, in turns that differ by customer.
            let now = PLANS.iter().position(|(name, _)| name == plan).unwrap();
            let step = 1 + ((round * 7 + customer * 3) / 2 % 2) as usize;
            PLANS[(now + step) % PLANS.len()].0
        })
        .collect();
    let customers = || plans.iter().enumerate();
    let by_api = |customer: usize| customer.is_multiple_of(BY_API_EACH);
    with_store(&operated.store(), async |store| {
        for (customer, plan) in customers().filter(|(customer, _)| !by_api(*customer)) {
            given.comes(customer, plan);
            let write = assign(running, &format!("customer-{customer}"), plan);
            store.write(&write).await.unwrap();
        }
    });
    for (customer, plan) in customers().filter(|(customer, _)| by_api(*customer)) {
        given.comes(customer, plan);
        let path = operated.of_subject(&format!("customer-{customer}"), "/changes");
        let edit = json!({ "edit": { "assign": { "plan": plan } } });
        assert_eq!(operated.post(&path, &edit).status(), 200);
    }
    for (((customer, plan), token), (old, left)) in customers().zip(tokens).zip(before) {
        let mut after = Shown::default();
        running.eventually("the plan", || {
            after = shown(running, token);
            after.0 == *plan
        });
        given.is_there(customer);
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

/// Gives every customer the first plan, and waits until all have it.
fn begin(operated: &Operated, tokens: &[String]) -> Given {
    let first = PLANS[0].0;
    let running = &operated.running;
    with_store(&operated.store(), async |store| {
        for customer in 0..CUSTOMERS {
            let write = assign(running, &format!("customer-{customer}"), first);
            store.write(&write).await.unwrap();
        }
    });
    for token in tokens {
        running.eventually("the first plan", || shown(running, token).0 == first);
    }
    Given::of_all(first)
}

#[test]
fn case_084_a_thousand_changes_of_plan_under_load_each_leave_what_their_rule_says() {
    let _machine = alone_on_the_machine();
    let operated = Operated::start(&policy(), "");
    let (running, file) = (&operated.running, operated.store());
    let tokens: Vec<String> = (0..CUSTOMERS)
        .map(|customer| running.token(&format!("customer-{customer}")))
        .collect();
    let given = begin(&operated, &tokens);
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let stop = Stop(&done);
        for _ in 0..CLIENTS {
            scope.spawn(|| load(running, &tokens, &given, (&done, &sent)));
        }
        let busy = Busy::from_now();
        let mut ordered = 0;
        for round in 0..ROUNDS {
            for (customer, token) in (0..).zip(&tokens) {
                // A bucket is carried over with the first request.
                for _ in 0..=(round + customer) % 3 {
                    assert_eq!(running.get("/orders", token).status(), 200);
                    ordered += 1;
                }
            }
            let before = settled(running, &file, ordered, &tokens);
            change_all(&operated, round, &tokens, &given, before);
        }
        was_under_full_load(&busy);
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
        CUSTOMERS * (1 + ROUNDS)
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
