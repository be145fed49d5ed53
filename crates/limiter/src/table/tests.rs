//! The table's own rules: one bucket a key, no eviction, no fresh bucket from the overflow.

use std::time::Duration;

use super::set::{SPAN, WAYS};
use super::*;
use crate::reading::Reading;
use crate::{KeyHasher, Limit};

/// Cells that the smallest table's keys can live in: all of its partition.
const CELLS: u64 = (SPAN * WAYS) as u64;

const HOUR: Duration = Duration::from_secs(3_600);

fn table(users: usize) -> Arc<Table> {
    Table::new(TableSize { users, networks: 1 }).unwrap()
}

fn key(n: u64) -> BucketKey {
    KeyHasher::with_key([1; 16]).hash(&n.to_le_bytes())
}

fn at(seconds: u64) -> Now {
    Now {
        mono: Nanos::from_secs(seconds),
        unix_ms: seconds * 1_000,
    }
}

/// What one request of `n` is told.
fn ask(table: &Arc<Table>, limit: &Arc<Registered>, n: u64, now: Now) -> Reading {
    let mut readings = [Reading::default()];
    let _ = table.decide(now, &[Check::new(key(n), limit)], &mut readings);
    readings[0]
}

/// Cells that hold the key of `n`.
fn cells_of(table: &Table, n: u64) -> usize {
    let address = table.address(key(n), Partition::Users);
    let in_set = |index: usize| {
        let set = Locked::new(table.sets(), index, Nanos(0));
        (0..WAYS)
            .filter(|way| set.name(*way) & set::TAG == address.tag)
            .count()
    };
    (address.home..=address.home + REACH).map(in_set).sum()
}

#[test]
fn sets_lie_on_cache_lines() {
    for users in [1, 10, 1_000] {
        let table = table(users);
        let first = table.sets().as_ptr().addr();
        assert_eq!(first % 128, 0);
        assert!(table.sets().len() >= table.set_count());
    }
}

#[test]
fn a_live_bucket_takes_less_than_28_bytes_of_memory() {
    let table = table(1_000_000);
    assert!(table.bytes() < 28 * 1_000_000, "{}", table.bytes());
}

#[test]
fn a_full_table_evicts_nobody_and_gives_newcomers_one_bucket_together() {
    let table = table(1);
    let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    let cells = CELLS;
    for n in 0..cells {
        assert!(ask(&table, &limit, n, at(0)).admitted());
    }
    assert_eq!(table.overflowed(), 0);
    let first = ask(&table, &limit, 1_000, at(0));
    assert!(first.admitted() && first.overflowed);
    for n in 1_001..1_200 {
        let shared = ask(&table, &limit, n, at(0));
        assert!(!shared.admitted() && shared.overflowed);
    }
    for n in 0..cells {
        assert!(
            !ask(&table, &limit, n, at(0)).admitted(),
            "nobody is forgiven"
        );
    }
    assert_eq!(table.overflowed(), 200);
}

#[test]
fn whoever_spent_from_the_overflow_bucket_finds_no_fresh_one_when_there_is_room() {
    let table = table(1);
    let short = table
        .register(&Limit::rate(1, Duration::from_secs(10), 1).unwrap())
        .unwrap();
    let long = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    for n in 0..CELLS {
        ask(&table, &short, n, at(0));
    }
    assert!(ask(&table, &long, 500, at(0)).overflowed);
    // There is room again, and this key takes some; what it spent is not forgotten.
    let own = ask(&table, &long, 500, at(11));
    assert!(!own.overflowed);
    assert_eq!(own.retry_after(), Some(Nanos::from_secs(3_600 - 11)));
    // Others of that home are held to the same, and are free when the overflow bucket is.
    assert!(!ask(&table, &long, 501, at(11)).admitted());
    assert!(ask(&table, &long, 501, at(3_600)).admitted());
}

#[test]
fn a_key_that_lives_behind_its_home_is_found_there_and_lives_nowhere_else() {
    let table = table(1);
    let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    for n in 0..CELLS {
        ask(&table, &limit, n, at(0));
    }
    // An hour later all may be reused; who comes back is found before anybody is replaced.
    for n in (0..CELLS).rev() {
        assert!(ask(&table, &limit, n, at(3_600)).admitted());
        assert!(!ask(&table, &limit, n, at(3_600)).admitted());
        assert_eq!(cells_of(&table, n), 1);
    }
    for n in 0..CELLS {
        assert!(!ask(&table, &limit, n, at(3_600)).admitted());
        assert_eq!(cells_of(&table, n), 1);
    }
}

#[test]
fn time_never_goes_back_for_a_bucket_not_even_for_one_that_was_replaced() {
    let table = table(1);
    let limit = table
        .register(&Limit::rate(1, Duration::from_secs(10), 1).unwrap())
        .unwrap();
    assert!(ask(&table, &limit, 0, at(100)).admitted());
    // At 110 s the cell of 0 may go to others, and it does.
    for n in 1..=CELLS {
        ask(&table, &limit, n, at(110));
    }
    // A reading of 101 s, late in coming, would have met a bucket that was spent until 110 s. The
    // cell is gone, and with it what it said: but not the time at which it was.
    let late = ask(&table, &limit, 500, at(101));
    assert!(!late.admitted() || late.full >= Nanos::from_secs(19));
    let waits = ask(&table, &limit, 1, at(101)).retry_after().unwrap();
    assert_eq!(waits, Nanos::from_secs(19));
}

#[test]
fn two_checks_of_one_bucket_are_both_charged_to_it() {
    let table = table(100);
    let limit = table.register(&Limit::rate(3, HOUR, 3).unwrap()).unwrap();
    let twice = [Check::new(key(1), &limit), Check::new(key(1), &limit)];
    let mut readings = [Reading::default(); 2];
    assert!(table.decide(at(0), &twice, &mut readings).admitted());
    assert_eq!(readings.map(|reading| reading.remaining), [2, 1]);
    assert!(!table.decide(at(0), &twice, &mut readings).admitted());
    assert_eq!(ask(&table, &limit, 1, at(0)).remaining, 0);
    assert_eq!(cells_of(&table, 1), 1);
}

#[test]
fn numbers_of_limits_are_reclaimed_when_nothing_counts_by_them() {
    let table = table(100);
    let kept = table.register(&Limit::concurrency(1).unwrap()).unwrap();
    let used = Limit::rate(1, HOUR, 1).unwrap();
    ask(&table, &table.register(&used).unwrap(), 1, at(0));
    for n in 2..LIMITS_MAX as u64 + 2_000 {
        table.register(&Limit::rate(n, HOUR, 1).unwrap()).unwrap();
    }
    // One that stands in a cell has kept its number, and its meaning.
    assert!(!ask(&table, &table.register(&used).unwrap(), 1, at(0)).admitted());
    assert!(Arc::ptr_eq(
        &kept,
        &table.register(&Limit::concurrency(1).unwrap()).unwrap()
    ));
    let held: Vec<_> = (2..)
        .map(|n| table.register(&Limit::rate(n, HOUR, 1).unwrap()))
        .take_while(Result::is_ok)
        .collect();
    assert_eq!(held.len(), LIMITS_MAX - 1);
    let more = table.register(&Limit::rate(1, HOUR, 77).unwrap());
    assert_eq!(more.unwrap_err(), TableError::TooManyLimits);
}

#[test]
fn a_table_that_does_not_fit_into_memory_is_an_error() {
    let size = TableSize {
        users: usize::MAX,
        networks: 1,
    };
    assert!(matches!(Table::new(size), Err(TableError::Memory { .. })));
}
