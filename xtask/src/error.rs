//! Why a routine stopped, and what to do about it.

use std::io;

/// A routine that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum XtaskError {
    /// A program is not on this machine.
    #[error("{program} is not installed: {remedy}")]
    Missing {
        program: String,
        remedy: &'static str,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: String },
    /// Debian packages are missing and only root may install them.
    #[error("Debian packages are missing; run this, then `cargo xtask setup` again:\n  {command}")]
    NeedsRoot { command: String },
    /// A step of the suite failed.
    #[error("step `{step}` failed: {why}")]
    Step { step: &'static str, why: String },
    /// What was made is not what it must be.
    #[error("{what}; {bound}")]
    Unfit { what: String, bound: String },
    /// The tree breaks its own rules.
    #[error("{count} breaches of the repository's rules")]
    Untidy { count: usize },
    /// A tool printed what we cannot read.
    #[error("failed to read what {what} printed: {why}")]
    Unreadable { what: &'static str, why: String },
    /// A file operation failed.
    #[error("failed to {action}: {source}")]
    Io { action: String, source: io::Error },
}

impl XtaskError {
    /// Names the action that an I/O error interrupted; for `map_err`.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> XtaskError {
        let action = action.into();
        move |source| XtaskError::Io { action, source }
    }
}
