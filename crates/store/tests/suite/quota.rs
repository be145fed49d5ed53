//! Counts of quotas: added once, by several, read, forgotten.

use tollgate_store::{Added, Batch, BatchWriter, Count, Counter, Holder, LimitName, Span, Store};

use crate::on_both;
use crate::support::{Place, START_MS, account, route, subject};

const MONTH_MS: u64 = 30 * 86_400_000;

fn counter(holder: Holder, limit: &str, of: Option<&str>, from_ms: u64) -> Counter {
    let limit = LimitName::parse(limit).unwrap();
    let period = Span::new(from_ms, Some(from_ms + MONTH_MS)).unwrap();
    Counter::new(holder, limit, of.map(route), period).unwrap()
}

fn batch(writer: BatchWriter, number: u64, units: &[(&Counter, u64)]) -> Batch {
    let mut batch = Batch::new(writer, number);
    for (counter, units) in units {
        batch.add((*counter).clone(), *units).unwrap();
    }
    batch
}

async fn units(store: &Store, counter: &Counter, at_ms: u64) -> u64 {
    let counts = store.counts_of(&counter.holder, at_ms).await.unwrap();
    let found = counts.iter().find(|count| count.counter == *counter);
    found.map_or(0, |count| count.units)
}

async fn units_of(store: &Store, counter: &Counter) -> u64 {
    units(store, counter, START_MS).await
}

on_both! {
    async fn a_batch_counts_once_however_often_it_is_sent(place: Place) {
        let store = place.open().await;
        let alice = counter(subject("it's \"alice\" \\ 😀"), "monthly", None, START_MS);
        let orders = counter(account("acme"), "monthly", Some("GET /orders/{id}"), START_MS);
        let writer = BatchWriter::random().unwrap();
        let first = batch(writer, 1, &[(&alice, 5), (&orders, 7), (&alice, 1)]);
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Now);
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Before);
        assert_eq!(units(&store, &alice, START_MS).await, 6);
        let second = batch(writer, 2, &[(&alice, 10)]);
        assert_eq!(store.add_counts(&second).await.unwrap(), Added::Now);
        // One that was on its way for long.
        assert_eq!(store.add_counts(&first).await.unwrap(), Added::Before);
        let other = batch(BatchWriter::random().unwrap(), 1, &[(&alice, 100)]);
        assert_eq!(store.add_counts(&other).await.unwrap(), Added::Now);
        assert_eq!(units(&store, &alice, START_MS).await, 116);
        assert_eq!(units(&store, &orders, START_MS).await, 7);
        assert_eq!(store.add_counts(&Batch::new(writer, 3)).await.unwrap(), Added::Now);
    }

    async fn what_was_counted_is_carried_over_when_the_quota_becomes_another(place: Place) {
        use tollgate_limiter::CarryOver::{AsIs, Keep, Reset};
        let store = place.open().await;
        let alice = counter(subject("alice"), "monthly", None, START_MS);
        let bob = counter(subject("bob"), "monthly", None, START_MS);
        let writer = BatchWriter::random().unwrap();
        let mut number = 0;
        for (units, quota, carry, sum) in [
            (500, 1_000, Keep, 500),
            (10, 10_000, Keep, 5_010),
            // Rounded up: 5,010 of 10,000 is 1.503 of 3.
            (0, 3, Keep, 2),
            (7, 100, AsIs, 9),
            (0, 5, AsIs, 5),
            (1, 1_000, Reset, 1),
            (1, 1_000, Reset, 2),
        ] {
            number += 1;
            let mut batch = Batch::new(writer, number);
            batch.add_of(alice.clone(), units, quota, carry).unwrap();
            batch.add(bob.clone(), 1).unwrap();
            let sums = store.add_and_sum(&batch).await.unwrap().unwrap();
            let of = |counter: &Counter| sums.iter().find(|count| count.counter == *counter).unwrap().units;
            assert_eq!((of(&alice), of(&bob)), (sum, number), "{units} of {quota}");
            assert_eq!(units_of(&store, &alice).await, sum);
            assert_eq!(store.add_and_sum(&batch).await.unwrap(), None);
        }
    }

    async fn writers_of_two_quotas_at_once_carry_over_what_the_other_added(place: Place) {
        use tollgate_limiter::CarryOver::Keep;
        let stores = [place.open().await, place.open().await];
        for number in 0..20 {
            let name = format!("user-{number}");
            let alice = counter(subject(&name), "monthly", None, START_MS);
            let add = async |store: &Store, units, quota| {
                let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
                batch.add_of(alice.clone(), units, quota, Keep).unwrap();
                store.add_and_sum(&batch).await.unwrap().unwrap()
            };
            add(&stores[0], 40, 50).await;
            tokio::join!(add(&stores[0], 5, 500), add(&stores[1], 5, 50));
            // 405 of 500, of which 41 of 50 and 5 more; or 45 of 50, of which 450 of 500 and 5 more.
            let sum = units_of(&stores[0], &alice).await;
            assert!([46, 455].contains(&sum), "{sum}");
        }
    }

    async fn a_notice_is_made_with_its_count_or_not_at_all(place: Place) {
        use tollgate_store::{Notice, Summed};
        let store = place.open().await;
        let alice = counter(subject("alice"), "monthly", None, START_MS);
        let told = |sums: &[Summed]| -> Vec<Notice> {
            let notice = |sum: &Summed| Notice::new(sum.count.counter.clone(), 75, 100, format!("{}", sum.before));
            sums.iter().map(|sum| notice(sum).unwrap()).collect()
        };
        let writer = BatchWriter::random().unwrap();
        let first = batch(writer, 1, &[(&alice, 70)]);
        store.add_and_sum(&first).await.unwrap();
        let second = batch(writer, 2, &[(&alice, 10)]);
        assert!(store.add_and_tell(&second, told).await.unwrap().is_some());
        // Sent again, it makes nothing again.
        assert!(store.add_and_tell(&second, told).await.unwrap().is_none());
        let channels = [tollgate_store::Channel::Stdout];
        assert_eq!(store.hand_out_notices(&channels).await.unwrap(), 1);
        let lease = std::time::Duration::from_secs(60);
        let taken = store.take_notices(channels[0], 10, lease).await.unwrap().notices;
        let bodies: Vec<_> = taken.iter().map(|due| due.notice.body()).collect();
        assert_eq!(bodies, ["70"]);
    }

    async fn a_period_that_became_longer_goes_on_under_its_new_end(place: Place) {
        let store = place.open().await;
        let limit = || LimitName::parse("quota").unwrap();
        let of = |until_ms| {
            let period = Span::new(START_MS, Some(START_MS + until_ms)).unwrap();
            Counter::new(subject("alice"), limit(), None, period).unwrap()
        };
        let (day, month) = (of(86_400_000), of(MONTH_MS));
        let writer = BatchWriter::random().unwrap();
        for (number, counter, quota, sum) in [(1, &day, 10, 5), (2, &month, 100, 55)] {
            let mut batch = Batch::new(writer, number);
            batch.add_of(counter.clone(), 5, quota, tollgate_limiter::CarryOver::Keep).unwrap();
            let sums = store.add_and_sum(&batch).await.unwrap().unwrap();
            assert_eq!(sums, [Count { counter: counter.clone(), units: sum, quota, given_back: 0 }]);
        }
    }

    async fn a_subject_has_a_count_in_each_of_its_accounts(place: Place) {
        let store = place.open().await;
        let of = |account: Option<&str>| {
            let account = account.map(|account| tollgate_store::Name::parse(account).unwrap());
            counter(subject("alice"), "monthly", None, START_MS).in_account(account)
        };
        let all = [of(None), of(Some("acme")), of(Some("beta"))];
        let writer = BatchWriter::random().unwrap();
        store.add_counts(&batch(writer, 1, &[(&all[0], 1), (&all[1], 2), (&all[2], 3)])).await.unwrap();
        let counts = store.counts_of(&subject("alice"), START_MS).await.unwrap();
        let found: Vec<_> = counts.into_iter().map(|count| (count.counter, count.units)).collect();
        assert_eq!(found, all.clone().into_iter().zip([1, 2, 3]).collect::<Vec<_>>());
        let after = store.counts_after(Some(&all[1]), START_MS).await.unwrap();
        assert_eq!(after, [Count { counter: all[2].clone(), units: 3, quota: 0, given_back: 0 }]);
    }

    async fn what_is_given_back_is_less_once_and_everybody_can_see_that(place: Place) {
        let store = place.open().await;
        let monthly = counter(subject("alice"), "monthly", None, START_MS);
        let keep = tollgate_limiter::CarryOver::Keep;
        let of = |units, quota| {
            let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
            batch.add_of(monthly.clone(), units, quota, keep).unwrap();
            batch
        };
        let given = store.give_back(&of(1, 100)).await.unwrap();
        assert_eq!(given, Some(Vec::new()), "nothing is counted");
        store.add_counts(&of(70, 100)).await.unwrap();
        let counted = |units, quota, given_back| {
            Some(vec![Count { counter: monthly.clone(), units, quota, given_back }])
        };
        let some = of(30, 100);
        assert_eq!(store.give_back(&some).await.unwrap(), counted(40, 100, 1));
        assert_eq!(store.give_back(&some).await.unwrap(), None, "sent again");
        // In terms of the quota of today: 40 of 100 are 4 of 10.
        assert_eq!(store.give_back(&of(1, 10)).await.unwrap(), counted(3, 10, 2));
        let all = tollgate_store::UNITS_PER_BATCH_MAX;
        assert_eq!(store.give_back(&of(all, 10)).await.unwrap(), counted(0, 10, 3));
        let sums = store.add_and_sum(&of(2, 10)).await.unwrap();
        assert_eq!(sums, counted(2, 10, 3));
    }

    async fn periods_are_counted_apart(place: Place) {
        let store = place.open().await;
        let this = counter(subject("alice"), "monthly", None, START_MS);
        let next = counter(subject("alice"), "monthly", None, START_MS + MONTH_MS);
        let both = batch(BatchWriter::random().unwrap(), 1, &[(&this, 3), (&next, 4)]);
        store.add_counts(&both).await.unwrap();
        let of = |at_ms| store.counts_of(&this.holder, at_ms);
        assert!(of(START_MS - 1).await.unwrap().is_empty());
        let last = of(START_MS + MONTH_MS - 1).await.unwrap();
        assert_eq!(last, [Count { counter: this.clone(), units: 3, quota: 0, given_back: 0 }]);
        assert_eq!(of(START_MS + MONTH_MS).await.unwrap()[0].units, 4);

        assert_eq!(store.forget_counts(START_MS + MONTH_MS).await.unwrap(), 1);
        assert_eq!(store.forget_counts(START_MS + MONTH_MS).await.unwrap(), 0);
        assert_eq!(units(&store, &next, START_MS + MONTH_MS).await, 4);
    }

    async fn writers_at_once_lose_no_unit(place: Place) {
        const WRITERS: u64 = 6;
        const BATCHES: u64 = 20;
        let counters: Vec<Counter> = (0..50)
            .map(|number| counter(subject(&format!("user-{number}")), "monthly", None, START_MS))
            .collect();
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let (store, counters) = (place.open().await, counters.clone());
            writers.push(tokio::spawn(async move {
                let writer = BatchWriter::random().unwrap();
                for number in 1..=BATCHES {
                    let all: Vec<_> = counters.iter().rev().map(|counter| (counter, number)).collect();
                    let batch = batch(writer, number, &all);
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
        for counter in &counters {
            assert_eq!(units(&store, counter, START_MS).await, each);
        }
    }

    async fn all_counts_are_read_page_by_page(place: Place) {
        let store = place.open().await;
        let writer = BatchWriter::random().unwrap();
        let mut large = Batch::new(writer, 1);
        for number in 0..10_000 {
            let holder = subject(&format!("user-{number:05}"));
            large.add(counter(holder, "monthly", None, START_MS), number + 1).unwrap();
        }
        store.add_counts(&large).await.unwrap();
        let past = counter(subject("past"), "monthly", None, START_MS - MONTH_MS);
        let on_route = counter(subject("user-00000"), "monthly", Some("GET /a"), START_MS);
        let more = batch(writer, 2, &[(&past, 1), (&on_route, 1)]);
        store.add_counts(&more).await.unwrap();
        let mut all: Vec<Count> = Vec::new();
        loop {
            let last = all.last().map(|count| count.counter.clone());
            let page = store.counts_after(last.as_ref(), START_MS).await.unwrap();
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        assert_eq!(all.len(), 10_001);
        let sum: u64 = all.iter().map(|count| count.units).sum();
        assert_eq!(sum, 10_000 * 10_001 / 2 + 1);
    }
}
