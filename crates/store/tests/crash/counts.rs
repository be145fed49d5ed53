//! Counters that are killed in the middle: units are lost with the batch that got no answer, or not at all,
//! and never gained.

use tollgate_store::{Batch, BatchWriter, Count, Counter, Holder, LimitName, Span, Store};

use crate::{KILLS, answered, kill_one, open};

/// Counters of each batch, so that it is some work.
const COUNTERS: u64 = 200;

fn counter(number: u64) -> Counter {
    let holder = Holder::account("https://login.example", &format!("account-{number}"));
    let limit = LimitName::parse("monthly").unwrap();
    let period = Span::new(0, Some(1_000)).unwrap();
    Counter::new(holder.unwrap(), limit, None, period).unwrap()
}

/// The child: one unit for each counter in every batch, every batch sent twice.
pub(crate) async fn count_for_ever(location: &str) {
    let store = open(location).await;
    let writer = BatchWriter::random().unwrap();
    for number in 0.. {
        let mut batch = Batch::new(writer, number + 1);
        for of in 0..COUNTERS {
            batch.add(counter(of), 1).unwrap();
        }
        store.add_counts(&batch).await.unwrap();
        store.add_counts(&batch).await.unwrap();
        answered(number);
    }
}

pub(crate) async fn rounds(location: &str) {
    let mut whole = 0;
    for round in 0..KILLS {
        let answered = kill_one("count", location, round);
        let store = open(location).await;
        // Adds nothing, after whatever a server may still have under way on these counters.
        let mut nothing = Batch::new(BatchWriter::random().unwrap(), 1);
        for of in 0..COUNTERS {
            nothing.add(counter(of), 0).unwrap();
        }
        store.add_counts(&nothing).await.unwrap();
        let counts = all(&store).await;
        let units = counts.first().map_or(0, |count| count.units);
        assert!(
            counts.iter().all(|count| count.units == units),
            "round {round}: half a batch"
        );
        let added = units - whole;
        assert!(
            added == answered || added == answered + 1,
            "round {round}: {answered} batches were answered, {added} are counted"
        );
        whole = units;
        store.close().await;
    }
}

async fn all(store: &Store) -> Vec<Count> {
    let counts = store.counts_after(None, 0).await.unwrap();
    assert!(counts.is_empty() || counts.len() as u64 == COUNTERS);
    counts
}
