//! The table under loom: every interleaving of a few threads, up to a bound on preemptions.
//!
//! `cargo xtask loom`: RUSTFLAGS="--cfg loom" cargo test -p tollgate-limiter --release --test loom,
//! with a target folder of its own.

#![cfg(loom)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::sync::Arc;
use std::time::Duration;

use loom::thread;
use tollgate_limiter::{
    BucketKey, Charged, Check, Limit, Nanos, Now, Reading, Registered, Table, TableSize,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Cells that a key may live in: under loom, those of its home and of one set behind it.
const CELLS: u64 = 14;

/// Explores with at most four preemptions: enough for any two critical sections to meet.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(4);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// The smallest table: one home a partition and the sets behind it.
fn table() -> Arc<Table> {
    Table::new(TableSize {
        users: 1,
        networks: 1,
    })
    .unwrap()
}

/// Keys of one home that differ in the bits that are stored.
fn key(n: u64) -> BucketKey {
    BucketKey(n + 1)
}

fn at(seconds: u64) -> Now {
    Now {
        mono: Nanos::from_secs(seconds),
        unix_ms: 0,
    }
}

fn ask(table: &Arc<Table>, limit: &Arc<Registered>, n: u64, now: Now) -> bool {
    let mut reading = [Reading::default()];
    let verdict = table.decide(now, &[Check::new(key(n), limit)], &mut reading);
    let admitted = verdict.admitted();
    std::mem::forget(verdict);
    admitted
}

fn left(table: &Arc<Table>, limit: &Arc<Registered>, n: u64) -> u64 {
    let mut reading = [Reading::default()];
    let look = Check {
        cost: 0,
        ..Check::new(key(n), limit)
    };
    table.peek(at(0), &[look], &mut reading);
    reading[0].remaining
}

#[test]
fn two_threads_share_a_bucket_that_neither_has_seen() {
    explore(|| {
        let table = table();
        let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
        let other = {
            let (table, limit) = (table.clone(), limit.clone());
            thread::spawn(move || ask(&table, &limit, 1, at(0)))
        };
        let own = ask(&table, &limit, 1, at(0));
        assert!(own ^ other.join().unwrap(), "exactly one is admitted");
    });
}

#[test]
fn two_newcomers_take_two_cells() {
    explore(|| {
        let table = table();
        let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
        let other = {
            let (table, limit) = (table.clone(), limit.clone());
            thread::spawn(move || ask(&table, &limit, 1, at(0)))
        };
        assert!(ask(&table, &limit, 2, at(0)));
        assert!(other.join().unwrap());
        // Neither has overwritten the other.
        assert_eq!((left(&table, &limit, 1), left(&table, &limit, 2)), (0, 0));
    });
}

#[test]
fn the_last_cell_of_a_set_goes_to_one_and_the_other_lives_behind_it() {
    explore(|| {
        let table = table();
        let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
        for n in 10..16 {
            assert!(ask(&table, &limit, n, at(0)));
        }
        let other = {
            let (table, limit) = (table.clone(), limit.clone());
            thread::spawn(move || {
                let first = ask(&table, &limit, 1, at(0));
                (first, ask(&table, &limit, 1, at(0)))
            })
        };
        assert!(ask(&table, &limit, 2, at(0)));
        assert!(!ask(&table, &limit, 2, at(0)));
        assert_eq!(other.join().unwrap(), (true, false));
    });
}

#[test]
fn a_bucket_that_is_full_again_is_reused_by_one_and_found_by_its_own_key() {
    explore(|| {
        let table = table();
        let limit = table
            .register(&Limit::rate(1, Duration::from_secs(10), 1).unwrap())
            .unwrap();
        for n in 10..10 + CELLS {
            assert!(ask(&table, &limit, n, at(0)));
        }
        // All cells are taken, and all may be reused from 10 s on.
        let other = {
            let (table, limit) = (table.clone(), limit.clone());
            thread::spawn(move || ask(&table, &limit, 10, at(10)))
        };
        let newcomer = ask(&table, &limit, 1, at(10));
        assert!(newcomer && other.join().unwrap());
        assert!(!ask(&table, &limit, 1, at(10)));
        assert!(!ask(&table, &limit, 10, at(10)));
    });
}

#[test]
fn two_buckets_in_opposite_orders_are_charged_together_or_not_at_all() {
    explore(|| {
        let table = table();
        let wide = table.register(&Limit::rate(1, HOUR, 5).unwrap()).unwrap();
        let narrow = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
        let decide = |table: &Arc<Table>, checks: &[Check<'_>]| {
            let mut readings = [Reading::default(); 2];
            table.decide(at(0), checks, &mut readings).admitted()
        };
        let other = {
            let (table, wide, narrow) = (table.clone(), wide.clone(), narrow.clone());
            thread::spawn(move || {
                let checks = [Check::new(key(1), &narrow), Check::new(key(2), &wide)];
                decide(&table, &checks)
            })
        };
        let checks = [Check::new(key(2), &wide), Check::new(key(1), &narrow)];
        let own = decide(&table, &checks);
        assert!(own ^ other.join().unwrap());
        assert_eq!((left(&table, &wide, 2), left(&table, &narrow, 1)), (4, 0));
    });
}

#[test]
fn an_overflow_bucket_is_one_bucket() {
    explore(|| {
        let table = table();
        let limit = table.register(&Limit::rate(1, HOUR, 1).unwrap()).unwrap();
        for n in 10..10 + CELLS {
            assert!(ask(&table, &limit, n, at(0)));
        }
        let other = {
            let (table, limit) = (table.clone(), limit.clone());
            thread::spawn(move || ask(&table, &limit, 1, at(0)))
        };
        let own = ask(&table, &limit, 2, at(0));
        assert!(own ^ other.join().unwrap(), "exactly one is admitted");
    });
}

#[test]
fn a_lease_that_ends_frees_its_place_once() {
    explore(|| {
        let table = table();
        let limit = table.register(&Limit::concurrency(2).unwrap()).unwrap();
        let mut reading = [Reading::default()];
        let first = table.decide(at(0), &[Check::new(key(1), &limit)], &mut reading);
        assert!(first.admitted());
        let other = {
            let (table, limit) = (table.clone(), limit.clone());
            thread::spawn(move || ask(&table, &limit, 1, at(0)))
        };
        drop(first);
        assert!(other.join().unwrap());
        assert_eq!(left(&table, &limit, 1), 1);
    });
}

#[test]
fn settling_and_deciding_lose_nothing_of_each_other() {
    explore(|| {
        let table = table();
        let limit = table.register(&Limit::rate(1, HOUR, 10).unwrap()).unwrap();
        assert!(ask(&table, &limit, 1, at(0)));
        let other = {
            let (table, limit) = (table.clone(), limit.clone());
            thread::spawn(move || {
                let charged = Charged {
                    at: at(0),
                    cost: 1,
                    overflowed: false,
                };
                table.settle(at(0), Check::new(key(1), &limit), charged, 4);
            })
        };
        assert!(ask(&table, &limit, 1, at(0)));
        other.join().unwrap();
        assert_eq!(left(&table, &limit, 1), 10 - 1 - 4);
    });
}
