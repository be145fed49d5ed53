//! Settling: what was charged too little is owed, wherever the bucket is by then.

use std::time::Duration;

use super::super::tests::{CELLS, HOUR, ask, at, key, table};
use super::*;
use crate::Limit;

/// Charged at the start.
fn charged(cost: u64, overflowed: bool) -> Charged {
    Charged {
        at: at(0),
        cost,
        overflowed,
    }
}

#[test]
fn who_was_only_looked_at_is_charged_afterwards() {
    let table = table(1);
    let limit = table.register(&Limit::rate(9, HOUR, 9).unwrap()).unwrap();
    let look = Check {
        cost: 0,
        ..Check::new(key(1), &limit)
    };
    let mut readings = [Reading::default()];
    assert!(table.decide(at(0), &[look], &mut readings).admitted());
    // The key has no cell yet, and gets one.
    let after = table.settle(at(0), look, charged(0, false), 5);
    assert_eq!((after.remaining, after.overflowed), (4, false));
    assert_eq!(ask(&table, &limit, 1, at(0)).remaining, 3);
}

#[test]
fn to_give_back_or_to_settle_nothing_takes_no_room() {
    let table = table(1);
    let limit = table.register(&Limit::rate(9, HOUR, 9).unwrap()).unwrap();
    for n in 0..CELLS {
        ask(&table, &limit, n, at(0));
    }
    let newcomer = Check::new(key(1_000), &limit);
    for actual in [0, 1] {
        let after = table.settle(at(0), newcomer, charged(1, false), actual);
        assert_eq!((after.remaining, after.overflowed), (9, false));
    }
    assert_eq!(table.overflowed(), 0);
    // What is owed goes where there is room: to the bucket that newcomers share.
    let after = table.settle(at(0), newcomer, charged(1, false), 3);
    assert_eq!((after.remaining, after.overflowed), (7, true));
    assert_eq!(table.overflowed(), 1);
}

#[test]
fn a_charge_in_the_shared_bucket_is_settled_there_at_the_time_that_it_has_seen() {
    let table = table(1);
    let rate = Limit::rate(1, Duration::from_secs(10), 1).unwrap();
    let limit = table.register(&rate).unwrap();
    let long = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    for n in 0..CELLS {
        ask(&table, &long, n, at(0));
    }
    assert!(ask(&table, &limit, 1_000, at(0)).overflowed);
    // Refused for ever, charged nothing: but the bucket has seen 20 s.
    let dear = Check {
        cost: 2,
        ..Check::new(key(1_001), &limit)
    };
    let mut readings = [Reading::default()];
    assert!(!table.decide(at(20), &[dear], &mut readings).admitted());
    // A clock that is behind settles a unit more: it is owed from 20 s on.
    let newcomer = Check::new(key(1_000), &limit);
    let after = table.settle(at(5), newcomer, charged(1, true), 2);
    assert_eq!((after.remaining, after.overflowed), (0, true));
    let next = ask(&table, &limit, 1_002, at(20));
    assert_eq!(next.retry_after(), Some(Nanos::from_secs(10)));
}

#[test]
fn nothing_is_settled_once_another_limit_counts() {
    let table = table(1);
    let before = table.register(&Limit::rate(10, HOUR, 10).unwrap()).unwrap();
    let after = table.register(&Limit::rate(20, HOUR, 20).unwrap()).unwrap();
    ask(&table, &before, 1, at(0));
    // One of ten is two of twenty, and one more.
    assert_eq!(ask(&table, &after, 1, at(0)).remaining, 17);
    for actual in [0, 8] {
        table.settle(
            at(0),
            Check::new(key(1), &before),
            charged(1, false),
            actual,
        );
    }
    assert_eq!(ask(&table, &after, 1, at(0)).remaining, 16);
}

fn monthly(max: u64) -> Limit {
    let calendar = crate::Calendar::new(crate::Period::Month, crate::jiff::tz::TimeZone::UTC);
    Limit::quota(max, calendar).unwrap()
}

#[test]
fn what_was_spent_is_given_back_as_far_as_there_is_any() {
    let table = table(1);
    let limits = [
        Limit::rate(1, HOUR, 10).unwrap(),
        Limit::window(10, HOUR).unwrap(),
        monthly(10),
    ];
    for (number, limit) in (1..).zip(&limits) {
        let limit = table.register(limit).unwrap();
        let check = Check::new(key(number), &limit);
        assert_eq!(table.give_back(at(0), check, 5).remaining, 10);
        for left in (4..10).rev() {
            assert_eq!(ask(&table, &limit, number, at(0)).remaining, left);
        }
        assert_eq!(table.give_back(at(0), check, 2).remaining, 6);
        assert_eq!(table.refill(at(0), check).remaining, 10);
        assert_eq!(ask(&table, &limit, number, at(0)).remaining, 9);
    }
}

#[test]
fn what_another_limit_counted_is_given_back_in_the_terms_of_today() {
    let table = table(1);
    let before = table.register(&monthly(10)).unwrap();
    let after = table.register(&monthly(100)).unwrap();
    for _ in 0..4 {
        ask(&table, &before, 1, at(0));
    }
    // Four of ten are forty of a hundred.
    let check = Check::new(key(1), &after);
    assert_eq!(table.give_back(at(0), check, 30).remaining, 90);
    assert_eq!(ask(&table, &after, 1, at(0)).remaining, 89);
}

#[test]
fn a_count_that_is_less_elsewhere_is_taken_as_it_is() {
    let table = table(1);
    let limit = table.register(&monthly(100)).unwrap();
    let check = Check::new(key(1), &limit);
    table.recall(at(0), check, Spent::AtLeast(60));
    assert_eq!(table.recall(at(0), check, Spent::Exactly(20)).remaining, 80);
    assert_eq!(table.recall(at(0), check, Spent::Exactly(0)).remaining, 100);
    assert_eq!(ask(&table, &limit, 1, at(0)).remaining, 99);
}

#[test]
fn a_quota_is_raised_to_what_is_known_elsewhere_and_never_lowered() {
    let table = table(1);
    let limit = table.register(&monthly(100)).unwrap();
    let check = Check::new(key(1), &limit);
    // A key that nobody counted yet gets a cell, unless there is nothing to remember.
    assert_eq!(table.recall(at(0), check, Spent::AtLeast(0)).remaining, 100);
    assert_eq!(table.recall(at(0), check, Spent::AtLeast(60)).remaining, 40);
    assert_eq!(ask(&table, &limit, 1, at(0)).remaining, 39);
    assert_eq!(table.recall(at(0), check, Spent::AtLeast(50)).remaining, 39);
    assert_eq!(table.recall(at(0), check, Spent::AtLeast(70)).remaining, 30);
    // Beyond the quota it is remembered, up to what a cell can hold.
    assert_eq!(
        table
            .recall(at(0), check, Spent::AtLeast(u64::MAX))
            .remaining,
        0
    );
    assert!(!ask(&table, &limit, 1, at(0)).admitted());
}

#[test]
fn other_limits_and_shared_buckets_are_not_raised() {
    let table = table(1);
    let rate = table.register(&Limit::rate(9, HOUR, 9).unwrap()).unwrap();
    for n in 0..CELLS {
        ask(&table, &rate, n, at(0));
    }
    assert_eq!(
        table
            .recall(at(0), Check::new(key(1), &rate), Spent::AtLeast(5))
            .remaining,
        8
    );
    let limit = table.register(&monthly(100)).unwrap();
    let newcomer = Check::new(key(1_000), &limit);
    let after = table.recall(at(0), newcomer, Spent::AtLeast(60));
    assert_eq!((after.remaining, after.overflowed), (100, true));
}

#[test]
fn a_bucket_that_another_limit_has_counted_since_is_not_raised() {
    let table = table(1);
    let (before, after) = (monthly(50), monthly(500));
    let before = table.register(&before).unwrap();
    let after = table.register(&after).unwrap();
    for _ in 0..40 {
        ask(&table, &before, 1, at(0));
    }
    assert_eq!(ask(&table, &after, 1, at(0)).remaining, 99);
    let late = Check {
        carry: crate::CarryOver::Reset,
        ..Check::new(key(1), &before)
    };
    table.recall(at(0), late, Spent::AtLeast(45));
    assert_eq!(ask(&table, &after, 1, at(0)).remaining, 98);
}
