//! The decision: identify, classify, select, decide; synchronous and without I/O.
//!
//! One type owns it, [`Engine`], with one call, [`Engine::decide`]. A frontend turns bytes into a
//! [`RequestHead`], asks, and either forwards the request with [`Decision::forward_headers`] or
//! sends what [`Decision::answer`] gives. Nothing here waits, logs or reads a clock.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod amount;
mod answer;
mod api_keys;
mod asked;
mod budget;
mod consult;
mod consulted;
mod decision;
mod descriptors;
mod divisible;
mod edge;
mod engine;
mod error;
mod fields;
mod forward;
mod head;
mod identify;
mod inspect;
mod key_wait;
mod keys;
mod limits;
mod meters;
mod outside;
mod own;
mod path_rewrite;
mod policy_tests;
mod refusals;
mod saved;
mod settle;
mod snapshot;
mod standing;
mod usage;

/// Clocks, for whoever passes the time to [`Engine::decide`].
pub use tollgate_limiter as limiter;
/// The policy's types, for frontends that are configured by them.
pub use tollgate_policy as policy;

/// Read by [`Engine::client_certificate`].
pub use tollgate_identity::ClientCertificate;
/// A verified caller, as a [`Decision`] and a [`Standings`] name it.
pub use tollgate_identity::User;

/// An address in a field that proxies write.
pub use tollgate_identity::hop_address;
/// Which names of fields an origin may take for one.
pub use tollgate_identity::is_spelling_of;

pub use answer::{AnswerContext, problem};
pub use asked::{Asked, Counting, Forwarding, NamedCaller};
pub use consulted::{Consulted, LimitState};
pub use decision::{
    Decision, Forbidden, OwnAnswer, Principal, Rejection, Unauthenticated, Verdict,
};
pub use descriptors::{
    DESCRIPTORS_MAX, Descriptor, DescriptorError, DomainMeaning, Hits, Override, Ruled, RuledLimit,
    Ruling,
};
pub use divisible::{DividedRate, Divisible};
pub use engine::{Engine, EngineOptions, Outcome};
pub use error::EngineError;
pub use head::RequestHead;
pub use inspect::{GiveBack, Inquiry, Inspected};
pub use key_wait::{KEY_WAIT_MAX, KeyWait};
pub use limits::CountedLimit;
pub use meters::{DURATION_BOUNDS_NS, MeterRow, MeterTotals, VerdictLabel};
pub use path_rewrite::PathRewrite;
pub use policy_tests::{TestFailure, TestReport, run_policy_tests};
pub use refusals::Refusals;
pub use saved::SavedCounts;
pub use settle::Charge;
pub use snapshot::{KeySourceSlot, Snapshot};
pub use standing::{Level, OwnLimit, PlanNumber, PlanSource, Standing, Standings};
pub use usage::{QuotaUsed, Used};
