//! `store`: where plans, overrides and usage are kept.

use super::section::{section, short_form, text_value};
use super::values::{Period, Whole};
use crate::codes;
use crate::findings::Problem;
use crate::node::At;

section! {
    /// Where assigned plans, overrides, usage and notices are kept.
    RawStoreSection("the store") {
        /// `sqlite:<file>`, relative to the policy's folder; `postgres://<user>:<password>@<host>/<database>`; or
        /// `environment`: what `TOLLGATE_STORE` says, so that no password stands in the policy.
        url: At<StoreUrl>,
        /// Subjects and accounts of whom something is said, at most: 1,024 to 100,000,000. Each takes 32 bytes of
        /// memory, and some more with a schedule or limits of its own. Default: 1,000,000.
        holders: Option<Whole<1_024, 100_000_000>>,
        /// How often usage is written, 100 ms to 60 s: a crash loses what came since the last write that succeeded had
        /// begun. Default: `1s`.
        flush: Option<At<Period>>,
    }
}

short_form! {
    /// The store by its URL, or at length.
    RawStore(RawStoreSection), StoreUrl, |url, span| RawStoreSection {
        span,
        url,
        holders: None,
        flush: None,
    }
}

text_value! {
    /// Where a store is. Never shown: it may have a password.
    StoreUrl(String), "the URL of a store", ["sqlite:tollgate.db", "environment"], store_url
}

fn store_url(text: &str) -> Result<String, Problem> {
    let file = text.strip_prefix("sqlite:");
    let is_file = file.is_some_and(|file| !file.is_empty() && !file.starts_with("//"));
    let is_server = text.starts_with("postgres://") || text.starts_with("postgresql://");
    if is_file || is_server || text == "environment" {
        return Ok(text.to_owned());
    }
    Err(Problem::new(
        codes::URL,
        "not the URL of a store",
        "write `sqlite:tollgate.db`, `postgres://user:password@host/database` or `environment`",
    ))
}
