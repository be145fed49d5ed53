//! Reload: whole or not at all, and without losing a count.

use rustix::process::Signal;

use crate::support::{PLANS, Running};

#[test]
fn a_changed_file_is_put_in_force_and_counts_stay() {
    let mut running = Running::start(PLANS);
    let bob = running.token("bob");
    for _ in 0..3 {
        assert_eq!(running.get("/orders", &bob).status(), 200);
    }
    assert_eq!(running.get("/orders", &bob).status(), 429);
    running.rewrite(&PLANS.replace("burst: 3", "burst: 5, on_change: as_is"));
    running.eventually("three of five are spent: two more are admitted", || {
        running.get("/orders", &bob).status() == 200
    });
    assert_eq!(running.get("/orders", &bob).status(), 200);
    assert_eq!(running.get("/orders", &bob).status(), 429);
    assert!(
        running
            .metrics()
            .contains("tollgate_policy_reloads_total{result=\"success\"} 1")
    );
}

#[test]
fn case_119_a_bad_file_keeps_the_last_good_policy_and_says_so() {
    let mut running = Running::start(PLANS);
    let bob = running.token("bob");
    running.rewrite(&PLANS.replace("burst: 3", "burst: 0"));
    running.eventually("the failure is counted", || {
        running.metrics().contains("tollgate_policy_stale 1\n")
    });
    assert_eq!(running.get("/orders", &bob).status(), 200);
    let output = running.gateway.output();
    assert!(
        output.contains("the last good one stays in force"),
        "{output}"
    );
    assert!(output.contains("tollgate.yaml:14"), "{output}");
    running.rewrite(&PLANS.replace("burst: 3", "burst: 1"));
    running.eventually("a good file is taken again", || {
        running.metrics().contains("tollgate_policy_stale 0\n")
    });
    assert_eq!(running.get("/orders", &bob).status(), 429);
}

#[test]
fn sighup_reloads_at_once() {
    let running = Running::start(PLANS);
    running.gateway.signal(Signal::HUP);
    running.eventually("a reload is counted", || {
        running
            .metrics()
            .contains("tollgate_policy_reloads_total{result=\"success\"} 1")
    });
}
