//! Notices: what somebody is to be told, once for each threshold of a quota's period.

use crate::error::StoreError;
use crate::quota::Counter;

/// The longest body, in bytes.
pub const NOTICE_BYTES_MAX: usize = 16 * 1024;

/// Something to tell: that a counter has reached a share of its quota.
///
/// Of a counter and a threshold there is one notice, ever: whoever sees the threshold again, after a crash or on
/// another instance, makes no second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What was counted, in which period.
    pub counter: Counter,
    /// Which share of the quota, in percent; 100 is all of it.
    pub threshold_percent: u32,
    /// What to say, in the form that its deliverer knows; without NUL.
    body: String,
}

/// A notice that is to be delivered now, by whoever took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueNotice {
    /// Its number: the same at each attempt, by which a receiver knows it again.
    pub id: u64,
    /// The notice.
    pub notice: Notice,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// What became of an attempt to deliver a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempted {
    /// It was received.
    Delivered,
    /// It was not; to be tried again at a moment, in milliseconds since 1970.
    AgainAtMs(u64),
    /// It was not, and is not tried again.
    GivenUp,
}

/// How many notices there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoticeTotals {
    /// To be delivered.
    pub waiting: u64,
    /// Delivered.
    pub delivered: u64,
    /// Given up.
    pub given_up: u64,
}

/// Where a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeState {
    /// To be delivered.
    Waiting,
    /// Somebody received it.
    Delivered,
    /// Nobody did, and it is not tried again by itself.
    GivenUp,
}

/// A notice as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNotice {
    /// Its number.
    pub id: u64,
    /// The notice.
    pub notice: Notice,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// Where it stands.
    pub state: NoticeState,
    /// How often it was tried.
    pub attempts: u32,
    /// Of one that waits: not to be tried before, in milliseconds since 1970.
    pub due_ms: u64,
}

/// What became of asking that a notice be tried again now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It is due now.
    Due,
    /// It was delivered: there is nothing to try.
    Delivered,
    /// There is none of that number.
    NotThere,
}

impl Notice {
    /// A notice with a body of at most [`NOTICE_BYTES_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Text`] for one that is longer, or has a NUL.
    pub fn new(counter: Counter, threshold_percent: u32, body: String) -> Result<Self, StoreError> {
        let reason = if body.len() > NOTICE_BYTES_MAX {
            format!("has at most {NOTICE_BYTES_MAX} bytes, not {}", body.len())
        } else if body.contains('\0') {
            "has no NUL".to_owned()
        } else {
            return Ok(Self {
                counter,
                threshold_percent,
                body,
            });
        };
        Err(StoreError::Text {
            what: "the body of a notice",
            reason,
        })
    }

    /// What to say.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}
