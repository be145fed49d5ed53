//! Writers that are killed in the middle: what was answered is there, what was not is whole or not there.
//!
//! The test starts its own program again as the writer (`write LOCATION ROUND`, `count LOCATION ROUND`), which
//! writes as fast as it can and says on its output what was answered; kills it at some moment; and looks at
//! what is stored.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and this one has no harness"
)]

mod counts;

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tollgate_limiter::SystemClock;
use tollgate_store::{
    Edit, Holder, LimitText, Location, Name, PlanName, Start, Store, StoreError, Write, WriteKey,
};
use tollgate_testkit::peers::Postgres;

/// Kills on each backend.
const KILLS: u64 = 40;
const HOLDERS: u64 = 5;
/// Entries that each write has, so that one transaction is many statements.
const LIMITS: u64 = 6;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "write", location, round] => {
            runtime.block_on(write_for_ever(location, round.parse().unwrap()));
        }
        [_, "count", location, _] => runtime.block_on(counts::count_for_ever(location)),
        _ => runtime.block_on(kill_and_look()),
    }
}

async fn open(location: &str) -> Store {
    let location: Location = location.parse().unwrap();
    Store::open(&location, Arc::new(SystemClock::new()))
        .await
        .unwrap()
}

/// The number of a write says all of it, so that anybody can send it again.
fn write(round: u64, number: u64) -> Write {
    let holder = Holder::subject(
        "https://login.example",
        &format!("user-{}", number % HOLDERS),
    );
    let edit = match number % 3 {
        0 => Edit::Override {
            limit: LimitText::parse(&format!(
                "{{name: l{}, rate: {}/s}}",
                number % LIMITS,
                number + 1
            ))
            .unwrap(),
            route: None,
            from: Start::AtMs(number),
            until_ms: None,
        },
        _ => Edit::Assign {
            plan: PlanName::parse(&format!("plan-{number}")).unwrap(),
            from: Start::Now,
            until_ms: None,
        },
    };
    Write {
        key: Some(WriteKey::parse(&format!("{round}-{number}")).unwrap()),
        ..Write::new(holder.unwrap(), edit, Name::parse("writer").unwrap())
    }
}

/// The child: says `answered NUMBER` after each.
async fn write_for_ever(location: &str, round: u64) {
    let store = open(location).await;
    for number in 0.. {
        store.write(&write(round, number)).await.unwrap();
        answered(number);
    }
}

fn answered(number: u64) {
    println!("answered {number}");
    std::io::stdout().flush().unwrap();
}

async fn kill_and_look() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let sqlite = format!("sqlite:{}", file.display());
    rounds(&sqlite).await;
    counts::rounds(&sqlite).await;
    let mut connection = SqliteConnection::connect(&sqlite).await.unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(sound, "ok");

    let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let url = server.make_database("crash").unwrap();
    rounds(&url).await;
    counts::rounds(&url).await;
    println!(
        "{KILLS} writers and {KILLS} counters killed on each backend: nothing half, nothing lost, nothing twice"
    );
}

async fn rounds(location: &str) {
    let mut whole = 0;
    for round in 0..KILLS {
        let answered = kill_one("write", location, round);
        let store = open(location).await;
        // Changes nothing, after whatever a server may still have under way.
        let nobody = Holder::subject("https://login.example", "nobody").unwrap();
        let nothing = Write::new(nobody, Edit::Undo, Name::parse("test").unwrap());
        assert_eq!(
            store.write(&nothing).await.unwrap_err(),
            StoreError::NothingToUndo
        );
        let stored = changes(&store).await;
        let added = stored.len() as u64 - whole;
        assert!(
            added == answered || added == answered + 1,
            "round {round}: {answered} writes were answered, {added} are stored"
        );
        let seqs: Vec<u64> = stored.iter().map(|change| change.seq).collect();
        assert_eq!(
            seqs,
            (1..=stored.len() as u64).collect::<Vec<_>>(),
            "round {round}"
        );
        for number in 0..HOLDERS {
            let holder = write(0, number).holder;
            let last = stored.iter().rfind(|change| change.holder == holder);
            let record = store.record(&holder).await.unwrap().record;
            let said = last.map(|change| change.after.clone()).unwrap_or_default();
            assert_eq!(
                record, said,
                "round {round}: a record is not what its last change says"
            );
        }
        // Whoever got no answer sends it again: it is done once.
        let again = store.write(&write(round, answered)).await.unwrap();
        assert_eq!(again.repeated, added == answered + 1, "round {round}");
        whole += answered + 1;
        assert_eq!(store.last_seq().await.unwrap(), whole);
        store.close().await;
    }
}

async fn changes(store: &Store) -> Vec<tollgate_store::Change> {
    let mut all: Vec<tollgate_store::Change> = Vec::new();
    loop {
        let seen = all.last().map_or(0, |change| change.seq);
        let more = store.changes_since(seen).await.unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// Starts a writer, kills it a moment after some answer, and says how many were answered.
fn kill_one(what: &str, location: &str, round: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([what, location, &round.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Moments spread over the time that a few writes take.
    let until = round % 4;
    let mut answered = 0;
    while answered <= until {
        lines.next().expect("the writer ended by itself").unwrap();
        answered += 1;
    }
    std::thread::sleep(Duration::from_micros(round * 397 % 6_000));
    child.kill().unwrap();
    child.wait().unwrap();
    answered
        + lines
            .map_while(Result::ok)
            .filter(|line| line.starts_with("answered"))
            .count() as u64
}
