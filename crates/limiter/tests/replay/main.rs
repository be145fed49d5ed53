//! What fuzzers are fed, replayed: every input of the corpus, and random ones beside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod decide;
mod restore;

use std::path::Path;

use proptest::prelude::*;

/// Runs every input of a target's corpus.
fn replay(target: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut inputs = 0;
    for entry in std::fs::read_dir(root.join(target)).unwrap() {
        run(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "no corpus for {target}");
}

#[test]
fn the_corpus_of_decide_holds() {
    replay("decide", decide::run);
}

#[test]
fn the_corpus_of_restore_holds() {
    replay("restore", restore::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decide_holds_on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decide::run(&bytes);
    }

    #[test]
    fn restore_holds_on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        restore::run(&bytes);
    }
}
