//! A flood, scaled down, alone in its process so that its memory can be seen:
//! `cargo bench -p tollgate-limiter --bench flood` runs the full size.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod run;

use run::Flood;

#[test]
fn case_089_a_flood_of_new_keys_forgives_nobody_and_admits_within_the_bound() {
    let flood = Flood {
        capacity: 20_000,
        keys: 1_000_000,
        requests_each: 4,
        exhausted: 1_000,
    };
    let outcome = flood.run(|_| {});
    assert_eq!(outcome.exhausted_asked, 200 * 1_000);
    assert_eq!(
        outcome.exhausted_admitted, 0,
        "exhausted users stay exhausted"
    );
    assert!(outcome.over_admitted <= outcome.over_admitted_bound);
    assert!(outcome.admitted <= outcome.admitted_bound, "{outcome:?}");
    assert!(outcome.overflowed > 3_000_000, "{outcome:?}");
    assert!(outcome.memory_growth < 1 << 20, "{outcome:?}");
    assert!(outcome.table_bytes < 28 * 20_000);
}
