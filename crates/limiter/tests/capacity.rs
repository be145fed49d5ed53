//! What the table holds, and how evenly.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod memory;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::{
    BucketKey, Check, KeyHasher, Limit, Nanos, Now, Partition, Reading, Registered, Table,
    TableSize,
};

#[test]
fn case_088_memory_is_what_the_table_says_however_many_keys_come() {
    let users = 10_000_000;
    let table = Table::new(TableSize { users, networks: 1 }).unwrap();
    assert!(table.bytes() < 28 * users);
    // Reserved, and not there before it is used; looking at it does not count as use.
    let occupied = memory::resident_bytes();
    assert_eq!(table.occupancy(Partition::Users, Now::default()).used, 0.0);
    table.save(Now::default(), std::io::sink()).unwrap();
    assert!(memory::resident_bytes() < occupied + (100 << 20));
}

fn ask(table: &Arc<Table>, limit: &Arc<Registered>, key: BucketKey, seconds: u64) -> Reading {
    let now = Now {
        mono: Nanos::from_secs(seconds),
        unix_ms: 0,
    };
    let mut readings = [Reading::default()];
    let _ = table.decide(now, &[Check::new(key, limit)], &mut readings);
    readings[0]
}

/// At its stated capacity a table has room for nearly everybody: 1 newcomer in 20,000 shares.
#[test]
fn a_table_holds_its_stated_capacity() {
    for capacity in [1_000, 100_000] {
        let table = Table::new(TableSize {
            users: capacity,
            networks: 1,
        })
        .unwrap();
        let limit = table
            .register(&Limit::rate(1, Duration::from_secs(3_600), 1).unwrap())
            .unwrap();
        let hasher = KeyHasher::with_key([2; 16]);
        for n in 0..capacity as u64 {
            ask(&table, &limit, hasher.hash(&n.to_le_bytes()), 0);
        }
        let shared = table.overflowed() as f64 / capacity as f64;
        assert!(shared < 1.0 / 5_000.0, "{shared} of {capacity}");
        let now = Now::default();
        let used = table.occupancy(Partition::Users, now).used;
        assert!((0.97..1.03).contains(&used), "{used}");
        assert_eq!(table.occupancy(Partition::Networks, now).used, 0.0);
    }
}

#[test]
fn case_091_expired_cells_are_reused_where_they_are_and_nothing_is_swept() {
    let capacity = 20_000;
    let table = Table::new(TableSize {
        users: capacity,
        networks: 1,
    })
    .unwrap();
    let limit = table
        .register(&Limit::rate(1, Duration::from_secs(10), 1).unwrap())
        .unwrap();
    let hasher = KeyHasher::with_key([2; 16]);
    let mut overflowed = 0;
    for generation in 0..20_u64 {
        for n in 0..capacity as u64 {
            let key = hasher.key(&[&generation.to_le_bytes(), &n.to_le_bytes()]);
            assert!(
                ask(&table, &limit, key, generation * 20).admitted()
                    || table.overflowed() > overflowed
            );
        }
        // Every generation finds the room that the one before has left behind.
        let shared = table.overflowed() - overflowed;
        assert!(
            shared < capacity as u64 / 1_000,
            "generation {generation}: {shared}"
        );
        overflowed = table.overflowed();
    }
}

#[test]
fn floods_of_networks_do_not_crowd_out_users() {
    let table = Table::new(TableSize {
        users: 1_000,
        networks: 1_000,
    })
    .unwrap();
    let limit = table
        .register(&Limit::rate(1, Duration::from_secs(3_600), 1).unwrap())
        .unwrap();
    let hasher = KeyHasher::with_key([2; 16]);
    for n in 0..100_000_u64 {
        let check = Check {
            partition: Partition::Networks,
            ..Check::new(hasher.hash(&n.to_le_bytes()), &limit)
        };
        let _ = table.decide(Now::default(), &[check], &mut [Reading::default()]);
    }
    let flooded = table.overflowed();
    assert!(flooded > 90_000);
    for n in 0..1_000_u64 {
        assert!(ask(&table, &limit, hasher.hash(&n.to_le_bytes()), 0).admitted());
    }
    assert_eq!(table.overflowed(), flooded);
}

/// What a pattern is called, and the name that it gives to a number.
type Pattern = (&'static str, fn(u64) -> Vec<u8>);

/// Names that differ in a bit, count up, or share all but the end: their keys spread as chance does.
#[test]
fn case_090_no_pattern_of_names_crowds_a_set() {
    let hasher = KeyHasher::random().unwrap();
    let patterns: [Pattern; 4] = [
        ("counting", |n| n.to_le_bytes().to_vec()),
        ("backwards", |n| n.reverse_bits().to_le_bytes().to_vec()),
        ("multiples", |n| (n << 20).to_le_bytes().to_vec()),
        ("addresses", |n| format!("2001:db8::{n:x}").into_bytes()),
    ];
    const SETS: u64 = 1 << 14;
    for (pattern, name) in patterns {
        let mut load: HashMap<u64, u32> = HashMap::new();
        for n in 0..SETS * 4 {
            let BucketKey(hash) = hasher.hash(&name(n));
            *load.entry(hash >> (64 - 14)).or_default() += 1;
        }
        // Four a set on average; by chance the fullest of 16,384 has some 17 (Poisson).
        let fullest = load.values().max().unwrap();
        assert!(*fullest < 30, "{pattern}: {fullest}");
    }
}
