//! Who has which plan, and which limits of their own: stored in SQLite or PostgreSQL, read from memory.
//!
//! A [`Store`] keeps a [`Record`] for each [`Holder`] (a subject or an account): plans and limits over time.
//! A [`Write`] changes one record as one act, with its audit; a [`Feed`] gives every change to every
//! instance, in order and without a gap; a [`Directory`] holds all of it in memory for the path of
//! requests, which never waits for a store. Beside that, units counted against quotas and meters of what was
//! used are added in [`Batch`]es, each at most once, and a [`Notice`] waits in an outbox until it was delivered
//! through every [`Channel`].
//!
//! ```
//! use std::sync::Arc;
//! use tollgate_limiter::{Clock, SystemClock};
//! use tollgate_store::{Directory, Edit, Holder, Location, Name, PlanName, Start, Store, Write};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("store.db");
//! let clock = Arc::new(SystemClock::new());
//! let store = Store::open(&Location::sqlite(path), clock.clone()).await?;
//! let directory = Directory::new(1_000_000)?;
//! let loaded = directory.load(&store).await?;
//! let mut feed = store.feed(loaded.seq);
//!
//! let alice = Holder::subject("https://login.example.com", "alice")?;
//! let edit = Edit::Assign {
//!     plan: PlanName::parse("pro")?,
//!     from: Start::Now,
//!     until_ms: None,
//! };
//! store.write(&Write::new(alice, edit, Name::parse("billing")?)).await?;
//!
//! for change in feed.next().await? {
//!     directory.apply(&change)?;
//! }
//! let key = directory.subject_key("https://login.example.com", "alice");
//! let (_, plan) = directory.plan_at(key, None, clock.now().unix_ms).ok_or("no plan")?;
//! assert_eq!(directory.plan_name(plan).as_deref(), Some("pro"));
//! # Ok(())
//! # }
//! ```
//!
//! What is deliberately absent: no type of the database's client is in this interface, no statement is made
//! at run time, and nothing here knows a policy beyond the text of one limit.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod backend;
mod change;
mod counted_log;
mod directory;
mod effective;
mod error;
mod feed;
mod holder;
mod limit_text;
mod location;
mod meter;
pub mod meter_time;
mod notice;
mod operation;
mod page;
mod quota;
mod record;
mod span;
mod store;
mod texts;

pub use backend::CALL_WAIT_MAX;
pub use change::{Act, Change};
pub use counted_log::{CountedLog, LogId, MARKS_BYTES_MAX};
pub use directory::{AssignedPlan, Directory, HolderKey, LOAD_WAIT_MAX, Loaded, PLAN_NAMES_MAX};
pub use effective::{Level, Standing};
pub use error::StoreError;
pub use feed::Feed;
pub use holder::{Holder, HolderKind};
pub use limit_text::{LimitText, ROUTE_BYTES_MAX, RouteName};
pub use location::Location;
pub use meter::{
    Caller, METER_PERIOD_MS, METERS_PER_BATCH_MAX, Meter, MeterCursor, MeterPage, Metered, Series,
    Usage, Whose,
};
pub use notice::{
    Attempted, Channel, Delivery, DueNotice, ListedNotice, NOTICE_BYTES_MAX, Notice, NoticeState,
    NoticeTotals, Retried, Taken,
};
pub use operation::{
    NewOperation, OPERATION_DETAIL_BYTES_MAX, Operation, OperationId, OperationState,
};
pub use page::{PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, Page};
pub use quota::{
    Added, Batch, BatchWriter, COUNTS_PER_BATCH_MAX, Count, Counter, Summed, UNITS_PER_BATCH_MAX,
};
pub use record::{ASSIGNMENTS_MAX, Assignment, Edit, OVERRIDES_MAX, Override, Record, Start};
pub use span::{Span, TIME_MS_MAX};
pub use store::{
    CHANGES_PER_CALL_MAX, COUNTS_PER_CALL_MAX, LOG_FORKS_MAX, METERS_PER_CALL_MAX,
    NOTICES_PER_CALL_MAX, Store, Versioned, WRITE_KEY_KEPT_MS, Write, Written,
};
pub use texts::{Issuer, LimitName, LogText, Name, Note, OperationName, PlanName, WriteKey};
