//! The table's own rules: one bucket a key, no eviction, no fresh bucket from the overflow.

use std::time::Duration;

use super::set::{SPAN, WAYS};
use super::*;
use crate::reading::Reading;
use crate::{Calendar, KeyHasher, Limit, Period};

/// Cells that the smallest table's keys can live in: all of its partition.
pub(super) const CELLS: u64 = (SPAN * WAYS) as u64;

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

pub(super) fn table(users: usize) -> Arc<Table> {
    Table::new(TableSize { users, networks: 1 }).unwrap()
}

pub(super) fn key(n: u64) -> BucketKey {
    KeyHasher::with_key([1; 16]).hash(&n.to_le_bytes())
}

pub(super) fn at(seconds: u64) -> Now {
    Now {
        mono: Nanos::from_secs(seconds),
        unix_ms: seconds * 1_000,
    }
}

/// What one request of `n` is told.
pub(super) fn ask(table: &Arc<Table>, limit: &Arc<Registered>, n: u64, now: Now) -> Reading {
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
fn a_newcomer_takes_no_room_from_a_bucket_of_the_same_decision() {
    // Two limits of one user in one home: one has a cell that is vacant, the other has none. In
    // either order each gets a cell of its own, and is charged there.
    for first in [0, 1] {
        let table = table(1);
        let rate = table
            .register(&Limit::rate(10, Duration::from_secs(1), 10).unwrap())
            .unwrap();
        let quota = table
            .register(&Limit::rate(1, HOUR, 1_000).unwrap())
            .unwrap();
        ask(&table, &rate, 0, at(0));
        let mut checks = [Check::new(key(0), &rate), Check::new(key(1), &quota)];
        checks.rotate_left(first);
        for second in 1..=20 {
            let mut readings = [Reading::default(); 2];
            let verdict = table.decide(at(second), &checks, &mut readings);
            assert!(verdict.admitted());
            let left = [9, 1_000 - second];
            assert_eq!(
                readings.map(|reading| reading.remaining),
                [left[first], left[1 - first]]
            );
            assert_eq!((cells_of(&table, 0), cells_of(&table, 1)), (1, 1));
        }
    }
}

#[test]
fn whoever_drew_on_the_overflow_bucket_has_a_bucket_of_its_own_when_there_is_room() {
    let table = table(1);
    let short = table
        .register(&Limit::rate(1, Duration::from_secs(10), 1).unwrap())
        .unwrap();
    let long = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    for n in 0..CELLS {
        ask(&table, &short, n, at(0));
    }
    assert!(ask(&table, &long, 500, at(0)).overflowed);
    // What all keys together drew on it is one bucket's worth; nobody waits for it for an hour.
    let own = ask(&table, &long, 500, at(11));
    assert!(own.admitted() && !own.overflowed);
    assert!(!ask(&table, &long, 500, at(11)).admitted());
    assert!(ask(&table, &long, 501, at(11)).admitted());
}

#[test]
fn more_checks_than_readings_are_refused_and_nothing_is_charged() {
    let table = table(100);
    let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    let checks = [Check::new(key(1), &limit), Check::new(key(2), &limit)];
    assert!(!table.decide(at(0), &checks, &mut []).admitted());
    assert!(
        !table
            .decide(at(0), &checks, &mut [Reading::default()])
            .admitted()
    );
    assert!(!table.peek(at(0), &checks, &mut []));
    let many = [checks[0]; CHECKS_MAX + 1];
    let mut readings = [Reading::default(); CHECKS_MAX + 1];
    assert!(!table.decide(at(0), &many, &mut readings).admitted());
    assert!(table.decide(at(0), &checks, &mut readings).admitted());
    assert!(table.decide(at(0), &[], &mut []).admitted());
}

#[test]
fn a_lease_is_released_where_it_was_taken_also_from_an_overflow_bucket() {
    let table = table(1);
    let one = table.register(&Limit::concurrency(1).unwrap()).unwrap();
    let take = |n| {
        let mut readings = [Reading::default()];
        let verdict = table.decide(at(0), &[Check::new(key(n), &one)], &mut readings);
        (verdict, readings[0].overflowed)
    };
    let own: Vec<_> = (0..CELLS).map(take).collect();
    assert!(
        own.iter()
            .all(|(verdict, overflowed)| verdict.admitted() && !overflowed)
    );
    let (shared, overflowed) = take(500);
    assert!(shared.admitted() && overflowed);
    assert!(!take(501).0.admitted());
    drop(shared);
    assert!(take(501).0.admitted());
    assert!(!take(3).0.admitted());
    drop(own);
    assert!(take(3).0.admitted() && take(500).0.admitted());
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
    // What is held keeps its number; then there are no more.
    let held: Vec<_> = (2..)
        .map(|n| table.register(&Limit::rate(n, HOUR, 1).unwrap()))
        .take_while(Result::is_ok)
        .collect();
    assert_eq!(held.len(), LIMITS_MAX - 1);
    let more = || table.register(&Limit::rate(1, HOUR, 77).unwrap());
    assert_eq!(more().unwrap_err(), TableError::TooManyLimits);
    // The one in a cell goes when its bucket is full again, by the time that its set has seen.
    ask(&table, held[0].as_ref().unwrap(), 1, at(8_000));
    assert!(more().is_ok());
}

#[test]
fn limits_come_and_go_while_others_decide() {
    let table = table(100);
    let steady = table
        .register(&Limit::rate(1, HOUR, 1_000_000).unwrap())
        .unwrap();
    let deciding = std::sync::atomic::AtomicBool::new(true);
    let decided = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut decided = 0;
            while deciding.load(Ordering::Relaxed) {
                decided += u64::from(ask(&table, &steady, 1, at(0)).admitted());
                // A limit of another policy, held for one decision.
                let passing = Limit::rate(1, HOUR, 10 + decided % 50_000).unwrap();
                if let Ok(passing) = table.register(&passing) {
                    ask(&table, &passing, 2 + decided % 40, at(0));
                }
            }
            decided
        });
        for n in 2..4 * LIMITS_MAX as u64 {
            let _ = table.register(&Limit::rate(n, HOUR, 5).unwrap());
        }
        deciding.store(false, Ordering::Relaxed);
        worker.join().unwrap()
    });
    assert_eq!(
        ask(&table, &steady, 1, at(0)).remaining,
        1_000_000 - decided - 1
    );
}

#[test]
fn a_table_that_does_not_fit_into_memory_is_an_error() {
    let size = TableSize {
        users: usize::MAX,
        networks: 1,
    };
    assert!(matches!(Table::new(size), Err(TableError::Memory { .. })));
}

#[test]
fn any_number_of_checks_up_to_the_most_is_decided_in_a_table_that_is_full() {
    // Homes far apart, none with room: all that each key can reach is looked at.
    let table = table(10_000);
    let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    for n in 0..60_000 {
        ask(&table, &limit, n, at(0));
    }
    for count in 1..=CHECKS_MAX {
        let checks: Vec<_> = (0..count as u64)
            .map(|n| Check::new(key(1_000_000 + n), &limit))
            .collect();
        let mut readings = [Reading::default(); CHECKS_MAX];
        let verdict = table.decide(at(0), &checks, &mut readings[..count]);
        assert!(!verdict.admitted());
        for reading in &readings[..count] {
            assert!(reading.overflowed && !reading.admitted(), "{count} checks");
        }
    }
}

#[test]
fn as_many_checks_as_there_may_be_are_admitted_and_one_more_is_not() {
    let table = table(10_000);
    let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    let checks: Vec<_> = (0..=CHECKS_MAX as u64)
        .map(|n| Check::new(key(n), &limit))
        .collect();
    let mut readings = [Reading::default(); CHECKS_MAX + 1];
    assert!(!table.decide(at(0), &checks, &mut readings).admitted());
    let most = &checks[..CHECKS_MAX];
    assert!(
        !table
            .decide(at(0), most, &mut readings[1..CHECKS_MAX])
            .admitted()
    );
    assert!(table.decide(at(0), most, &mut readings).admitted());
    assert!(!table.decide(at(0), most, &mut readings).admitted());
}

#[test]
fn a_clock_that_is_behind_is_taken_for_what_the_set_has_seen() {
    let table = table(1);
    let rate = Limit::rate(1, Duration::from_secs(10), 1).unwrap();
    let limit = table.register(&rate).unwrap();
    assert!(ask(&table, &limit, 1, at(0)).admitted());
    assert!(ask(&table, &limit, 2, at(0)).admitted());
    assert!(!ask(&table, &limit, 1, at(5)).admitted());
    // The other of the same set comes again at 20 s, when the first bucket is full.
    assert!(ask(&table, &limit, 2, at(20)).admitted());
    let late = ask(&table, &limit, 1, at(5));
    assert!(late.admitted());
    // Its waits are told from the caller's clock: 10 s after what was seen.
    assert_eq!(late.full, Nanos::from_secs(25));
}

#[test]
fn one_bucket_under_two_limits_in_one_decision_is_carried_from_the_first_to_the_second() {
    let table = table(1);
    let small = table.register(&Limit::rate(10, HOUR, 10).unwrap()).unwrap();
    let large = table.register(&Limit::rate(1, HOUR, 100).unwrap()).unwrap();
    let checks = [
        Check {
            cost: 5,
            ..Check::new(key(1), &small)
        },
        Check::new(key(1), &large),
    ];
    let mut readings = [Reading::default(); 2];
    assert!(table.decide(at(0), &checks, &mut readings).admitted());
    // Half of ten is half of a hundred, of which the second takes one more.
    assert_eq!(readings.map(|reading| reading.remaining), [5, 49]);
}

#[test]
fn a_limit_that_admits_beside_one_that_does_not_still_says_that_it_is_shared() {
    let table = table(1);
    let narrow = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
    let wide = table.register(&Limit::rate(9, HOUR, 9).unwrap()).unwrap();
    for n in 0..CELLS {
        ask(&table, &narrow, n, at(0));
    }
    let checks = [Check::new(key(1_000), &wide), Check::new(key(0), &narrow)];
    let mut readings = [Reading::default(); 2];
    assert!(!table.decide(at(0), &checks, &mut readings).admitted());
    assert!(readings[0].admitted() && readings[0].overflowed);
    assert_eq!(readings[0].remaining, 9, "nothing is charged");
}

#[test]
fn a_quota_is_told_by_the_wall_clock_also_where_the_other_clock_is_behind() {
    let table = table(1);
    let calendar = Calendar::new(Period::Hour, jiff::tz::TimeZone::UTC);
    let quota = table.register(&Limit::quota(2, calendar).unwrap()).unwrap();
    ask(&table, &quota, 1, at(600));
    let behind = Now {
        mono: Nanos::from_secs(5),
        ..at(600)
    };
    assert_eq!(ask(&table, &quota, 1, behind).next, Nanos::from_secs(3_000));
}
