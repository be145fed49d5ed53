//! The feed: everything, in order, soon, whatever happens to connections.

use std::time::{Duration, Instant};

use tollgate_store::{CALL_WAIT_MAX, Change, Feed, StoreError, Write};

use crate::on_both;
use crate::support::{Place, assign, clock, database, run, started, subject, write};

/// How soon every instance must know.
const SOON: Duration = Duration::from_secs(1);
/// How often that is measured; the median counts, for a machine that does much else stands still now and then.
const TIMES: u64 = 5;
/// A call's bound, and what a busy machine adds to it.
const BOUND: Duration = CALL_WAIT_MAX.saturating_add(Duration::from_secs(25));
/// Long enough for a machine that does much else; what is measured is printed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads until `count` changes have come.
async fn read(feed: &mut Feed, count: usize) -> Vec<Change> {
    let mut all = Vec::new();
    let reading = async {
        while all.len() < count {
            all.extend(feed.next().await.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    all
}

on_both! {
    async fn another_instance_knows_within_a_second(place: Place) {
        let (writer, reader) = (place.open().await, place.open().await);
        let mut feed = reader.feed(0);
        let mut took = Vec::new();
        for number in 1..=TIMES {
            let waiting = tokio::spawn(async move {
                let change = read(&mut feed, 1).await.remove(0);
                (feed, change, Instant::now())
            });
            // Let it wait first.
            tokio::time::sleep(Duration::from_millis(600)).await;
            let edit = assign(&format!("plan-{number}"));
            let written = writer.write(&write(&subject("alice"), edit)).await.unwrap();
            let done = Instant::now();
            let (back, change, known) = waiting.await.unwrap();
            feed = back;
            took.push(known.saturating_duration_since(done));
            assert_eq!(change, written.change);
            assert_eq!(feed.seen(), number);
        }
        took.sort_unstable();
        println!("known after {took:?}");
        assert!(took[took.len() / 2] < SOON, "{took:?}");
        let waits = tokio::time::timeout(Duration::from_millis(300), feed.next()).await;
        assert!(waits.is_err(), "nothing comes twice");
    }

    async fn a_reader_beside_many_writers_misses_nothing(place: Place) {
        const WRITERS: usize = 8;
        const EACH: usize = 40;
        let mut feed = place.open().await.feed(0);
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            // An instance of its own, with connections of its own.
            let store = place.open().await;
            writers.push(tokio::spawn(async move {
                for turn in 0..EACH {
                    let holder = subject(&format!("user-{}", (number + turn) % 5));
                    let edit = assign(&format!("plan-{number}-{turn}"));
                    loop {
                        match store.write(&write(&holder, edit.clone())).await {
                            Ok(_) => break,
                            Err(error) if error.is_passing() => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            }));
        }
        let mut seen: Vec<u64> = Vec::new();
        while seen.len() < WRITERS * EACH {
            let changes = tokio::time::timeout(PATIENCE, feed.next()).await.unwrap().unwrap();
            seen.extend(changes.iter().map(|change| change.seq));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let all: Vec<u64> = (1..).take(seen.len()).collect();
        assert_eq!(seen, all, "a gap, a repetition, or out of order");
    }

    async fn more_changes_than_one_call_gives_come_in_turn(place: Place) {
        let store = place.open().await;
        for number in 0..1_100 {
            let holder = subject(&format!("user-{}", number % 7));
            store.write(&write(&holder, assign("p"))).await.unwrap();
        }
        let mut feed = store.feed(50);
        assert_eq!(feed.next().await.unwrap().len(), 1_000);
        assert_eq!(feed.next().await.unwrap().len(), 50);
        assert_eq!(feed.seen(), 1_100);
    }
}

/// A writer that took its number first and commits last: the classic hole of sequences.
#[test]
fn a_number_is_never_visible_before_a_smaller_one() {
    run(async {
        let place = Place::postgres();
        let store = place.open().await;
        let url = place.url();
        let mut slow = psql(&url);
        slow.run("BEGIN; UPDATE feed SET seq = seq + 1 WHERE one = 1; SELECT 'taken';");
        slow.wait_for("taken");
        let fast = tokio::spawn({
            let store = store.clone();
            async move { store.write(&write(&subject("fast"), assign("p"))).await }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!fast.is_finished(), "it waits for the one before");
        assert!(store.changes_since(0).await.unwrap().is_empty());
        slow.run("ROLLBACK;");
        let written = fast.await.unwrap().unwrap();
        assert_eq!(
            written.change.seq, 1,
            "what was rolled back has used no number"
        );
    });
}

/// A writer that stops in the middle must not hold up the others for ever.
#[test]
fn a_writer_that_hangs_holds_up_others_for_a_bounded_time() {
    run(async {
        let place = Place::postgres();
        let store = place.open().await;
        let mut slow = psql(&place.url());
        slow.run("BEGIN; UPDATE feed SET seq = seq + 1 WHERE one = 1; SELECT 'taken';");
        slow.wait_for("taken");
        let start = Instant::now();
        let error = store
            .write(&write(&subject("fast"), assign("p")))
            .await
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Busy { .. } | StoreError::TimedOut { .. }),
            "{error}"
        );
        assert!(error.is_passing() && start.elapsed() < BOUND);
        drop(slow);
        let retried = loop {
            match store.write(&write(&subject("fast"), assign("p"))).await {
                Ok(written) => break written,
                Err(error) => assert!(error.is_passing(), "{error}"),
            }
            assert!(start.elapsed() < PATIENCE);
        };
        assert_eq!(retried.change.seq, 1);
    });
}

#[test]
fn a_feed_goes_on_where_it_was_after_the_server_was_away() {
    run(async {
        let mut server = started();
        let location = database(&server, "away");
        let open = || tollgate_store::Store::open(&location, clock());
        let (writer, reader) = (open().await.unwrap(), open().await.unwrap());
        let mut feed = reader.feed(0);
        writer
            .write(&write(&subject("a"), assign("p")))
            .await
            .unwrap();
        assert_eq!(read(&mut feed, 1).await[0].seq, 1);
        server.go_down();
        let start = Instant::now();
        let error = feed.next().await.unwrap_err();
        assert!(error.is_passing() && start.elapsed() < BOUND, "{error}");
        server.come_up().unwrap();
        // Written before the reader is back: no notification of it can reach it.
        written_at_last(&writer, &write(&subject("b"), assign("p"))).await;
        let change = loop {
            match feed.next().await {
                Ok(changes) => break changes,
                Err(error) => assert!(error.is_passing(), "{error}"),
            }
            assert!(start.elapsed() < PATIENCE);
        };
        assert_eq!((change.len(), change[0].seq), (1, 2));
        written_at_last(&writer, &write(&subject("c"), assign("p"))).await;
        assert_eq!(read(&mut feed, 1).await[0].seq, 3);
    });
}

async fn written_at_last(store: &tollgate_store::Store, write: &Write) {
    let start = Instant::now();
    while let Err(error) = store.write(write).await {
        assert!(error.is_passing() && start.elapsed() < PATIENCE, "{error}");
    }
}

/// A client that is not ours, in a transaction of its own.
fn psql(url: &str) -> crate::support::Psql {
    crate::support::Psql::connect(url)
}
