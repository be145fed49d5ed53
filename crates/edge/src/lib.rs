//! The local edge: compiled artefacts served on loopback, before anybody pays for them.
//!
//! - [`function`]: the compiled CloudFront Function in an embedded JavaScript engine
//! - [`event`]: requests and answers as a function sees and makes them
//!
//! # The engine
//! QuickJS-ng, through `rquickjs`: four packages, C that the compiler of aws-lc builds in seconds, and
//! no code generator, because its bindings come ready for our targets. `boa_engine`, in pure Rust,
//! would bring some 160 packages and has no bound on memory, which a stranger's function needs.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod event;
pub mod function;
