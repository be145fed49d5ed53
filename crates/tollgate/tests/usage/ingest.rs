//! Each line of a log counts once, whatever its file is called, and however it comes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::support::{Folder, Log, text};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_sums_are_those_of_the_log_and_the_same_file_counts_once() {
    let folder = Folder::new();
    let log = Log::new(0..3_000, 20);
    folder.write("a.log", &log.text);
    let said = folder.ingested(&["a.log"]);
    assert!(said.contains("3000 lines"), "{said}");
    assert_eq!(folder.sums(&[]), log.sums);

    folder.write("renamed.log", &log.text);
    folder.write("a.log.gz", gzip(&log.text));
    folder.write(
        "a.log.zst",
        compress_to_vec(log.text.as_bytes(), CompressionLevel::Fastest),
    );
    folder.write("crlf.log", log.text.replace('\n', "\r\n"));
    // A backup from when it was shorter, at any length.
    for lines in [1, 2, 17, 100, 2_047, 2_999] {
        let end = log.text.match_indices('\n').nth(lines + 1).unwrap().0;
        folder.write(&format!("backup-{lines}.log"), &log.text[..=end]);
    }
    for name in [
        "a.log",
        "renamed.log",
        "a.log.gz",
        "a.log.zst",
        "crlf.log",
        "backup-1.log",
        "backup-2.log",
        "backup-17.log",
        "backup-100.log",
        "backup-2047.log",
        "backup-2999.log",
    ] {
        let said = folder.ingested(&[name]);
        let counted = said.lines().nth(1).unwrap();
        assert!(counted.ends_with(" 0"), "{name}: {said}");
    }
    assert_eq!(folder.sums(&[]), log.sums);

    // Where it comes from is told apart, if the operator says so.
    folder.ingested(&["--source", "eu", "a.log"]);
    let twice = log
        .sums
        .clone()
        .into_iter()
        .map(|(of, sums)| (of, sums.map(|sum| 2 * sum)));
    assert_eq!(folder.sums(&[]), twice.collect());
}

#[test]
fn of_a_log_that_grows_only_what_is_new_is_counted() {
    let folder = Folder::new();
    let whole = Log::new(0..2_000, 5);
    let ends: Vec<usize> = whole
        .text
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .collect();
    // Rotated and compressed in between, and once in the middle of a line.
    for (name, end) in [
        ("access.log", ends[1] + 40),
        ("access.log", ends[4]),
        ("access.log", ends[700] + 9),
        ("access.log", ends[1_500]),
        ("access.log.1", ends[1_500]),
        ("access.log.1", ends[2_001]),
    ] {
        folder.write(name, &whole.text[..end]);
        folder.ingested(&[name]);
    }
    assert_eq!(folder.sums(&[]), whole.sums);
    folder.write("access.log.1.gz", gzip(&whole.text));
    folder.ingested(&["access.log", "access.log.1", "access.log.1.gz"]);
    assert_eq!(folder.sums(&[]), whole.sums);
}

#[test]
fn a_last_line_without_an_end_waits_unless_it_is_said_to_be_the_last() {
    let folder = Folder::new();
    let log = Log::new(0..10, 5);
    folder.write("a.log", log.text.trim_end());
    let said = folder.ingested(&["a.log"]);
    assert!(said.contains("1 without an end"), "{said}");
    assert_eq!(folder.sums(&[]), Log::new(0..9, 5).sums);
    folder.ingested(&["--complete", "a.log"]);
    folder.ingested(&["--complete", "a.log"]);
    assert_eq!(folder.sums(&[]), log.sums);
    // And goes on after it.
    let grown = Log::new(0..12, 5);
    folder.write("a.log", &grown.text);
    folder.ingested(&["a.log"]);
    assert_eq!(folder.sums(&[]), grown.sums);
}

#[test]
fn the_same_line_twice_in_a_log_is_two_requests() {
    let folder = Folder::new();
    let line = "192.0.2.1 - alice [10/Oct/2026:13:55:36 +0000] \"GET /orders HTTP/1.1\" 200 7 \"-\" \"-\"\n";
    folder.write("a.log", line.repeat(50));
    let arguments = [
        "ingest",
        "--issuer",
        "i",
        "--subject-field",
        "remote_user",
        "a.log",
    ];
    for _ in 0..2 {
        assert!(folder.usage(&arguments).status.success());
    }
    let sums = folder.sums(&["--subject", "alice", "--issuer", "i"]);
    assert_eq!(
        sums.into_values().collect::<Vec<_>>(),
        [[50, 50, 0, 0, 0, 350, 50]]
    );
}

#[test]
fn lines_that_cannot_be_read_are_told_with_their_place_and_passed_over() {
    let folder = Folder::new();
    let log = Log::new(0..20, 5);
    let mut lines: Vec<&str> = log.text.lines().collect();
    let long = "x".repeat(70_000);
    lines.insert(5, "what is this");
    lines.insert(9, &long);
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n\xff\xfe\n");
    folder.write("a.log", bytes);
    let output = folder.ingest(&["a.log"]);
    assert!(output.status.success());
    let told = text(&output.stderr);
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "a.log:6: no path",
            "a.log:10: longer than 64 KiB",
            "a.log:25: not UTF-8"
        ]
    );
    assert!(text(&output.stdout).contains("3 that cannot be read"));
    assert_eq!(folder.sums(&[]), log.sums);
}

#[test]
fn a_log_that_begins_as_another_and_goes_on_differently_is_told_and_not_counted() {
    let folder = Folder::new();
    let first = Log::new(0..100, 5);
    folder.write("a.log", &first.text);
    folder.ingested(&["a.log"]);
    let end = first.text.match_indices('\n').nth(41).unwrap().0;
    let other = Log::new(500..600, 5);
    let rest = other.text.split_once("time-taken\n").unwrap().1;
    folder.write("b.log", format!("{}\n{rest}", &first.text[..end]));
    let third = Log::new(1_000..1_100, 5);
    folder.write("c.log", &third.text);
    let output = folder.ingest(&["b.log", "c.log"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("b.log: begins with 32 lines"), "{told}");
    // The other file is counted all the same.
    let mut expected = first.sums;
    for (of, sums) in third.sums {
        let sum = expected.entry(of).or_default();
        sum.iter_mut()
            .zip(sums)
            .for_each(|(sum, more)| *sum += more);
    }
    assert_eq!(folder.sums(&[]), expected);
}

#[test]
fn what_is_no_log_is_told_and_so_is_wrong_use() {
    let folder = Folder::new();
    folder.write("prose.txt", "It was a dark and stormy night.\n");
    folder.write("empty.log", "");
    folder.write("head.log", "#Version: 1.0\n#Fields: date time\n");
    let log = Log::new(0..3, 5);
    folder.write("a.log", &log.text);
    for (arguments, code, expected) in [
        (&["ingest", "prose.txt"][..], 1, "not a log of any format"),
        (&["ingest", "nowhere.log"], 1, "No such file"),
        (&["ingest", "/dev/null"], 1, "no regular file"),
        (&["ingest", "empty.log", "head.log"], 0, ""),
        (
            &["ingest", "--subject-field", "who", "--issuer", "i", "a.log"],
            1,
            "no field `who`",
        ),
        (
            &["ingest", "--subject-field", "who", "a.log"],
            2,
            "--issuer",
        ),
        (
            &["ingest", "--limited-status", "x", "a.log"],
            2,
            "status `x`",
        ),
        (
            &["ingest", "--format", "combined", "a.log"],
            2,
            "cloudfront-json",
        ),
        (&["ingest", "--store", "mysql:", "a.log"], 2, "sqlite:"),
        (&["ingest"], 2, "<FILE>"),
        (&["export", "--zone", "Mars"], 2, "no time zone"),
        (&["export", "--issuer", "i"], 2, "--subject"),
        (&["show", "--from", "2026-11-01T00:01:00Z"], 2, "quarter"),
    ] {
        let output = folder.usage(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    // A password is not in what clap prints.
    let mut command = folder.command(&["show"]);
    let output = command
        .env("TOLLGATE_STORE", "postgres://u:hunter2@h:port/d")
        .output()
        .unwrap();
    assert!(!text(&output.stderr).contains("hunter2"));
    let help = folder
        .command(&["show", "--help"])
        .env("TOLLGATE_STORE", "postgres://u:hunter2@h/d")
        .output();
    assert!(!text(&help.unwrap().stdout).contains("hunter2"));
}
