//! One suite of cases for all front doors: the same policy, the same request, the same verdict.
//!
//! - `cases/*.yaml`: policies, and requests with what is to become of them
//! - [`Frontend`]: a way in, as its own crate's test shows it to the suite
//! - [`run()`]: every case that a frontend can express, and what it cannot
//!
//! A frontend's test stands in its own crate and calls [`run()`]; `docs/conformance.md` has a row for each, which
//! the test holds against what it saw.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell"
)]

mod case;
mod frontend;
mod row;
mod run;
mod stage;

pub use case::{Case, Expected, Signed, Step, Verdict, all_cases};
pub use frontend::{Abilities, Answer, Frontend, Session};
pub use run::run;
pub use stage::{Request, Stage};
