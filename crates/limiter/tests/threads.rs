//! Real threads on one table: the sum admitted is never above the bound, and nothing is lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tollgate_limiter::{
    BucketKey, Charged, Check, KeyHasher, Limit, Nanos, Now, Reading, Registered, Table, TableSize,
    Verdict,
};

const HOUR: Duration = Duration::from_secs(3_600);
const AT_REST: Now = Now {
    mono: Nanos(0),
    unix_ms: 1_792_872_000_000,
};

fn table(users: usize) -> Arc<Table> {
    Table::new(TableSize { users, networks: 1 }).unwrap()
}

fn key(n: u64) -> BucketKey {
    KeyHasher::with_key([5; 16]).hash(&n.to_le_bytes())
}

fn ask(table: &Arc<Table>, checks: &[Check<'_>], now: Now) -> Verdict {
    let mut readings = [Reading::default(); 4];
    table.decide(now, checks, &mut readings)
}

/// What is left in the bucket of key 1.
fn left(table: &Table, limit: &Arc<Registered>) -> u64 {
    let mut reading = [Reading::default()];
    let look = Check {
        cost: 0,
        ..Check::new(key(1), limit)
    };
    table.peek(AT_REST, &[look], &mut reading);
    reading[0].remaining
}

/// Runs `work` on each of `threads` threads at once and adds up what they return.
fn sum_of(threads: u64, work: impl Fn(u64) -> u64 + Sync) -> u64 {
    let barrier = std::sync::Barrier::new(usize::try_from(threads).unwrap());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|n| {
                let (work, barrier) = (&work, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    work(n)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    })
}

#[test]
fn case_074_64_threads_on_one_key_admit_exactly_the_limit() {
    const LIMIT: u64 = 12_345;
    for limit in [
        Limit::rate(1, HOUR, LIMIT).unwrap(),
        Limit::window(LIMIT, HOUR).unwrap(),
        Limit::concurrency(LIMIT).unwrap(),
    ] {
        let table = table(1_000);
        let limit = table.register(&limit).unwrap();
        let admitted = sum_of(64, |_| {
            // Leases are kept, so that what is under way stays under way.
            let calls =
                (0..1_000_000 / 64).map(|_| ask(&table, &[Check::new(key(1), &limit)], AT_REST));
            let leases: Vec<_> = calls.filter(Verdict::admitted).collect();
            let admitted = leases.len() as u64;
            std::mem::forget(leases);
            admitted
        });
        assert_eq!(admitted, LIMIT);
    }
}

/// While time passes, each thread's clock reading being a little old: burst + rate · t, no more.
#[test]
fn readings_of_the_clock_that_race_admit_no_more_than_the_rate() {
    const STEP_NS: u64 = 1_000;
    let table = table(1_000);
    let limit = table
        .register(&Limit::rate(1, Duration::from_nanos(50_000), 10).unwrap())
        .unwrap();
    let clock = AtomicU64::new(0);
    let admitted = sum_of(8, |_| {
        let each = (0..40_000).filter(|_| {
            let mono = Nanos(clock.fetch_add(STEP_NS, Ordering::Relaxed));
            // Between reading the clock and deciding others read it and decide.
            thread::yield_now();
            ask(
                &table,
                &[Check::new(key(1), &limit)],
                Now { mono, ..AT_REST },
            )
            .admitted()
        });
        each.count() as u64
    });
    let passed = clock.load(Ordering::Relaxed);
    let bound = 10 + passed / 50_000;
    assert!(admitted <= bound, "{admitted} of {bound}");
    assert!(
        admitted + 2 >= bound,
        "{admitted} of {bound}: refused without need"
    );
}

/// Requests that consult two buckets in opposite orders: no deadlock, and never half charged.
#[test]
fn requests_over_several_buckets_are_charged_whole_or_not_at_all() {
    let table = table(1_000);
    let wide = table
        .register(&Limit::rate(1, HOUR, 1_000_000).unwrap())
        .unwrap();
    let narrow = table
        .register(&Limit::rate(1, HOUR, 5_000).unwrap())
        .unwrap();
    let admitted = sum_of(8, |n| {
        let pair = [Check::new(key(1), &wide), Check::new(key(2), &narrow)];
        let turned = [pair[1], pair[0]];
        let checks = if n % 2 == 0 { pair } else { turned };
        (0..20_000)
            .filter(|_| ask(&table, &checks, AT_REST).admitted())
            .count() as u64
    });
    assert_eq!(admitted, 5_000);
    assert_eq!(left(&table, &wide), 1_000_000 - 5_000);
}

/// Keys that come and go in a table far too small for them: each admitted by its own bucket or by
/// the one that all share, none beyond its limit.
#[test]
fn threads_that_crowd_a_small_table_never_admit_a_key_beyond_its_limit() {
    const KEYS: u64 = 3_000;
    const BURST: u64 = 3;
    let table = table(500);
    let limit = table
        .register(&Limit::rate(1, HOUR, BURST).unwrap())
        .unwrap();
    let counts: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    sum_of(8, |n| {
        for turn in 0..8 {
            for user in 0..KEYS {
                let user = (user * 7 + n * 311 + turn) % KEYS;
                if ask(&table, &[Check::new(key(user), &limit)], AT_REST).admitted() {
                    counts[usize::try_from(user).unwrap()].fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        0
    });
    assert!(table.overflowed() > 0);
    for (user, count) in counts.iter().enumerate() {
        let count = count.load(Ordering::Relaxed);
        assert!(count <= BURST, "user {user}: {count}");
    }
}

/// Leases dropped on other threads than those that took them: nothing leaks, nothing goes below.
#[test]
fn what_is_under_way_ends_exactly_as_often_as_it_began() {
    let table = table(1_000);
    let limit = table.register(&Limit::concurrency(7).unwrap()).unwrap();
    let (give, take) = std::sync::mpsc::channel();
    let most = AtomicU64::new(0);
    let now_under_way = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            let give = give.clone();
            let (table, limit) = (&table, &limit);
            let (most, now_under_way) = (&most, &now_under_way);
            scope.spawn(move || {
                for _ in 0..50_000 {
                    if let Verdict::Admitted(lease) =
                        ask(table, &[Check::new(key(1), limit)], AT_REST)
                    {
                        let others = now_under_way.fetch_add(1, Ordering::SeqCst);
                        most.fetch_max(others + 1, Ordering::SeqCst);
                        give.send(lease).unwrap();
                    }
                }
            });
        }
        drop(give);
        for lease in take {
            now_under_way.fetch_sub(1, Ordering::SeqCst);
            drop(lease);
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 7);
    assert_eq!(left(&table, &limit), 7);
}

/// Settled from other threads than those that decide: what is spent in the end is what was used.
#[test]
fn settling_under_load_loses_no_unit() {
    const BURST: u64 = 1_000_000;
    let table = table(1_000);
    let limit: Arc<Registered> = table
        .register(&Limit::rate(1, HOUR, BURST).unwrap())
        .unwrap();
    let used = sum_of(8, |n| {
        let mut used = 0;
        for request in 0..1_000 {
            let check = Check {
                cost: 10,
                ..Check::new(key(1), &limit)
            };
            if ask(&table, &[check], AT_REST).admitted() {
                let charged = Charged {
                    at: AT_REST,
                    cost: 10,
                    overflowed: false,
                };
                let actual = (request + n) % 25;
                table.settle(AT_REST, check, charged, actual);
                used += actual;
            }
        }
        used
    });
    assert_eq!(left(&table, &limit), BURST - used);
}
