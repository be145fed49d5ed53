//! The table: one bucket a key, all or nothing, bounded under floods, exact under threads.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn limit(count: u64, period: Duration, burst: u64) -> Gcra {
    let non_zero = |n| NonZeroU64::new(n).unwrap();
    Gcra::new(non_zero(count), period, non_zero(burst)).unwrap()
}

/// Spreads small numbers over 128 bits, as the callers' keyed hash does.
fn key(n: u64) -> BucketKey {
    let mix = |n: u64| {
        let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    };
    let low = mix(n.wrapping_add(0x9e37_79b9_7f4a_7c15));
    let high = mix(low ^ n);
    BucketKey(u128::from(high) << 64 | u128::from(low))
}

fn check(n: u64, gcra: Gcra) -> Check {
    Check {
        key: key(n),
        partition: Partition::Users,
        overflow: 0,
        gcra,
        cost: 1,
        enforcement: Enforcement::Binding,
    }
}

fn table(users: usize) -> Table {
    Table::new(TableSize { users, networks: 7 })
}

fn admitted(table: &Table, now: Nanos, checks: &[Check]) -> bool {
    let mut readings = [Reading::default(); CHECKS_MAX];
    table.decide(now, checks, &mut readings).admitted()
}

#[test]
fn a_set_fills_two_cache_lines() {
    assert_eq!(std::mem::size_of::<LockedSet>(), 128);
    assert_eq!(std::mem::align_of::<LockedSet>(), 128);
}

#[test]
fn a_refused_request_charges_no_other_limit() {
    let table = table(1_000);
    let wide = limit(100, Duration::from_secs(1), 100);
    let narrow = limit(1, Duration::from_secs(1), 1);
    let both = [check(1, wide), check(2, narrow)];
    assert!(admitted(&table, Nanos(0), &both));
    let mut readings = [Reading::default(); 2];
    for _ in 0..50 {
        let verdict = table.decide(Nanos(0), &both, &mut readings);
        assert_eq!(verdict, Verdict::Refused);
        assert_eq!(readings[0].remaining, 99);
        assert!(readings[0].admitted && !readings[1].admitted);
    }
}

#[test]
fn a_shadow_limit_counts_and_never_refuses() {
    let table = table(1_000);
    let mut shadow = check(1, limit(1, Duration::from_secs(1), 1));
    shadow.enforcement = Enforcement::Shadow;
    let mut readings = [Reading::default()];
    assert!(table.decide(Nanos(0), &[shadow], &mut readings).admitted());
    assert!(readings[0].admitted);
    assert!(table.decide(Nanos(0), &[shadow], &mut readings).admitted());
    assert!(!readings[0].admitted);
}

#[test]
fn two_new_keys_of_one_decision_never_share_a_cell() {
    // One set only: every key meets in it.
    let table = table(1);
    let one = limit(1, Duration::from_secs(1), 1);
    let checks: Vec<_> = (0..7).map(|n| check(n, one)).collect();
    assert!(admitted(&table, Nanos(0), &checks));
    for single in &checks {
        assert!(!admitted(&table, Nanos(0), &[*single]));
    }
    // Their cells are free again a second later, and still each key finds its own.
    assert!(admitted(&table, Nanos::from_secs(1), &checks));
    assert!(!admitted(&table, Nanos::from_secs(1), &checks[3..]));
}

#[test]
fn a_full_set_sends_newcomers_to_one_overflow_bucket() {
    let table = table(1);
    let five = limit(5, Duration::from_secs(3_600), 5);
    for n in 0..7 {
        assert!(admitted(&table, Nanos(0), &[check(n, five)]));
    }
    let newcomers = (100..200).filter(|n| admitted(&table, Nanos(0), &[check(*n, five)]));
    assert_eq!(newcomers.count(), 5);
    assert_eq!(table.overflowed(), 100);
}

#[test]
fn an_exhausted_user_stays_exhausted_through_a_flood_of_new_keys() {
    let table = table(7_000);
    let one = limit(1, Duration::from_secs(3_600), 1);
    let exhausted: Vec<_> = (0..1_000)
        .map(|n| check(n, one))
        .filter(|check| admitted(&table, Nanos(0), &[*check]))
        .collect();
    assert!(exhausted.len() > 900);
    let flood = (10_000..500_000).filter(|n| admitted(&table, Nanos(1), &[check(*n, one)]));
    // Each cell admits one newcomer, and the overflow bucket its own burst.
    assert!(flood.count() <= 7_000 + 1);
    let returning = exhausted
        .iter()
        .filter(|c| admitted(&table, Nanos(2), &[**c]));
    assert_eq!(returning.count(), 0);
}

#[test]
fn a_flood_of_networks_leaves_users_their_room() {
    let table = Table::new(TableSize {
        users: 700,
        networks: 70,
    });
    let one = limit(1, Duration::from_secs(3_600), 1);
    for n in 0..10_000 {
        let mut network = check(n, one);
        network.partition = Partition::Networks;
        admitted(&table, Nanos(0), &[network]);
    }
    assert!(table.occupancy(Partition::Networks, Nanos(0)).used > 0.99);
    assert!(table.occupancy(Partition::Users, Nanos(0)).used < 0.01);
    assert!(admitted(&table, Nanos(0), &[check(1, one)]));
}

#[test]
fn case_074_many_threads_on_one_key_admit_exactly_the_limit() {
    let table = table(1_000);
    let thousand = limit(1_000, Duration::from_secs(3_600), 1_000);
    let pair = [
        check(1, thousand),
        check(2, limit(5_000, Duration::from_secs(3_600), 5_000)),
    ];
    let passed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..10_000_u64 {
                    // Half of the calls bind the second limit too, in either order.
                    let checks: &[Check] = match n % 3 {
                        0 => &pair[..1],
                        1 => &pair,
                        _ => &[pair[1], pair[0]],
                    };
                    if admitted(&table, Nanos(0), checks) {
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 1_000);
}

proptest! {
    #[test]
    fn agrees_with_one_bucket_a_key_in_a_map(
        steps in prop::collection::vec(
            (0_u64..2_000_000_000, prop::collection::btree_set(0_u64..40, 1..5)),
            1..300,
        ),
    ) {
        // 700 cells for 40 keys: with this hash no set overflows, so the map is the truth.
        let table = table(700);
        let gcra = limit(2, Duration::from_secs(1), 3);
        let mut map: HashMap<u64, u64> = HashMap::new();
        let mut now = 0;
        for (gap, keys) in steps {
            now += gap;
            let at = Nanos(now);
            let checks: Vec<_> = keys.iter().map(|n| check(*n, gcra)).collect();
            let state = |map: &HashMap<u64, u64>, n| map.get(n).copied().unwrap_or(0);
            let expected = keys.iter().all(|n| gcra.decide(state(&map, n), at, 1).0.admitted);
            let mut readings = [Reading::default(); 5];
            let got = table.decide(at, &checks, &mut readings).admitted();
            prop_assert_eq!(got, expected);
            for (n, reading) in keys.iter().zip(readings) {
                let (one, after) = gcra.decide(state(&map, n), at, 1);
                prop_assert_eq!(reading.admitted, one.admitted);
                if expected {
                    map.insert(*n, after);
                }
            }
        }
        prop_assert_eq!(table.overflowed(), 0);
    }
}
