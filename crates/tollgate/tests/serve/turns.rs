//! A thousand changes of plan of the very customers who load both cores without pause: not one request is refused, and none
//! reaches the origin without the plan that its customer was given.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tollgate_testkit::peers::{Busy, Load, LoadReport, bearer_script};

use crate::kept::{assign, with_store};
use crate::operated::Operated;
use crate::support::{alone_on_the_machine, was_under_full_load};

/// Two plans that serve, in turns. The default refuses: nobody is to be on it, not for a moment.
const PLANS: &str = "
routes: [GET /items]
plans:
  nobodys: {limits: [{name: none, rate: 1/1h, burst: 1}]}
  free: {limits: [{name: burst, rate: 1000000/s}, {name: daily, quota: 4000000000/day, across: all_routes, on_exceed: block}]}
  pro: {limits: [{name: burst, rate: 1000000/s}, {name: daily, quota: 3000000000/day, across: all_routes, on_exceed: block}]}
default_plan: nobodys
";
/// Few, so that each calls at almost any moment.
const CUSTOMERS: usize = 5;
const BLOCKS: usize = 40;
/// Of a block, straight to the store; one more goes through the admin API.
const TURNS_IN_STORE: usize = 4;
const CHANGES: usize = CUSTOMERS * BLOCKS * (TURNS_IN_STORE + 1);
/// Runs of one load, of different lengths, so that there is always one when another begins anew.
const RUNS_S: [u32; 2] = [2, 3];
const CONNECTIONS: u32 = 8;

fn customers() -> impl Iterator<Item = String> {
    (0..CUSTOMERS).map(|customer| format!("customer-{customer}"))
}

/// Gives every customer these plans, one after the other.
fn give_in_store(operated: &Operated, plans: &[&str]) {
    with_store(&operated.store(), async |store| {
        for plan in plans {
            for customer in customers() {
                let write = assign(&operated.running, &customer, plan);
                store.write(&write).await.unwrap();
            }
        }
    });
}

/// Gives every customer this plan.
fn give_by_api(operated: &Operated, plan: &str) {
    let edit = json!({ "edit": { "assign": { "plan": plan } } });
    for customer in customers() {
        let path = operated.of_subject(&customer, "/changes");
        assert_eq!(operated.post(&path, &edit).status(), 200);
    }
}

/// Waits until so many changes were taken over.
fn taken(operated: &Operated, changes: usize) {
    let line = format!("tollgate_store_changes_total{{result=\"success\"}} {changes}\n");
    let running = &operated.running;
    running.eventually("all changes", || running.metrics().contains(&line));
}

/// Loads, run after run, until told to stop.
fn load(url: &str, tokens: &str, seconds: u32, done: &AtomicBool) -> Vec<LoadReport> {
    let load = Load {
        url,
        connections: CONNECTIONS,
        seconds,
        script: &bearer_script(&["/items"]),
        files: &[("tokens.txt", tokens)],
    };
    let mut reports = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let report = load.run().unwrap_or_else(|error| panic!("{error}"));
        reports.push(report);
    }
    reports
}

#[test]
fn a_thousand_changes_of_plan_under_load_refuse_nobody_and_leave_nobody_without_a_plan() {
    let _machine = alone_on_the_machine();
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    // So it counts by plan.
    running.origin.set_subject_header("x-tollgate-plan");
    let tokens = customers().map(|customer| running.token(&customer));
    let tokens = tokens.collect::<Vec<_>>().join("\n");
    give_in_store(&operated, &["free"]);
    taken(&operated, CUSTOMERS);
    let (url, done) = (running.url("/"), AtomicBool::new(false));
    let reports = std::thread::scope(|scope| {
        let stop = Stop(&done);
        let loads = RUNS_S.map(|seconds| {
            scope.spawn({
                let (url, tokens, done) = (&url, &tokens, &done);
                move || load(url, tokens, seconds, done)
            })
        });
        let busy = Busy::from_now();
        let mut plans = ["pro", "free"].into_iter().cycle();
        for _ in 0..BLOCKS {
            let in_store: Vec<_> = plans.by_ref().take(TURNS_IN_STORE).collect();
            give_in_store(&operated, &in_store);
            give_by_api(&operated, plans.next().unwrap());
        }
        taken(&operated, CUSTOMERS + CHANGES);
        was_under_full_load(&busy);
        drop(stop);
        loads.map(|load| load.join().unwrap()).concat()
    });
    for token in tokens.lines() {
        let shown: Value = running.get("/rate_limit", token).json().unwrap();
        assert_eq!(shown["plan"], "free");
    }
    for report in &reports {
        assert_eq!((report.refused, report.socket_errors), (0, 0), "{report:?}");
    }
    let hits = running.origin.all_hits();
    println!("{hits:?}");
    let plans: BTreeSet<_> = hits.keys().map(|(_, plan)| plan.as_str()).collect();
    assert_eq!(plans, BTreeSet::from(["free", "pro"]));
    assert!(hits.values().all(|requests| *requests > 100), "{hits:?}");
}

/// Stops the load, also where a check fails: it would go on for ever.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
