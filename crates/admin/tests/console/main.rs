//! The console over real HTTP, and in a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod browser;
mod door;
mod escaping;
#[allow(dead_code, reason = "the other tests need all of it")]
#[path = "../api/memory.rs"]
mod memory;
mod pages;
mod roles;
mod sample;
mod seat;
#[allow(dead_code, unused_macros, reason = "the other tests need all of it")]
#[path = "../api/support.rs"]
mod support;
mod writes;
