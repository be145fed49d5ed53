//! Files of logs: each line's usage is added once, whoever counts it, and however often.

use tollgate_store::{
    Added, Batch, BatchWriter, Caller, CountedLog, LogId, LogText, MARKS_BYTES_MAX, Meter, Series,
    Store, StoreError, Usage, Whose,
};

use crate::on_both;
use crate::support::{Place, START_MS};

fn text(text: &str) -> LogText {
    LogText::parse(text).unwrap()
}

fn log(fork: u32, lines: u64) -> CountedLog {
    CountedLog {
        id: LogId {
            source: text(""),
            head: text("of the first line"),
            fork,
        },
        lines,
        marks: format!("marks at {lines}"),
    }
}

/// Lines of a log, a request each.
fn batch(number: u64, writer: BatchWriter, before_lines: u64, after: CountedLog) -> Batch {
    let mut batch = Batch::new(writer, number);
    let series = Series {
        caller: Caller::Anonymous,
        plan: None,
        route: None,
    };
    let usage = Usage {
        admitted: after.lines - before_lines,
        ..Usage::default()
    };
    batch
        .meter(Meter::at(series, START_MS).unwrap(), &usage)
        .unwrap();
    batch.of_log(before_lines, after).unwrap();
    batch
}

async fn admitted(store: &Store) -> u64 {
    let page = store
        .meters(Whose::Everybody, 0, u64::MAX, None)
        .await
        .unwrap();
    page.meters.iter().map(|one| one.usage.admitted).sum()
}

on_both! {
    async fn a_log_is_taken_further_by_one_reader_at_a_time(place: Place) {
        let store = place.open().await;
        let (one, other) = (BatchWriter::random().unwrap(), BatchWriter::random().unwrap());
        let (source, head) = (text(""), text("of the first line"));
        let known = || store.counted_logs(&source, &head);
        assert!(known().await.unwrap().is_empty());
        let first = batch(1, one, 0, log(0, 10));
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Now);
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Before);
        // Who began at the same time, and who has gone on meanwhile.
        let begun = store.add_counts(&batch(1, other, 0, log(0, 20))).await;
        assert_eq!(begun.unwrap_err(), StoreError::CountedMeanwhile);
        assert_eq!(store.add_counts(&batch(2, one, 10, log(0, 15))).await.unwrap(), Added::Now);
        let gone_on = store.add_counts(&batch(1, other, 10, log(0, 20))).await;
        assert_eq!(gone_on.unwrap_err(), StoreError::CountedMeanwhile);
        assert_eq!(admitted(&store).await, 15);
        // What was refused is not taken for added when the same writer goes on.
        assert_eq!(store.add_counts(&batch(1, other, 15, log(0, 20))).await.unwrap(), Added::Now);
        assert_eq!(admitted(&store).await, 20);
        assert_eq!(known().await.unwrap(), [log(0, 20)]);

        assert_eq!(store.add_counts(&batch(2, other, 0, log(1, 3))).await.unwrap(), Added::Now);
        assert_eq!(known().await.unwrap(), [log(0, 20), log(1, 3)]);
        let elsewhere = store.counted_logs(&text("elsewhere"), &text("of the first line")).await;
        assert!(elsewhere.unwrap().is_empty());
    }

    async fn a_forgotten_log_leaves_its_usage(place: Place) {
        let store = place.open().await;
        store.add_counts(&batch(1, BatchWriter::random().unwrap(), 0, log(0, 10))).await.unwrap();
        assert_eq!(store.forget_logs(START_MS - 1).await.unwrap(), 0);
        assert_eq!(store.forget_logs(START_MS).await.unwrap(), 1);
        assert!(store.counted_logs(&text(""), &text("of the first line")).await.unwrap().is_empty());
        assert_eq!(admitted(&store).await, 10);
    }
}

#[test]
fn a_step_that_leads_nowhere_or_has_long_marks_is_refused() {
    let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
    assert!(batch.of_log(10, log(0, 10)).is_err());
    let long = CountedLog {
        marks: "m".repeat(MARKS_BYTES_MAX + 1),
        ..log(0, 10)
    };
    assert!(batch.of_log(0, long).is_err());
}
