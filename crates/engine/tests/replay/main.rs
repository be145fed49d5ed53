//! What fuzzers are fed, replayed: every input of the corpus, and random ones beside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod limits;

use std::path::Path;

use proptest::prelude::*;

#[test]
fn the_corpus_of_limits_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/limits");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        limits::run(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn limits_hold_on_texts_that_look_like_limits(
        amount in prop::sample::select(&["rate", "window", "quota", "concurrency"][..]),
        count in prop_oneof![3 => 0_u64..5_000, 1 => any::<u64>()],
        period in "(s|min|h|d|w|day|week|month|hour|minute|[0-9]{1,4}(ms|s|min|h|d|w)|.{0,8})",
        more in "(, burst: [0-9]{1,12})?(, cost: ([1-9]|[0-9]{1,12}))?(, time_zone: [A-Za-z/_]{0,16})?(, per: (user|global))?",
    ) {
        let text = match amount {
            "concurrency" => format!("{amount}: {count}{more}"),
            _ => format!("{amount}: {count}/{period}{more}"),
        };
        limits::run(text.as_bytes());
    }
}
