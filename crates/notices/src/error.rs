//! What can be wrong with where notices go, and with what they say.

use std::path::{Path, PathBuf};

use tollgate_store::StoreError;

/// Why notices cannot be delivered as configured, or a notice cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoticesError {
    /// A file that the policy names cannot be used.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it; never what it says.
        reason: String,
    },
    /// The client of webhooks or mails could not be set up.
    #[error("failed to set up {what}: {reason}")]
    Client {
        /// Which one.
        what: &'static str,
        /// The client's words.
        reason: String,
    },
    /// The body of a notice is none that this version reads.
    #[error("body of a notice: {reason}")]
    Body {
        /// What is wrong with it.
        reason: String,
    },
    /// The store cannot hold a notice like this.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NoticesError {
    pub(crate) fn file(file: &Path, reason: impl Into<String>) -> Self {
        Self::File {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn client(what: &'static str, reason: &dyn std::error::Error) -> Self {
        Self::Client {
            what,
            reason: chain(reason),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
    pub(crate) fn body(reason: impl ToString) -> Self {
        Self::Body {
            reason: reason.to_string(),
        }
    }
}

/// The chain of causes; the first of a client's alone says little.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some repeat their cause in their own words.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
