//! AWS as a target: what a policy becomes there, and what is there becomes in a policy.
//!
//! Text in, text out: nothing here knows a socket or an SDK.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod authorizer;
mod classes;
pub mod compile;
pub mod fit;
pub mod function;
pub mod import;
pub mod prices;
pub mod report;
pub mod rules;
pub mod store;
pub mod target;
pub mod waf;
