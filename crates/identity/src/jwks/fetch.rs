//! The way out to an issuer: a trait, since this crate does no I/O.

use std::{future::Future, pin::Pin, time::Duration};

/// Longest time one fetch may take in total, discovery and redirects included.
pub const FETCH_DEADLINE: Duration = Duration::from_secs(5);

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// The URL of the key set itself.
    Url(String),
    /// `{issuer}/.well-known/openid-configuration` names the URL.
    Discovery {
        /// The configured issuer, which the document must repeat exactly.
        issuer: String,
    },
}

/// An answer to a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A document.
    Document {
        /// At most [`super::JWKS_BYTES_MAX`] bytes after decompression.
        body: Vec<u8>,
        /// `max-age` of `Cache-Control`, in seconds.
        max_age_s: Option<u64>,
        /// The entity tag, exactly as sent.
        etag: Option<String>,
    },
    /// 304: the document with the tag that was asked for still stands.
    NotModified {
        /// `max-age` of `Cache-Control`, in seconds.
        max_age_s: Option<u64>,
    },
}

/// Why a fetch failed; shown in status pages and logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What happened, in words: no credentials, no bodies.
    pub message: String,
}

/// A fetch under way.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;

/// Fetches a document.
///
/// The implementor follows no redirect off the origin, refuses private addresses and plain
/// HTTP unless configured otherwise, answers anything but 200 and 304 with an error, and
/// stops reading at [`super::JWKS_BYTES_MAX`]. The total deadline is kept by the caller, which
/// drops the future.
pub trait Fetch: Send + Sync {
    /// Gets `url`, conditionally on `etag` when there is one (`If-None-Match`).
    fn get<'a>(&'a self, url: &'a str, etag: Option<&'a str>) -> FetchFuture<'a>;
}
