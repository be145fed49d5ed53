//! Issuers' key sets over HTTPS, kept fresh: the only place that calls out on Tollgate's own account.
//!
//! [`Keepers`] runs one task an issuer on the runtime that it is used on. It is a crate because two
//! binaries want it and reqwest, which is heavy, is to be known to nobody else.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod http;
mod keepers;

pub use keepers::Keepers;

/// The client that fetches keys could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up the client that fetches keys: {0}")]
pub struct ClientError(#[from] reqwest::Error);
