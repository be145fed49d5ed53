//! Counting: exact rate limits over a table of fixed size, without I/O, async, HTTP or unsafe code.
//!
//! The crate decides whether a request of some cost may pass one or several limits at once. A
//! [`Limit`] says what is counted, a [`Table`] is the memory in which buckets live, a
//! [`KeyHasher`] turns what identifies a caller into the key of its bucket, and a [`Clock`] is read
//! once a request. Nothing grows, nothing is swept, and nobody's spent bucket is forgotten to make
//! room for another's.
//!
//! # Quick start
//!
//! Ten requests a second for every user, five at once:
//!
//! ```
//! use std::time::Duration;
//! use tollgate_limiter::{Check, Clock, KeyHasher, Limit, Reading, SystemClock, Table, TableSize};
//!
//! let table = Table::new(TableSize { users: 100_000, networks: 1 })?;
//! let limit = table.register(&Limit::rate(10, Duration::from_secs(1), 5)?)?;
//! let hasher = KeyHasher::random()?;
//! let clock = SystemClock::new();
//!
//! let ask = |user: &str| {
//!     let mut reading = [Reading::default()];
//!     let check = Check::new(hasher.key(&[user.as_bytes()]), &limit);
//!     let _lease = table.decide(clock.now(), &[check], &mut reading);
//!     reading[0]
//! };
//! for left in (0..5).rev() {
//!     assert_eq!(ask("alice").remaining, left);
//! }
//! let refused = ask("alice");
//! assert!(!refused.admitted());
//! assert!(refused.retry_after().unwrap() <= tollgate_limiter::Nanos::from_millis(100));
//! assert!(ask("bob").admitted());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which limit
//!
//! | limit | admits | good for |
//! |---|---|---|
//! | [`Limit::rate`] ([`Gcra`]) | `burst` at once, then a steady rate; exact to the nanosecond | nearly everything |
//! | [`Limit::window`] ([`Window`]) | about `max` in any span of a length | "100 in 10 seconds", where a burst at any time is meant |
//! | [`Limit::quota`] ([`Quota`]) | `max` per minute, hour, day, week or month of a time zone | what people pay for |
//! | [`Limit::fixed_window`] ([`Quota::every`]) | `max` in each second, or period of another length, since 1970 | what was counted so elsewhere |
//! | [`Limit::concurrency`] ([`Concurrency`]) | `max` under way at once | slow or costly requests |
//!
//! Each is a pure function from a 64-bit state to a [`Reading`] and a state, and can be used without
//! a table. For all of them: exactly at the boundary is admitted; a cost above the capacity is
//! refused for ever; a cost of zero is a look; a refusal says exactly how long to wait
//! ([`Denial::Wait`]), that somebody has to end first ([`Denial::Busy`]), or that it is hopeless
//! ([`Denial::Never`]).
//!
//! ```
//! use std::time::Duration;
//! use tollgate_limiter::{Calendar, Denial, Limit, Now, Period};
//!
//! let now = Now::default();
//! let refusal = |limit: &Limit| {
//!     let (_, spent) = limit.decide(0, now, limit.capacity());
//!     limit.decide(spent, now, 1).0.denial.unwrap()
//! };
//! let seconds = |limit: &Limit| match refusal(limit) {
//!     Denial::Wait(wait) => wait.as_secs_ceil(),
//!     other => panic!("{other:?}"),
//! };
//! let ten_seconds = Duration::from_secs(10);
//! assert_eq!(seconds(&Limit::rate(5, ten_seconds, 5)?), 2);
//! // One of five fits when the window that was filled now has lost a fifth of its weight.
//! assert_eq!(seconds(&Limit::window(5, ten_seconds)?), 12);
//! let day = Calendar::new(Period::Day, tollgate_limiter::jiff::tz::TimeZone::UTC);
//! assert_eq!(seconds(&Limit::quota(5, day)?), 86_400);
//! assert_eq!(refusal(&Limit::concurrency(5)?), Denial::Busy);
//! # Ok::<(), tollgate_limiter::LimitError>(())
//! ```
//!
//! # Several limits as one
//!
//! A request is admitted only if every binding limit admits it, and then all are charged; a refused
//! request spends nothing anywhere. A limit in [`Enforcement::Shadow`] counts and never refuses.
//!
//! ```
//! # use std::time::Duration;
//! # use tollgate_limiter::*;
//! # let table = Table::new(TableSize { users: 1_000, networks: 1 })?;
//! # let key = KeyHasher::with_key([0; 16]).key(&[b"alice"]);
//! let wide = table.register(&Limit::rate(100, Duration::from_secs(1), 100)?)?;
//! let narrow = table.register(&Limit::rate(1, Duration::from_secs(60), 1)?)?;
//! // Two buckets of one user: their keys differ.
//! let other = KeyHasher::with_key([0; 16]).key(&[b"alice", b"narrow"]);
//! let checks = [Check::new(key, &wide), Check::new(other, &narrow)];
//! let mut readings = [Reading::default(); 2];
//! let now = Now::default();
//! assert!(table.decide(now, &checks, &mut readings).admitted());
//! assert!(!table.decide(now, &checks, &mut readings).admitted());
//! assert_eq!(readings[0].remaining, 99, "the wide limit was not charged twice");
//! assert_eq!(readings[1].retry_after(), Some(Nanos::from_secs(60)), "and this is why");
//! // `peek` asks the same and consumes nothing.
//! assert!(!table.peek(now, &checks, &mut readings));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is under way, and what it cost in the end
//!
//! [`Table::decide`] gives a [`Lease`] with its verdict. As long as it lives, the request counts in
//! its concurrency limits; dropping it, for whatever reason, ends that. A cost that is known only
//! afterwards is charged by estimate and settled:
//!
//! ```
//! # use std::time::Duration;
//! # use tollgate_limiter::*;
//! # let table = Table::new(TableSize { users: 1_000, networks: 1 })?;
//! # let hasher = KeyHasher::with_key([0; 16]);
//! let tokens = table.register(&Limit::rate(1_000, Duration::from_secs(60), 1_000)?)?;
//! let one = table.register(&Limit::concurrency(1)?)?;
//! let checks = [
//!     Check { cost: 500, ..Check::new(hasher.key(&[b"tokens"]), &tokens) },
//!     Check::new(hasher.key(&[b"under way"]), &one),
//! ];
//! let mut readings = [Reading::default(); 2];
//! let now = Now::default();
//! let Verdict::Admitted(lease) = table.decide(now, &checks, &mut readings) else { panic!() };
//! assert!(!table.decide(now, &checks, &mut readings).admitted(), "one is under way");
//! drop(lease);
//! let charged = Charged { at: now, cost: 500, overflowed: readings[0].overflowed };
//! let after = table.settle(now, checks[0], charged, 20);
//! assert_eq!(after.remaining, 980);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Another plan, another limit, a restart
//!
//! A bucket remembers by which limit it was counted. Asked for under another one, it takes along
//! what [`Check::carry`] says: by default the same share, so that a change of plan neither gives a
//! fresh bucket nor locks anybody out. [`CarryOver`] has the arithmetic.
//!
//! ```
//! # use std::time::Duration;
//! # use tollgate_limiter::*;
//! # let table = Table::new(TableSize { users: 1_000, networks: 1 })?;
//! # let key = KeyHasher::with_key([0; 16]).key(&[b"alice"]);
//! let free = table.register(&Limit::rate(10, Duration::from_secs(60), 10)?)?;
//! let paid = table.register(&Limit::rate(1_000, Duration::from_secs(60), 1_000)?)?;
//! let mut reading = [Reading::default()];
//! let now = Now::default();
//! let spend = Check { cost: 9, ..Check::new(key, &free) };
//! let _ = table.decide(now, &[spend], &mut reading);
//! let look = Check { cost: 0, ..Check::new(key, &paid) };
//! table.peek(now, &[look], &mut reading);
//! assert_eq!(reading[0].remaining, 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Table::save`] writes every live bucket down, [`Table::restore`] finds it again under the same
//! hash key ([`KeyHasher::with_key`]) and a clock that goes on ([`SystemClock::resuming`]):
//!
//! ```
//! # use std::time::Duration;
//! # use tollgate_limiter::*;
//! # let size = TableSize { users: 1_000, networks: 1 };
//! # let hour = Limit::rate(1, Duration::from_secs(3_600), 1)?;
//! # let key = KeyHasher::with_key([0; 16]).key(&[b"alice"]);
//! # let table = Table::new(size)?;
//! # let limit = table.register(&hour)?;
//! # let clock = SystemClock::new();
//! # let mut reading = [Reading::default()];
//! # let _ = table.decide(clock.now(), &[Check::new(key, &limit)], &mut reading);
//! let mut bytes = Vec::new();
//! table.save(clock.now(), &mut bytes)?;
//!
//! // In the next process:
//! let clock = SystemClock::resuming(Saved::of(&bytes)?.at);
//! let table = Table::new(size)?;
//! assert_eq!(table.restore(clock.now(), &bytes)?.buckets, 1);
//! # let limit = table.register(&hour)?;
//! assert!(!table.decide(clock.now(), &[Check::new(key, &limit)], &mut reading).admitted());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an attacker can do
//!
//! - *Choose keys that meet in one set*: not without the secret of the [`KeyHasher`].
//! - *Flood the table with keys*: memory does not grow. Newcomers that find no room share one bucket
//!   a limit, so that the flood is what is limited; buckets that still say something stay. Two
//!   [`Partition`]s keep floods of unknown networks away from known users.
//! - *Come back when the own bucket was replaced*: only a full bucket is ever replaced.
//! - *Race*: a bucket is decided under its lock; several limits under all of their locks.
//! - *Wait for a clock to step*: time is monotonic, and never goes back for a bucket. Quotas follow
//!   the wall clock, as they must; a step back yields nothing.
//!
//! `docs/counting.md` in the repository states the bounds and argues them. A limiter of one process
//! counts for that process only.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation,
        reason = "tests may panic"
    )
)]

mod calendar;
mod carry;
mod clock;
mod concurrency;
mod gcra;
mod keys;
mod limit;
mod quota;
mod reading;
mod sync;
mod table;
mod window;

/// Where time zones come from: the version that [`Calendar::new`] takes.
pub use jiff;

pub use calendar::{Calendar, Period};
pub use carry::CarryOver;
pub use clock::{Clock, FakeClock, Nanos, Now, SystemClock};
pub use concurrency::Concurrency;
pub use gcra::Gcra;
pub use keys::KeyHasher;
pub use limit::{Limit, LimitError};
pub use quota::Quota;
pub use reading::{Denial, Reading};
pub use table::{
    BucketKey, CHECKS_MAX, Charged, Check, Enforcement, LIMITS_MAX, Lease, Occupancy, Partition,
    Registered, Restored, Saved, SnapshotError, Spent, Table, TableError, TableSize, Verdict,
};
pub use window::Window;
