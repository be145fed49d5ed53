//! The engine as its frontends see it: heads in, verdicts, answers and headers out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod amounts;
mod answers;
mod api_keys;
mod calendars;
mod certificates;
mod changes;
mod decide;
mod edge;
mod failures;
mod forwarded;
mod inspect;
mod keys;
mod policy_tests;
mod quotas;
mod refusals;
mod reload;
mod settle;
mod standings;
mod support;
