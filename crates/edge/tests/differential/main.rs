//! The emitted function computes what the Rust engine computes: the same requests through the
//! function in njs, the function in the embedded engine, and the engine.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod compare;
mod counted;
mod failing;
mod njs;
mod oracle;
mod outcome;
mod paths;
mod policies;
mod random;
mod request;
mod requests;
mod setup;
mod speed;
mod tokens;
mod vectors;

use setup::Setup;

/// The seed of all requests; another one finds other things.
const SEED: u64 = 12_400;
/// Requests of one configuration.
const REQUESTS: usize = 150;

fn compare(setups: &[Setup]) {
    let mut differences = Vec::new();
    for (seed, setup) in (SEED..).zip(setups) {
        let found = compare::generated(setup, seed, REQUESTS);
        println!(
            "{}: {REQUESTS} requests, {} differ",
            setup.name,
            found.len()
        );
        differences.extend(found);
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn the_policies_are_the_same_in_the_function_and_in_the_engine() {
    compare(&policies::of_files());
}

#[test]
fn the_variations_are_the_same_in_the_function_and_in_the_engine() {
    compare(&policies::variations());
}
