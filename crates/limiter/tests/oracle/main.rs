//! Every algorithm against an oracle that is naive on purpose: a log of what was admitted, and the
//! sentence that defines the limit, evaluated over the whole log in exact numbers.
//!
//! Over a million decisions a run, through the table: random limits, costs, clocks, several limits
//! at once, shadow limits, looks, leases. Changes of a limit have a file of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests may panic"
)]

mod changes;
mod crowded;
mod log;
mod run;
