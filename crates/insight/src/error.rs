//! What can be wrong with a log: with one line, or with all of it.

/// Why a line gives no entry. Shows nothing that is in it: names of callers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Longer than [`crate::LINE_BYTES_MAX`].
    #[error("longer than 64 KiB")]
    TooLong,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not one JSON object.
    #[error("not a JSON object")]
    NotJson,
    /// A line of values before the line that names them.
    #[error("no line `#Fields:` before it")]
    NoHeader,
    /// Something that every request has.
    #[error("no {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// Something that cannot be read.
    #[error("{what} cannot be read")]
    Unreadable {
        /// What.
        what: &'static str,
    },
}

/// Why a log cannot be read so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InsightError {
    /// A column that lines of the format do not have.
    #[error("lines have no field `{name}`")]
    NoColumn {
        /// As it was named.
        name: String,
    },
    /// A column, a format or a status that cannot be one.
    #[error("{what} `{text}` cannot be: {reason}")]
    Unreadable {
        /// What it was to be.
        what: &'static str,
        /// As it was written.
        text: String,
        /// Why not, or what can be.
        reason: &'static str,
    },
}
