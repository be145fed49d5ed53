//! One suite, on SQLite and on a real PostgreSQL, which `cargo xtask setup` installs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and say what they measured"
)]

mod bad_input;
mod counted_logs;
mod directory;
mod failures;
mod feed;
mod lists;
mod meters;
mod notices;
mod quota;
mod schema;
mod support;
mod thresholds;
mod writes;
