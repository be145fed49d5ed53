//! Reload: whole or not at all, and without losing a count.

use std::os::unix::fs::PermissionsExt as _;

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
fn sighup_reloads_at_once() {
    let running = Running::start(PLANS);
    running.gateway.signal(Signal::HUP);
    running.eventually("a reload is counted", || {
        running
            .metrics()
            .contains("tollgate_policy_reloads_total{result=\"success\"} 1")
    });
}

#[test]
fn a_file_whose_mode_alone_is_mended_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("api-keys.txt");
    let mode = |mode| std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(mode));
    std::fs::write(&keys, "# none yet\n").unwrap();
    mode(0o600).unwrap();
    let rest = format!("  api_keys: {{file: {}}}\n{PLANS}", keys.display());
    let running = Running::start(&rest);
    mode(0o644).unwrap();
    running.eventually("a file that anybody may read is refused", || {
        running.metrics().contains("tollgate_policy_stale 1\n")
    });
    mode(0o600).unwrap();
    running.eventually("it is read again", || {
        running.metrics().contains("tollgate_policy_stale 0\n")
    });
}
