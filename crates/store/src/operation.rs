//! What was done by hand beside changes of holders: a bucket filled up, a policy put in force.

use crate::error::StoreError;
use crate::texts::{Name, Note, OperationName};

/// The longest description of what was done, in bytes.
pub const OPERATION_DETAIL_BYTES_MAX: usize = 8 * 1024;

/// The number of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

/// An operation that is about to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperation {
    /// Who does it.
    pub by: Name,
    /// What kind.
    pub what: OperationName,
    /// Why.
    pub note: Note,
    /// What exactly, in a form that its writer chose; without NUL.
    detail: String,
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// It was about to be done; if nothing is under way, whoever did it has ended without saying how.
    Begun,
    /// It was done.
    Done,
    /// It was refused, or failed.
    Failed,
}

/// An operation as the audit has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its number; those of later ones are higher.
    pub id: OperationId,
    /// When it began, in milliseconds since 1970.
    pub at_ms: u64,
    /// What, by whom and why.
    pub operation: NewOperation,
    /// How it stands.
    pub state: OperationState,
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: Option<u64>,
}

impl NewOperation {
    /// An operation, described in at most [`OPERATION_DETAIL_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`StoreError::Text`] for a longer description, or one with a NUL.
    pub fn new(
        by: Name,
        what: OperationName,
        detail: String,
        note: Note,
    ) -> Result<Self, StoreError> {
        let reason = if detail.len() > OPERATION_DETAIL_BYTES_MAX {
            format!(
                "has at most {OPERATION_DETAIL_BYTES_MAX} bytes, not {}",
                detail.len()
            )
        } else if detail.contains('\0') {
            "has no NUL".to_owned()
        } else {
            return Ok(Self {
                by,
                what,
                note,
                detail,
            });
        };
        Err(StoreError::Text {
            what: "the description of an operation",
            reason,
        })
    }

    /// What exactly.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}
