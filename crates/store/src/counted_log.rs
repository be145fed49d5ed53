//! How far the lines of a file of logs are in the meters, kept so that none is counted twice.
//!
//! What a digest is of, and when two files are the same, is the reader's to know: here are texts.

use crate::error::StoreError;
use crate::quota::Batch;
use crate::texts::LogText;

/// The longest text of marks, in bytes.
pub const MARKS_BYTES_MAX: usize = 8 * 1024;

/// What tells files of logs apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogId {
    /// Where they come from, in the operator's words; files of two sources are never the same.
    pub source: LogText,
    /// A digest of the first line.
    pub head: LogText,
    /// The number among those with the same first line, from 0.
    pub fork: u32,
}

/// A file, and how far it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedLog {
    /// Which.
    pub id: LogId,
    /// Lines that are counted, from the first.
    pub lines: u64,
    /// Digests of its beginning, in the reader's words; at most [`MARKS_BYTES_MAX`].
    pub marks: String,
}

/// A step of counting: what a file was, and what it is together with its batch.
#[derive(Debug, Clone)]
pub(crate) struct LogStep {
    pub(crate) before_lines: u64,
    pub(crate) after: CountedLog,
}

impl Batch {
    /// Makes the batch one of lines of a file: it is added only if exactly `before_lines` of them are
    /// counted (0: none, and nobody has begun), and then `after` is kept, in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] for longer marks than may be; [`StoreError::NotThere`] for a step that leads
    /// nowhere.
    pub fn of_log(&mut self, before_lines: u64, after: CountedLog) -> Result<(), StoreError> {
        if after.marks.len() > MARKS_BYTES_MAX {
            return Err(StoreError::TooMany {
                what: "bytes of marks of a log",
                max: MARKS_BYTES_MAX,
            });
        }
        if after.lines <= before_lines {
            return Err(StoreError::NotThere { what: "new line" });
        }
        self.log = Some(LogStep {
            before_lines,
            after,
        });
        Ok(())
    }
}
