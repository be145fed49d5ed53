//! The admin API over real HTTP, on SQLite and on a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod buckets;
mod described;
mod door;
#[allow(dead_code, reason = "the other tests need all of it")]
mod memory;
mod pages;
mod policy;
mod problems;
mod roles;
#[allow(dead_code, reason = "the other tests need all of it")]
mod support;
mod usage;
mod writes;
