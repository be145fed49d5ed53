//! Access logs, read line by line: who asked for what, when, and what became of it.
//!
//! A [`LineReader`] turns a line of a known [`Format`] into an [`Entry`]; [`open()`] undoes compression;
//! [`Lines`] gives lines of bounded length and a digest of all that came before; [`Beginning`] tells
//! whether a file is one that was read before, and how far.
//!
//! ```
//! use tollgate_insight::{Columns, Fate, Format, LineReader};
//!
//! let columns = Columns {
//!     subject: Some("remote_user".parse()?),
//!     ..Columns::default()
//! };
//! let reader = LineReader::new(Format::Nginx, &columns)?;
//! let line = r#"192.0.2.1 - alice [10/Oct/2026:13:55:36 +0200] "GET /orders/7?x=1 HTTP/1.1" 200 512 "-" "curl""#;
//! let entry = reader.entry(line)?.ok_or("no entry")?;
//! assert_eq!((&*entry.method, &*entry.path, entry.bytes_out), ("GET", "/orders/7", 512));
//! assert_eq!((entry.subject.as_deref(), entry.fate), (Some("alice"), Fate::Admitted));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is deliberately absent: nothing here keeps a line, and nothing waits; the only files that are opened
//! are those that the caller opens.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod columns;
mod entry;
mod error;
mod fates;
mod format;
mod json;
mod lines;
mod marks;
mod open;
mod reader;
mod slots;
mod text;
mod when;

pub use columns::{Column, Columns};
pub use entry::{BYTES_MAX, Entry, Fate};
pub use error::{InsightError, LineError};
pub use fates::Fates;
pub use format::Format;
pub use lines::{Digest, LINE_BYTES_MAX, Line, Lines};
pub use marks::{Beginning, DIVERGING_LINES_MIN, Recognition, recognize};
pub use open::open;
pub use reader::LineReader;
