//! What is exported: the same sums in every format and zone, under ids that stay.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Folder, Log, text};

fn filled() -> (Folder, Log) {
    let folder = Folder::new();
    let log = Log::new(0..2_000, 7);
    folder.write("a.log", &log.text);
    folder.ingested(&["a.log"]);
    (folder, log)
}

fn requests(log: &Log) -> u64 {
    log.sums.values().map(|sums| sums[0]).sum()
}

fn lines(folder: &Folder, arguments: &[&str]) -> Vec<String> {
    let output = folder.usage(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn every_zone_and_period_sums_up_alike() {
    let (folder, log) = filled();
    for zone in [
        "UTC",
        "Europe/Berlin",
        "America/St_Johns",
        "Asia/Kathmandu",
        "Pacific/Chatham",
    ] {
        for by in ["hour", "day", "month"] {
            assert_eq!(
                folder.sums(&["--by", by, "--zone", zone, "--until", "2026-11-02"]),
                log.sums,
                "{zone} {by}"
            );
        }
    }
    let days = |zone: &str| -> BTreeSet<String> {
        let rows = folder.exported(&["--by", "day", "--zone", zone]);
        rows.iter()
            .map(|row| row["from"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        days("UTC").into_iter().collect::<Vec<_>>(),
        ["2026-10-10T00:00:00Z"]
    );
    assert_eq!(
        days("Asia/Kathmandu").into_iter().collect::<Vec<_>>(),
        ["2026-10-10T00:00:00+05:45", "2026-10-11T00:00:00+05:45"]
    );
}

#[test]
fn the_formats_say_the_same_and_ids_stay() {
    let (folder, log) = filled();
    let span = ["--from", "2026-10-10", "--until", "2026-10-11"];
    let csv = lines(&folder, &[&["export"][..], &span].concat());
    assert_eq!(
        csv[0],
        "from,until,issuer,subject,account,plan,route,requests,admitted,limited,refused,bytes_in,bytes_out,cost_units,id"
    );
    let sum: u64 = csv[1..]
        .iter()
        .map(|line| line.split(',').nth(7).unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, requests(&log));
    let export = |format: &str, more: &[&str]| -> Vec<Value> {
        let arguments = [&["export", "--format", format][..], &span, more].concat();
        let lines = lines(&folder, &arguments);
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let events = export("cloudevents", &[]);
    let objects = export("jsonl", &[]);
    let ids: BTreeSet<&str> = events
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), events.len());
    assert_eq!(
        ids,
        csv[1..]
            .iter()
            .map(|line| line.rsplit(',').next().unwrap())
            .collect()
    );
    for (event, object) in events.iter().zip(&objects) {
        let mut data = event["data"].clone();
        data["id"] = event["id"].clone();
        assert_eq!(data, *object);
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "tollgate.usage.v1");
        assert_eq!(event["time"], object["from"]);
        assert_eq!(
            event.get("subject").unwrap_or(&Value::Null),
            &object["subject"]
        );
    }
    // Counted again elsewhere, the ids are the same; with more usage too.
    let (other, _) = filled();
    let more = Log::new(5_000..5_100, 7);
    other.write("b.log", &more.text);
    other.ingested(&["b.log"]);
    let again = lines(&other, &[&["export"][..], &span].concat());
    let ids_again: BTreeSet<&str> = again[1..]
        .iter()
        .map(|line| line.rsplit(',').next().unwrap())
        .collect();
    assert!(ids_again.is_superset(&ids));
}

#[test]
fn events_are_of_whole_periods_that_are_over() {
    let (folder, _) = filled();
    let export = ["export", "--format", "cloudevents", "--by", "day"];
    for (more, expected) in [
        (["--until", "2026-10-10T12:00:00Z"], "within a period"),
        (["--from", "2026-10-10T12:00:00Z"], "within a period"),
        (["--until", "9000-01-01"], "to come"),
    ] {
        let output = folder.usage(&[&export[..], &more].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(expected),
            "{}",
            text(&output.stderr)
        );
    }
    assert!(
        folder
            .usage(&["export", "--until", "2026-10-10T12:00:00Z"])
            .status
            .success()
    );
}

#[test]
fn a_part_of_the_usage_can_be_asked_for_and_shown() {
    let (folder, log) = filled();
    let mut expected = log.sums.clone();
    expected.retain(|(subject, _), _| subject == "user-3");
    let named = folder.sums(&["--subject", "user-3", "--issuer", "https://login.example"]);
    assert_eq!(named, expected);
    let mut expected = log.sums.clone();
    expected.retain(|(subject, _), _| subject.is_empty());
    assert_eq!(folder.sums(&["--anonymous"]), expected);
    let shown = lines(
        &folder,
        &["show", "--from", "2026-10-10", "--until", "2026-10-11"],
    );
    assert_eq!(
        shown[0],
        "from 2026-10-10T00:00:00Z until 2026-10-11T00:00:00Z"
    );
    let all: Vec<&str> = shown.last().unwrap().split_whitespace().collect();
    let sum = |column: usize| {
        log.sums
            .values()
            .map(|sums| sums[column])
            .sum::<u64>()
            .to_string()
    };
    assert_eq!(all[0], "all");
    for column in 0..7 {
        assert_eq!(all[column + 1], sum(column));
    }
    assert_eq!(shown.len(), 2 + 1 + 4 + 1);
}

#[test]
fn what_is_forgotten_is_gone_and_the_rest_stays() {
    let (folder, log) = filled();
    let said = lines(&folder, &["forget", "--before", "2026-10-10T00:00:00Z"]);
    assert_eq!(said, ["forgot 0 meters and 0 logs"]);
    assert_eq!(folder.sums(&[]), log.sums);
    lines(&folder, &["forget", "--before", "2026-10-11"]);
    assert!(folder.sums(&[]).is_empty());
}
