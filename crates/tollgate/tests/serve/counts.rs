//! Counts across a restart.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::process::Signal;

use crate::support::{PLANS, Running};

fn keeping(path: &Path) -> String {
    format!("{PLANS}counting: {{snapshot: {}}}\n", path.display())
}

#[test]
fn a_restart_gives_nobody_a_fresh_burst() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.counts");
    let mut running = Running::start(&keeping(&path));
    assert!(running.gateway.output().contains("no saved counts yet"));
    let (bob, eve) = (running.token("bob"), running.token("eve"));
    for _ in 0..3 {
        assert_eq!(running.get("/orders", &bob).status(), 200);
    }
    assert_eq!(running.get("/orders", &eve).status(), 200);
    running.restart(Signal::TERM);
    assert_eq!(running.get("/orders", &bob).status(), 429);
    assert_eq!(running.get("/orders", &eve).status(), 200);
    assert_eq!(running.get("/orders", &eve).status(), 200);
    assert_eq!(running.get("/orders", &eve).status(), 429);
    let output = running.gateway.output();
    assert!(output.contains("counts restored"), "{output}");
    // It holds the key that buckets are named under.
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Killed, it comes back with what was written last: at its start.
    running.restart(Signal::KILL);
    assert_eq!(running.get("/orders", &bob).status(), 429);
}

#[test]
fn a_damaged_file_is_kept_aside_and_said_and_serving_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.counts");
    std::fs::write(&path, "sixteen bytes ...and no counts").unwrap();
    let running = Running::start(&keeping(&path));
    let bob = running.token("bob");
    assert_eq!(running.get("/orders", &bob).status(), 200);
    let output = running.gateway.output();
    assert!(output.contains("counting begins anew"), "{output}");
    let aside = folder.path().join("tollgate.counts.unusable");
    assert_eq!(
        std::fs::read(aside).unwrap(),
        b"sixteen bytes ...and no counts"
    );
}

#[test]
fn what_lies_in_the_way_is_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.counts");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "of somebody else").unwrap();
    symlink(&elsewhere, folder.path().join("tollgate.counts.new")).unwrap();
    let running = Running::start(&keeping(&path));
    assert!(!running.gateway.output().contains("counts not saved"));
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"of somebody else");
    let written = std::fs::symlink_metadata(&path).unwrap();
    assert!(written.is_file());
    assert_eq!(written.permissions().mode() & 0o777, 0o600);
}

#[test]
fn counts_are_kept_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.counts");
    // As the gateway that this one takes over from.
    let other = File::create(folder.path().join("tollgate.counts.lock")).unwrap();
    other.lock().unwrap();
    let mut running = Running::start(&keeping(&path));
    let bob = running.token("bob");
    for _ in 0..3 {
        assert_eq!(running.get("/orders", &bob).status(), 200);
    }
    let output = running.gateway.output();
    assert!(output.contains("another process holds"), "{output}");
    assert!(!path.exists());
    let metrics = running.metrics();
    let failures = "tollgate_counts_save_failures_total 0";
    assert!(metrics.contains(failures), "{metrics}");
    drop(other);
    running.restart(Signal::TERM);
    assert!(path.exists());
    assert_eq!(running.get("/orders", &bob).status(), 429);
}
