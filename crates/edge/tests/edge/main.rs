//! The local edge over real sockets, in each variant.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod client;
mod folders;
mod limits;
mod stage;
mod variants;
