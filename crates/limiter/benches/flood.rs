//! A flood of 50 million keys into a table for one million.
//!
//! `cargo bench -p tollgate-limiter --bench flood`. Prints what came of it beside the bounds that
//! `docs/counting.md` states, and fails if one of them does not hold.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    missing_docs,
    reason = "a measuring program"
)]

#[path = "../tests/flood/run.rs"]
mod run;

use std::time::Instant;

use run::Flood;

fn main() {
    let flood = Flood {
        capacity: 1_000_000,
        keys: 50_000_000,
        requests_each: 4,
        exhausted: 1_000,
    };
    println!("{flood:?}");
    let started = Instant::now();
    let outcome = flood.run(|done| {
        if done % 2_500_000 == 0 {
            eprintln!("{:>3} %", done * 100 / flood.keys);
        }
    });
    let asked = flood.keys * flood.requests_each + outcome.exhausted_asked;
    let ns = started.elapsed().as_nanos() as f64 / asked as f64;
    println!("requests                          {asked:>12}  ({ns:.0} ns each)");
    println!(
        "table                             {:>12} bytes",
        outcome.table_bytes
    );
    println!(
        "memory growth while full          {:>12} bytes",
        outcome.memory_growth
    );
    println!(
        "shared an overflow bucket         {:>12}",
        outcome.overflowed
    );
    println!(
        "admitted beyond a key's limit     {:>12}  (bound: {})",
        outcome.over_admitted, outcome.over_admitted_bound
    );
    println!(
        "admitted in all                   {:>12}  (bound: {})",
        outcome.admitted, outcome.admitted_bound
    );
    println!(
        "exhausted users admitted          {:>12}  (bound: 0; asked {} times)",
        outcome.exhausted_admitted, outcome.exhausted_asked
    );
    assert!(outcome.over_admitted <= outcome.over_admitted_bound);
    assert_eq!(outcome.exhausted_admitted, 0);
    assert!(outcome.admitted <= outcome.admitted_bound);
    assert!(outcome.memory_growth < 4 << 20);
}
