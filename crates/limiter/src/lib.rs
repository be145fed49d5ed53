//! Counting: exact rate limits over a table of fixed size, without I/O, async or HTTP.
//!
//! The crate decides whether a request of some cost may pass one or several limits at once. It
//! knows three things only: a [`Gcra`] (the arithmetic of one limit), a [`Table`] (the memory in
//! which buckets live) and a [`Clock`].
//!
//! ```
//! use std::num::NonZeroU64;
//! use std::time::Duration;
//! use tollgate_limiter::{BucketKey, Check, Enforcement, Gcra, Nanos, Partition, Reading, Table, TableSize};
//!
//! let ten = NonZeroU64::new(10).unwrap();
//! let limit = Gcra::new(ten, Duration::from_secs(1), ten).unwrap();
//! let table = Table::new(TableSize { users: 1_000, networks: 100 });
//! let check = Check {
//!     key: BucketKey(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
//!     partition: Partition::Users,
//!     overflow: 0,
//!     gcra: limit,
//!     cost: 1,
//!     enforcement: Enforcement::Binding,
//! };
//! let mut readings = [Reading::default()];
//! for _ in 0..10 {
//!     assert!(table.decide(Nanos(0), &[check], &mut readings).admitted());
//! }
//! assert!(!table.decide(Nanos(0), &[check], &mut readings).admitted());
//! assert_eq!(readings[0].retry_after, Some(Nanos::from_millis(100)));
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod clock;
mod gcra;
mod table;

pub use clock::{Clock, FakeClock, Nanos, Now, SystemClock};
pub use gcra::{Gcra, RateError, Reading};
pub use table::{
    BucketKey, CHECKS_MAX, Check, Enforcement, Occupancy, Partition, Table, TableSize, Verdict,
};
