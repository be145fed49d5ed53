//! An ingestion that is killed in the middle, again and again: started anew it goes on, and counts no line
//! twice and none never.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Folder, INGEST, Log};

/// Kills that must meet it between two batches.
const KILLS: u64 = 4;
const TRIES_MAX: u32 = 60;
/// As many users as lines: every ten thousand lines are a batch.
const LINES: u64 = 25_000;

fn log() -> (Folder, Log) {
    let folder = Folder::new();
    let log = Log::new(0..LINES, LINES);
    folder.write("a.log", &log.text);
    (folder, log)
}

fn counted(folder: &Folder) -> u64 {
    folder.sums(&[]).values().map(|sums| sums[0]).sum()
}

#[test]
fn a_killed_ingestion_goes_on_where_the_store_is() {
    let (whole, log) = log();
    let start = Instant::now();
    whole.ingested(&["a.log"]);
    let takes = start.elapsed();

    let mut folder = Folder::new();
    let mut before = LINES;
    let (mut in_the_middle, mut tries) = (0, 0);
    while in_the_middle < KILLS {
        assert!(
            tries < TRIES_MAX,
            "{in_the_middle} of {tries} kills met it in the middle"
        );
        tries += 1;
        if before == LINES {
            folder = Folder::new();
            folder.write("a.log", &log.text);
            before = 0;
        }
        let mut child = folder
            .command(&[INGEST, &["a.log"]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Moments spread over what all of it takes.
        std::thread::sleep(takes * (tries * 17 % 90) / 100 + Duration::from_millis(5));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = counted(&folder);
        assert!(
            before <= now && now <= LINES,
            "{before} were counted, now {now}"
        );
        in_the_middle += u64::from(before < now && now < LINES);
        before = now;
        if in_the_middle % 2 == 0 && now < LINES {
            folder.ingested(&["a.log"]);
            assert!(
                folder.sums(&[]) == log.sums,
                "the sums are not those of the log"
            );
            before = LINES;
        }
    }
    println!("{in_the_middle} of {tries} kills in the middle");
    folder.ingested(&["a.log"]);
    folder.ingested(&["a.log"]);
    assert!(
        folder.sums(&[]) == log.sums,
        "the sums are not those of the log"
    );
}

#[test]
fn two_that_count_one_log_at_once_count_it_once() {
    let (folder, log) = log();
    let start = || {
        let mut command = folder.command(&[INGEST, &["a.log"]].concat());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let done = [start(), start()].map(|mut child| child.wait().unwrap().success());
    // The one that came late may have seen all of it counted, or been told that somebody else counts.
    assert!(done.contains(&true), "neither came to its end");
    assert!(
        folder.sums(&[]) == log.sums,
        "the sums are not those of the log"
    );
}
