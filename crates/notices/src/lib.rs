//! Delivers notices from the store's outbox: signed webhooks, mails, lines of JSON.
//!
//! Whoever finds that a threshold of a quota is reached makes a [`QuotaNotice`] and posts it to the store. A
//! [`Deliverer`] takes what is due and sends it through every channel that the policy names, each with its own
//! attempts, until somebody has received it or [its time is over](retry). It is a crate because reqwest and the
//! client of SMTP are to be known to nobody else.
//!
//! ```
//! use tollgate_notices::{Effect, QuotaNotice};
//! use tollgate_store::{Counter, Holder, LimitName, PlanName, Span};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alice = Holder::subject("https://login.example.com", "alice")?;
//! let november = Span::new(1_793_491_200_000, Some(1_796_083_200_000))?;
//! let notice = QuotaNotice {
//!     counter: Counter::new(alice, LimitName::parse("monthly")?, None, november)?,
//!     plan: PlanName::parse("pro")?,
//!     threshold_percent: 90,
//!     used: 45_120,
//!     quota: 50_000,
//!     effect: Effect::KeepsServing,
//!     upgrade_url: Some("https://example.com/upgrade".to_owned()),
//! };
//! // store.post_notice(&notice.to_notice()?).await?;
//! assert_eq!(QuotaNotice::of(&notice.to_notice()?)?, notice);
//! # Ok(())
//! # }
//! ```
//!
//! What is deliberately absent: no caller's name is logged here, and no request to anywhere that the policy
//! does not name.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod authorities;
mod body;
mod channels;
mod counts;
mod deliver;
mod email;
mod error;
mod event;
pub mod retry;
mod secret_file;
mod stdout;
mod webhook;

pub use body::{Effect, QuotaNotice};
pub use channels::{ATTEMPT_WAIT_MAX, Channels, Sent};
pub use counts::{ChannelCounts, NoticeCounts};
pub use deliver::{Deliverer, UNDER_WAY_MAX, spawn};
pub use error::NoticesError;
pub use event::Event;
