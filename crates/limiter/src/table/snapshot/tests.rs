//! Counts across a restart.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::*;
use crate::calendar::{Calendar, Period};
use crate::reading::Reading;
use crate::table::{BucketKey, Check, TableSize};
use crate::{KeyHasher, Verdict};

const SIZE: TableSize = TableSize {
    users: 2_000,
    networks: 500,
};
const NOON_UNIX_MS: u64 = 1_792_929_600_000;

fn key(n: u64) -> BucketKey {
    KeyHasher::with_key([6; 16]).hash(&n.to_le_bytes())
}

fn at(seconds: u64) -> Now {
    Now {
        mono: Nanos::from_secs(seconds),
        unix_ms: NOON_UNIX_MS + seconds * 1_000,
    }
}

fn limits() -> [Limit; 4] {
    let hour = Duration::from_secs(3_600);
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    [
        Limit::rate(7, hour, 20).unwrap(),
        Limit::window(30, hour).unwrap(),
        Limit::quota(40, Calendar::new(Period::Month, berlin)).unwrap(),
        Limit::concurrency(3).unwrap(),
    ]
}

fn ask(table: &Arc<Table>, n: u64, cost: u64, now: Now) -> (Reading, Verdict) {
    let limit = table.register(&limits()[n as usize % 4]).unwrap();
    let partition = if n.is_multiple_of(5) {
        Partition::Networks
    } else {
        Partition::Users
    };
    let check = Check {
        cost,
        partition,
        ..Check::new(key(n), &limit)
    };
    let mut readings = [Reading::default()];
    let verdict = table.decide(now, &[check], &mut readings);
    (readings[0], verdict)
}

fn saved(table: &Table, now: Now) -> Vec<u8> {
    let mut bytes = Vec::new();
    let saved = table.save(now, &mut bytes).unwrap();
    assert_eq!(Saved::of(&bytes).unwrap(), saved);
    bytes
}

#[test]
fn every_bucket_says_after_a_restart_what_it_would_have_said() {
    let table = Table::new(SIZE).unwrap();
    // Registered first, so that numbers differ between the two tables.
    table
        .register(&Limit::rate(1, Duration::from_secs(1), 1).unwrap())
        .unwrap();
    let mut leases = Vec::new();
    for n in 0..1_500 {
        leases.push(ask(&table, n, 1 + n % 3, at(100)).1);
    }
    let bytes = saved(&table, at(130));
    let other = Table::new(SIZE).unwrap();
    let restored = other.restore(at(190), &bytes).unwrap();
    assert_eq!(restored.lost, 0);
    // Three of four kinds last; what was under way ended with the process.
    assert_eq!(restored.buckets + restored.expired, 1_500 * 3 / 4);
    for n in 0..1_500 {
        let before = ask(&table, n, 0, at(200)).0;
        let after = ask(&other, n, 0, at(200)).0;
        if n % 4 == 3 {
            assert_eq!((before.remaining < 3, after.remaining), (true, 3));
        } else {
            assert_eq!(before, after, "bucket {n}");
        }
    }
}

#[test]
fn buckets_that_filled_up_meanwhile_are_left_out() {
    let table = Table::new(SIZE).unwrap();
    for n in (0..400).step_by(4) {
        let _ = ask(&table, n, 1, at(100));
    }
    let bytes = saved(&table, at(101));
    let other = Table::new(SIZE).unwrap();
    // One of seven an hour grows back in 515 s.
    let restored = other.restore(at(100 + 515), &bytes).unwrap();
    assert_eq!(
        (restored.buckets, restored.expired, restored.lost),
        (0, 100, 0)
    );
    // And those that had filled up before it was taken are not in it.
    assert_eq!(Saved::of(&saved(&table, at(100 + 515))).unwrap().buckets, 0);
}

#[test]
fn an_overflow_bucket_is_remembered_and_so_is_how_far_keys_live_from_home() {
    let small = TableSize {
        users: 1,
        networks: 1,
    };
    let hour = Limit::rate(1, Duration::from_secs(3_600), 1).unwrap();
    let table = Table::new(small).unwrap();
    let ask = |table: &Arc<Table>, n| {
        let limit = table.register(&hour).unwrap();
        let mut readings = [Reading::default()];
        let _ = table.decide(at(20), &[Check::new(key(n), &limit)], &mut readings);
        readings[0]
    };
    for n in 0..57 {
        assert!(ask(&table, n).admitted());
    }
    let other = Table::new(small).unwrap();
    other.restore(at(20), &saved(&table, at(20))).unwrap();
    for n in 0..60 {
        let refused = ask(&other, n);
        assert_eq!((refused.admitted(), refused.overflowed), (false, n >= 56));
    }
}

#[test]
fn a_table_that_has_counted_takes_up_nothing() {
    let table = Table::new(SIZE).unwrap();
    let _ = ask(&table, 1, 1, at(100));
    let bytes = saved(&table, at(100));
    assert_eq!(table.restore(at(100), &bytes), Err(SnapshotError::InUse));
}

#[test]
fn what_is_not_a_whole_snapshot_of_this_table_changes_nothing() {
    let table = Table::new(SIZE).unwrap();
    for n in 0..100 {
        let _ = ask(&table, n, 1, at(100));
    }
    let bytes = saved(&table, at(100));
    let fresh = Table::new(SIZE).unwrap();
    let refused = |bytes: &[u8]| fresh.restore(at(200), bytes).unwrap_err();
    assert_eq!(refused(b""), SnapshotError::Foreign);
    assert_eq!(refused(b"tollgate counts"), SnapshotError::Foreign);
    assert_eq!(refused(b"tollgate counts\n"), SnapshotError::Damaged);
    assert_eq!(
        refused(b"tollgate counts\n\x02"),
        SnapshotError::Version { found: 2 }
    );
    for cut in [17, 40, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(refused(&bytes[..cut]), SnapshotError::Damaged);
    }
    for byte in (20..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[byte] ^= 1;
        assert_eq!(refused(&changed), SnapshotError::Damaged);
    }
    let early = fresh.restore(at(99), &bytes);
    assert_eq!(early, Err(SnapshotError::ClockBehind));
    let larger = Table::new(TableSize {
        users: 9_000,
        ..SIZE
    });
    let other = larger.unwrap().restore(at(200), &bytes);
    assert_eq!(other, Err(SnapshotError::OtherSize));
    for n in 0..100 {
        let limit = &limits()[n as usize % 4];
        assert_eq!(ask(&fresh, n, 0, at(200)).0.remaining, limit.capacity());
    }
}

#[test]
fn zones_without_a_name_are_kept_by_their_distance() {
    let table = Table::new(SIZE).unwrap();
    let zone = TimeZone::fixed(jiff::tz::offset(-7));
    let quota = Limit::quota(5, Calendar::new(Period::Day, zone)).unwrap();
    let limit = table.register(&quota).unwrap();
    let _ = table.decide(
        at(0),
        &[Check::new(key(1), &limit)],
        &mut [Reading::default()],
    );
    let other = Table::new(SIZE).unwrap();
    assert_eq!(
        other.restore(at(1), &saved(&table, at(0))).unwrap().buckets,
        1
    );
    let limit = other.register(&quota).unwrap();
    let mut reading = [Reading::default()];
    other.peek(
        at(1),
        &[Check {
            cost: 0,
            ..Check::new(key(1), &limit)
        }],
        &mut reading,
    );
    assert_eq!(reading[0].remaining, 4);
}

#[test]
fn fixed_windows_come_back_with_their_length() {
    let window = Limit::fixed_window(5, 3_600).unwrap();
    let table = Table::new(SIZE).unwrap();
    let limit = table.register(&window).unwrap();
    let mut readings = [Reading::default()];
    let spend = Check {
        cost: 4,
        ..Check::new(key(1), &limit)
    };
    assert!(table.decide(at(100), &[spend], &mut readings).admitted());
    let bytes = saved(&table, at(130));
    let other = Table::new(SIZE).unwrap();
    assert_eq!(other.restore(at(190), &bytes).unwrap().buckets, 1);
    let limit = other.register(&window).unwrap();
    let spend = Check {
        cost: 2,
        ..Check::new(key(1), &limit)
    };
    assert!(!other.decide(at(200), &[spend], &mut readings).admitted());
    assert_eq!(readings[0].retry_after(), Some(Nanos::from_secs(3_400)));
}
