//! Deciding allocates nothing, hit or miss, one limit or several.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::time::Duration;

use allocation_counter::measure;
use tollgate_limiter::{Check, KeyHasher, Limit, Now, Reading, Table, TableSize};

#[test]
fn no_decision_allocates_not_even_of_a_newcomer_to_a_full_table() {
    let table = Table::new(TableSize {
        users: 100,
        networks: 1,
    })
    .unwrap();
    let hour = Duration::from_secs(3_600);
    let rate = table.register(&Limit::rate(10, hour, 10).unwrap()).unwrap();
    let window = table.register(&Limit::window(10, hour).unwrap()).unwrap();
    let other = table.register(&Limit::rate(20, hour, 20).unwrap()).unwrap();
    let hasher = KeyHasher::with_key([1; 16]);
    let info = measure(|| {
        for n in 0..10_000_u64 {
            let name = n.to_le_bytes();
            let keys = [b"a", b"b", b"c"].map(|limit| hasher.key(&[&name, limit]));
            let checks = [
                Check::new(keys[0], &rate),
                Check::new(keys[1], &window),
                Check::new(keys[2], &other),
            ];
            let mut readings = [Reading::default(); 3];
            let _ = table.decide(Now::default(), &checks, &mut readings);
            let _ = table.decide(Now::default(), &checks[..1], &mut readings);
            let _ = table.peek(Now::default(), &checks[..2], &mut readings);
            // Another limit on a bucket: carried over on the spot.
            let _ = table.decide(
                Now::default(),
                &[Check::new(keys[0], &other)],
                &mut readings,
            );
        }
    });
    assert!(table.overflowed() > 0);
    assert_eq!(info.count_total, 0, "{info:?}");
}
