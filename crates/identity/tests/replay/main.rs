//! What fuzzers are fed, replayed: every input of the corpus, and random ones beside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fields;
mod files;
mod token;

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
fn the_corpus_of_token_holds() {
    replay("token", token::run);
}

#[test]
fn the_corpus_of_files_holds() {
    replay("files", files::run);
}

#[test]
fn the_corpus_of_fields_holds() {
    replay("fields", fields::run);
}

proptest! {
    #[test]
    fn token_files_and_fields_hold_on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        token::run(&bytes);
        files::run(&bytes);
        fields::run(&bytes);
    }
}
