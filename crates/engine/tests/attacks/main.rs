//! Attacks on identity as requests: the status of each, and whose count moves.
//!
//! The corpus of attacks on a credential is identity's, where each table is a named test; here
//! its rows go through [`tollgate_engine::Engine::decide`], and `docs/attacks.md` is written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

#[path = "../../../identity/tests/corpus/mod.rs"]
mod corpus;
mod gateway;
mod grief;
mod named;
mod page;
mod refused;
#[path = "../../../identity/tests/support/mod.rs"]
mod support;
