//! The local edge: compiled artefacts served on loopback, before anybody pays for them.
//!
//! - [`function`]: the compiled CloudFront Function in an embedded JavaScript engine
//! - [`event`]: requests and answers as a function sees and makes them
//! - [`manifest`], [`Folder`]: what the compiler wrote
//! - [`waf`]: what WAF decides
//! - [`Edge`]: all of it behind two addresses on loopback, with an origin behind
//! - [`SpedClock`]: time that goes faster
//!
//! # The engine
//! QuickJS-ng, through `rquickjs`: three packages, C that the compiler of aws-lc builds in seconds, and
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

mod error;
pub mod event;
mod folder;
pub mod function;
pub mod manifest;
mod meter;
mod pipeline;
mod record;
mod server;
mod speed;
mod upstream;
pub mod waf;

pub use error::EdgeError;
pub use folder::Folder;
pub use meter::{RuleSummary, Summary};
pub use record::By;
pub use server::{Edge, Options};
pub use speed::{SPEED_MAX, SpedClock};
