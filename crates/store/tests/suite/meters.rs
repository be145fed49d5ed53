//! Meters: added once together with counts, added up, paged, forgotten.

use tollgate_store::{
    Added, Batch, BatchWriter, Caller, Counter, Holder, Issuer, LimitName, METER_PERIOD_MS, Meter,
    Metered, PlanName, Series, Span, Store, StoreError, Usage, Whose,
};

use crate::on_both;
use crate::support::{Place, START_MS, account, name, route, subject};

const ALWAYS_MS: u64 = 253_402_300_799_999;

fn series(of: &str, account: Option<&str>, on: Option<&str>) -> Series {
    Series {
        caller: Caller::Subject {
            issuer: Issuer::parse("https://login.example").unwrap(),
            subject: name(of),
            account: account.map(name),
        },
        plan: Some(PlanName::parse("pro").unwrap()),
        route: on.map(route),
    }
}

fn anonymous() -> Series {
    Series {
        caller: Caller::Anonymous,
        plan: None,
        route: None,
    }
}

fn usage(admitted: u64) -> Usage {
    Usage {
        admitted,
        limited: 2 * admitted,
        refused: 3 * admitted,
        bytes_in: 4 * admitted,
        bytes_out: 5 * admitted,
        cost_units: 6 * admitted,
    }
}

fn batch(writer: BatchWriter, number: u64, meters: &[(&Series, u64, u64)]) -> Batch {
    let mut batch = Batch::new(writer, number);
    for (series, at_ms, admitted) in meters {
        let meter = Meter::at((*series).clone(), *at_ms).unwrap();
        batch.meter(meter, &usage(*admitted)).unwrap();
    }
    batch
}

async fn all(store: &Store, whose: Whose<'_>, from_ms: u64, until_ms: u64) -> Vec<Metered> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = store.meters(whose, from_ms, until_ms, after).await.unwrap();
        all.extend(page.meters);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn sum(store: &Store, whose: Whose<'_>) -> Usage {
    let meters = all(store, whose, 0, ALWAYS_MS).await;
    let sum = |sum: Usage, one: &Metered| sum.plus(&one.usage);
    let added = meters.iter().fold(Usage::default(), sum);
    let routes = store.usage_by_route(whose, 0, ALWAYS_MS).await.unwrap();
    let routes = routes.iter().map(|(_, usage)| usage);
    assert_eq!(
        routes.fold(Usage::default(), |sum, one| sum.plus(one)),
        added
    );
    added
}

on_both! {
    async fn meters_add_up_and_count_once_however_often_they_are_sent(place: Place) {
        let store = place.open().await;
        let alice = series("it's \"alice\" \\ 😀", Some("acme"), Some("GET /orders/{id}"));
        let (bob, nobody) = (series("42", Some("acme"), None), anonymous());
        let writer = BatchWriter::random().unwrap();
        let later = START_MS + METER_PERIOD_MS;
        let first = batch(writer, 1, &[
            (&alice, START_MS, 5), (&bob, START_MS, 7), (&nobody, START_MS, 11),
            (&alice, START_MS, 1), (&alice, later, 100),
        ]);
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Now);
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Before);
        let second = batch(writer, 2, &[(&alice, START_MS, 10), (&bob, START_MS - METER_PERIOD_MS, 3)]);
        assert_eq!(store.add_counts(&second).await.unwrap(), Added::Now);
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Before);

        let holder = subject("it's \"alice\" \\ 😀");
        let meters = all(&store, Whose::Holder(&holder), 0, ALWAYS_MS).await;
        let expected = [(START_MS, 16), (later, 100)].map(|(at_ms, admitted)| Metered {
            meter: Meter::at(alice.clone(), at_ms).unwrap(),
            usage: usage(admitted),
        });
        assert_eq!(meters, expected);
        assert_eq!(meters[0].meter.series, alice);
        assert_eq!(sum(&store, Whose::Holder(&account("acme"))).await, usage(126));
        assert_eq!(sum(&store, Whose::Anonymous).await, usage(11));
        assert_eq!(sum(&store, Whose::Everybody).await, usage(137));
        // Names are those of one issuer, and of one kind.
        let other = Holder::subject("https://other.example", "42").unwrap();
        assert_eq!(sum(&store, Whose::Holder(&other)).await, usage(0));
        assert_eq!(sum(&store, Whose::Holder(&subject("acme"))).await, usage(0));
        let routes = store.usage_by_route(Whose::Everybody, 0, ALWAYS_MS).await.unwrap();
        assert_eq!(routes, [(None, usage(21)), (Some(route("GET /orders/{id}")), usage(116))]);
    }

    async fn a_span_has_the_periods_that_begin_in_it(place: Place) {
        let store = place.open().await;
        let alice = series("alice", None, None);
        let from_ms = START_MS - START_MS % METER_PERIOD_MS;
        let meters = [0, 1, 2, 3].map(|number| (&alice, from_ms + number * METER_PERIOD_MS, 10 + number));
        store.add_counts(&batch(BatchWriter::random().unwrap(), 1, &meters)).await.unwrap();
        let until_ms = from_ms + 3 * METER_PERIOD_MS;
        for (from_ms, until_ms, expected) in [
            (from_ms, until_ms, vec![10, 11, 12]),
            (from_ms + 1, until_ms + 1, vec![11, 12, 13]),
            (from_ms, from_ms, vec![]),
            (until_ms + 1, ALWAYS_MS, vec![]),
        ] {
            let found = all(&store, Whose::Everybody, from_ms, until_ms).await;
            let found: Vec<u64> = found.iter().map(|one| one.usage.admitted).collect();
            assert_eq!(found, expected);
        }
    }

    async fn counts_and_meters_of_one_batch_are_added_together_or_not_at_all(place: Place) {
        let store = place.open().await;
        let alice = series("alice", None, None);
        let period = Span::new(START_MS, Some(START_MS + 1)).unwrap();
        let monthly = LimitName::parse("monthly").unwrap();
        let counter = Counter::new(subject("alice"), monthly, None, period).unwrap();
        let writer = BatchWriter::random().unwrap();
        let mut both = batch(writer, 1, &[(&alice, START_MS, 1)]);
        both.add(counter.clone(), 1).unwrap();
        assert_eq!(store.add_counts(&both).await.unwrap(), Added::Now);
        assert_eq!(store.add_counts(&both).await.unwrap(), Added::Before);
        // More than can be stored: what comes before it in the transaction is undone.
        let mut too_much = batch(writer, 2, &[(&alice, START_MS, 1)]);
        too_much.add(counter.clone(), 1).unwrap();
        let limit = i64::MAX as u64;
        place.meddle("UPDATE meters SET admitted = 9223372036854775807").await;
        assert!(store.add_counts(&too_much).await.is_err());
        let counts = store.counts_of(&counter.holder, START_MS).await.unwrap();
        assert_eq!(counts[0].units, 1);
        assert_eq!(sum(&store, Whose::Everybody).await.admitted, limit);
    }

    async fn writers_at_once_lose_no_usage(place: Place) {
        const WRITERS: u64 = 5;
        const BATCHES: u64 = 15;
        let everyone: Vec<Series> = (0..40).map(|number| series(&format!("user-{number}"), None, None)).collect();
        let mut writers = Vec::new();
        for first in 0..WRITERS {
            let (store, everyone) = (place.open().await, everyone.clone());
            writers.push(tokio::spawn(async move {
                let writer = BatchWriter::random().unwrap();
                for number in 1..=BATCHES {
                    // Others meet them in another period, and in another order.
                    let meters: Vec<_> = (0..everyone.len()).map(|index| {
                        let of = &everyone[(index + first as usize * 7) % everyone.len()];
                        (of, START_MS + (number + first) % 3 * METER_PERIOD_MS, number)
                    }).collect();
                    let batch = batch(writer, number, &meters);
                    while let Err(error) = store.add_counts(&batch).await {
                        assert!(error.is_passing(), "{error}");
                    }
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let store = place.open().await;
        let each = WRITERS * BATCHES * (BATCHES + 1) / 2;
        assert_eq!(sum(&store, Whose::Everybody).await, usage(each * everyone.len() as u64));
        for number in 0..everyone.len() {
            let holder = subject(&format!("user-{number}"));
            assert_eq!(sum(&store, Whose::Holder(&holder)).await, usage(each));
        }
    }

    async fn all_meters_are_read_page_by_page(place: Place) {
        let store = place.open().await;
        let writer = BatchWriter::random().unwrap();
        let everyone: Vec<Series> = (0..3_000).map(|number| series(&format!("user-{number}"), None, None)).collect();
        for quarter in 0..4 {
            let meters: Vec<_> = everyone.iter().map(|of| (of, START_MS + quarter * METER_PERIOD_MS, 1)).collect();
            store.add_counts(&batch(writer, quarter + 1, &meters)).await.unwrap();
        }
        let meters = all(&store, Whose::Everybody, 0, ALWAYS_MS).await;
        assert_eq!(meters.len(), 12_000);
        let mut seen: Vec<_> = meters.iter().map(|one| one.meter.clone()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 12_000);
        // One series after the other, each by time.
        for of in meters.chunks(4) {
            assert!(of.windows(2).all(|two| two[0].meter.series == two[1].meter.series
                && two[0].meter.from_ms() < two[1].meter.from_ms()));
        }
        assert_eq!(sum(&store, Whose::Everybody).await, usage(12_000));
    }

    async fn what_is_old_is_forgotten_and_counted_anew_if_it_comes_again(place: Place) {
        let store = place.open().await;
        let writer = BatchWriter::random().unwrap();
        let (old, both) = (series("old", None, None), series("both", None, None));
        let now_ms = START_MS + METER_PERIOD_MS;
        let first = batch(writer, 1, &[(&old, START_MS, 1), (&both, START_MS, 10), (&both, now_ms, 100)]);
        store.add_counts(&first).await.unwrap();
        let began_ms = now_ms - now_ms % METER_PERIOD_MS;
        assert_eq!(store.forget_meters(0).await.unwrap(), 0);
        assert_eq!(store.forget_meters(began_ms - 1).await.unwrap(), 0);
        assert_eq!(store.forget_meters(began_ms).await.unwrap(), 2);
        assert_eq!(store.forget_meters(began_ms).await.unwrap(), 0);
        assert_eq!(sum(&store, Whose::Everybody).await, usage(100));
        let again = batch(writer, 2, &[(&old, now_ms, 1), (&both, START_MS, 10)]);
        store.add_counts(&again).await.unwrap();
        assert_eq!(sum(&store, Whose::Holder(&subject("old"))).await, usage(1));
        assert_eq!(sum(&store, Whose::Everybody).await, usage(111));
    }

    async fn what_was_changed_by_hand_is_told(place: Place) {
        let store = place.open().await;
        let alice = series("alice", None, None);
        store.add_counts(&batch(BatchWriter::random().unwrap(), 1, &[(&alice, START_MS, 1)])).await.unwrap();
        place.meddle("UPDATE meters SET limited = -1").await;
        let error = store.meters(Whose::Everybody, 0, ALWAYS_MS, None).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    }
}
