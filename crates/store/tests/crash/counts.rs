//! Counters that are killed in the middle: units are lost with the batch that got no answer, or not at all,
//! and never gained.

use tollgate_store::{
    Batch, BatchWriter, Caller, Count, Counter, Holder, Issuer, LimitName, Meter, Name, Series,
    Span, Store, Usage, Whose,
};

use crate::{KILLS, answered, kill_one, open};

/// Counters of each batch, so that it is some work.
const COUNTERS: u64 = 200;
const ONE: Usage = Usage {
    admitted: 1,
    limited: 0,
    refused: 0,
    bytes_in: 0,
    bytes_out: 0,
    cost_units: 1,
};

fn counter(number: u64) -> Counter {
    let holder = Holder::account("https://login.example", &format!("account-{number}"));
    let limit = LimitName::parse("monthly").unwrap();
    let period = Span::new(0, Some(1_000)).unwrap();
    Counter::new(holder.unwrap(), limit, None, period).unwrap()
}

fn meter(number: u64) -> Meter {
    let caller = Caller::Subject {
        issuer: Issuer::parse("https://login.example").unwrap(),
        subject: Name::parse(&format!("user-{number}")).unwrap(),
        account: None,
    };
    let (plan, route) = (None, None);
    Meter::at(
        Series {
            caller,
            plan,
            route,
        },
        0,
    )
    .unwrap()
}

/// The child: one unit and one request for each counter in every batch, every batch sent twice.
pub(crate) async fn count_for_ever(location: &str) {
    let store = open(location).await;
    let writer = BatchWriter::random().unwrap();
    for number in 0.. {
        let mut batch = Batch::new(writer, number + 1);
        for of in 0..COUNTERS {
            batch.add(counter(of), 1).unwrap();
            batch.meter(meter(of), &ONE).unwrap();
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
        assert!(
            metered(&store)
                .await
                .iter()
                .all(|usage| usage.admitted == units),
            "round {round}: counts and meters of different batches"
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

async fn metered(store: &Store) -> Vec<Usage> {
    let page = store.meters(Whose::Everybody, 0, 1, None).await.unwrap();
    assert!(page.meters.is_empty() || page.meters.len() as u64 == COUNTERS);
    page.meters.iter().map(|one| one.usage).collect()
}
