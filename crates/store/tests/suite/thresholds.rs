//! Thresholds when the quota becomes another in the middle of a period: told of each quota, and of one share once.

use tollgate_limiter::CarryOver::{self, AsIs, Keep, Reset};
use tollgate_store::{Batch, BatchWriter, Counter, LimitName, Notice, Span, Store, Summed};

use crate::on_both;
use crate::support::{Place, START_MS, subject};

const MONTH_MS: u64 = 30 * 86_400_000;

/// Units that are added of a quota, and what is told then: percent and quota.
type Step = (u64, u64, CarryOver, &'static [(u32, u64)]);

fn counter(name: &str) -> Counter {
    let limit = LimitName::parse("monthly").unwrap();
    let period = Span::new(START_MS, Some(START_MS + MONTH_MS)).unwrap();
    Counter::new(subject(name), limit, None, period).unwrap()
}

/// As the gateway does: a notice for each threshold that lies between what was before and what is now.
fn told(sums: &[Summed], thresholds: &[u32]) -> Vec<Notice> {
    let mut made = Vec::new();
    for sum in sums {
        let quota = sum.count.quota;
        for percent in thresholds {
            let threshold = quota * u64::from(*percent);
            if sum.before * 100 < threshold && threshold <= sum.count.units * 100 {
                let counter = sum.count.counter.clone();
                made.push(Notice::new(counter, *percent, quota, String::new()).unwrap());
            }
        }
    }
    made
}

async fn all(store: &Store) -> Vec<(u32, u64)> {
    let listed = store.notices_after(0, None, 100).await.unwrap();
    let told = listed.entries.iter();
    told.map(|one| (one.notice.threshold_percent, one.notice.quota))
        .collect()
}

/// Takes the steps one after the other, with what is told of thresholds at 75 and 90 percent.
async fn walk(place: &Place, steps: &[Step]) {
    let store = place.open().await;
    let writer = BatchWriter::random().unwrap();
    for (number, (units, quota, carry, expected)) in (1..).zip(steps) {
        let before = all(&store).await;
        let mut batch = Batch::new(writer, number);
        batch
            .add_of(counter("alice"), *units, *quota, *carry)
            .unwrap();
        store
            .add_and_tell(&batch, |sums| told(sums, &[75, 90]))
            .await
            .unwrap();
        let mut new = all(&store).await.split_off(before.len());
        new.sort_unstable();
        assert_eq!(new, *expected, "step {number}: {units} of {quota}");
    }
}

on_both! {
    async fn who_takes_units_along_is_told_of_the_larger_quota(place: Place) {
        walk(&place, &[
            (18, 20, AsIs, &[(75, 20), (90, 20)]),
            // 18 of 200, then 150.
            (0, 200, AsIs, &[]),
            (132, 200, AsIs, &[(75, 200)]),
            (30, 200, AsIs, &[(90, 200)]),
            // There and back: both were told.
            (0, 20, AsIs, &[]),
            (0, 200, AsIs, &[]),
            (170, 200, AsIs, &[]),
        ]).await;
    }

    async fn who_starts_anew_is_told_of_the_larger_quota(place: Place) {
        walk(&place, &[
            (15, 20, Reset, &[(75, 20)]),
            // The share was nothing in between, though both sides of one batch have it.
            (150, 200, Reset, &[(75, 200)]),
            (30, 200, Reset, &[(90, 200)]),
        ]).await;
    }

    async fn who_keeps_the_share_is_not_told_of_it_again(place: Place) {
        walk(&place, &[
            (15, 20, Keep, &[(75, 20)]),
            (0, 200, Keep, &[]),
            (5, 2_000, Keep, &[]),
            (300, 2_000, Keep, &[(90, 2_000)]),
            (0, 20, Keep, &[]),
        ]).await;
    }

    async fn who_keeps_a_share_that_fell_meanwhile_is_told_when_it_is_reached_again(place: Place) {
        walk(&place, &[(15, 20, Keep, &[(75, 20)])]).await;
        let store = place.open().await;
        let mut back = Batch::new(BatchWriter::random().unwrap(), 1);
        back.add_of(counter("alice"), 10, 20, Keep).unwrap();
        store.give_back(&back).await.unwrap();
        // Of the same quota it was told; of another one it was not.
        walk(&place, &[(10, 20, Keep, &[])]).await;
        let mut back = Batch::new(BatchWriter::random().unwrap(), 1);
        back.add_of(counter("alice"), 10, 20, Keep).unwrap();
        store.give_back(&back).await.unwrap();
        walk(&place, &[(0, 200, Keep, &[]), (100, 200, Keep, &[(75, 200)])]).await;
    }

    async fn a_smaller_quota_tells_what_its_share_reached_by_it(place: Place) {
        walk(&place, &[
            (15, 200, AsIs, &[]),
            (0, 20, AsIs, &[(75, 20)]),
            // 75 percent was told and is still reached, 90 was not.
            (0, 16, AsIs, &[(90, 16)]),
        ]).await;
    }

    async fn a_threshold_that_only_the_new_limit_has_is_told_of_a_share_that_was_kept(place: Place) {
        let store = place.open().await;
        let writer = BatchWriter::random().unwrap();
        for (number, quota, thresholds) in [(1, 20, [90, 95]), (2, 200, [75, 90])] {
            let mut batch = Batch::new(writer, number);
            batch.add_of(counter("alice"), if number == 1 { 16 } else { 0 }, quota, Keep).unwrap();
            store.add_and_tell(&batch, |sums| told(sums, &thresholds)).await.unwrap();
        }
        assert_eq!(all(&store).await, [(75, 200)]);
    }
}
