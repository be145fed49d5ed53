//! A million lines of CloudFront's log: exact sums, and what they cost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and say what they measured"
)]

#[path = "usage/support.rs"]
#[allow(dead_code, reason = "the other tests of usage need the rest")]
mod support;

use rustix::param::clock_ticks_per_second;

use crate::support::{Folder, Log};

const LINES: u64 = 1_000_000;
const CPU_SECONDS_MAX: f64 = 10.0;

/// CPU time of all children that have ended (proc_pid_stat(5), fields 16 and 17).
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[13..15]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / clock_ticks_per_second() as f64
}

#[test]
fn a_million_lines_are_counted_exactly_in_less_than_ten_seconds_of_one_core() {
    let folder = Folder::new();
    let log = Log::ordered(LINES, 1_000);
    folder.write("a.log", &log.text);
    let before = children_seconds();
    folder.ingested(&["a.log"]);
    let first = children_seconds() - before;
    folder.ingested(&["a.log"]);
    let again = children_seconds() - before - first;
    println!(
        "{LINES} lines, {} MB: {first:.2} s of CPU, {:.0} lines a second; the same file again: {again:.2} s",
        log.text.len() / 1_000_000,
        LINES as f64 / first,
    );
    assert!(
        folder.sums(&[]) == log.sums,
        "the sums are not those of the log"
    );
    assert!(first < CPU_SECONDS_MAX, "{first} s");
}
