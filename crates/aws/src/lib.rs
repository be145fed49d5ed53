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
pub mod waf;
