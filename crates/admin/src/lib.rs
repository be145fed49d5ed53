//! The admin API and the console: who has which plan and which limits, what is left, the policy in force; over
//! HTTP.
//!
//! [`router`] makes an axum service of an [`Admin`]: the engine's policy, the store, the keys of who may
//! call, and [`Live`], by which the binary answers for what is in its memory. Every endpoint stands in one
//! table with the least [`Role`] that reaches it; router and OpenAPI description are made of that table.
//!
//! | room | its one job |
//! |---|---|
//! | `table` | endpoints and their roles, as a router |
//! | `door` | a key first, then the role, then room and time |
//! | `keys`, `role`, `failures` | who may call, and who is told to wait |
//! | `body`, `query`, `etag`, `problem` | what comes in is read, what is wrong is said |
//! | `v1` | the endpoints |
//! | `console` | pages for people, with sessions |
//! | [`Live`] | what the binary answers for |
//! | `audit`, `repeats` | writes are written down, and done once |
//! | `openapi` | the description |
//!
//! # What is deliberately absent
//! - No listener and no TLS: whoever serves the router owns both.
//! - No endpoint without a key, not even the description; no cookie and no session there, no CORS. The console
//!   has both, and writes by the endpoints' own functions.
//! - No secret in an answer or in a log, and no subject's name in a log.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod audit;
mod body;
mod console;
mod counters;
mod door;
mod etag;
mod exact;
mod failures;
mod keys;
mod live;
mod openapi;
mod problem;
mod query;
mod repeats;
mod role;
mod state;
mod table;
mod v1;

/// What an answer's body is.
pub use axum::body::Body;
pub use console::{SESSION_AGE_MAX, SESSIONS_MAX, pages};
pub use counters::AdminStats;
pub use door::{OverTls, Peer, REQUEST_WAIT_MAX};
pub use exact::Exact;
pub use failures::{FAILURES_AT_ONCE, FAILURES_PERIOD, FailuresError};
pub use keys::{AdminKeys, AdminKeysError, KEY_PREFIX, KEYS_MAX, KeyNote, add_key};
pub use live::{
    Bucket, BucketAct, BucketChange, BucketPage, BucketsAsked, CallerTraffic, Explanation,
    LimitSource, Live, LiveError, Outcome, PlanSource, PolicyChange, PolicyInForce, PolicyVersion,
    Question, RollBack, RouteTraffic, Traffic, TrafficPoint, WeighedLimit, Who,
};
pub use openapi::text as openapi;
pub use repeats::REPEATS_MAX;
pub use role::{NoRole, Role};
pub use state::{Admin, AdminParts, REQUESTS_MAX, WORK_MAX};
pub use table::{Endpoint, endpoints, router};
