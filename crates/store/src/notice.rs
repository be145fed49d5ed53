//! Notices: what somebody is to be told, once for each threshold of a quota's period.

use crate::error::StoreError;
use crate::quota::Counter;

/// The longest body, in bytes.
pub const NOTICE_BYTES_MAX: usize = 16 * 1024;

/// Something to tell: that a counter has reached a share of its quota.
///
/// Of a counter, a threshold and a quota there is one notice, ever: whoever sees the threshold again, after a crash
/// or on another instance, makes no second one. Nor does whoever sees it after a change of the quota that carried
/// the share over, unless that was below the threshold in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What was counted, in which period.
    pub counter: Counter,
    /// Which share of the quota, in percent; 100 is all of it.
    pub threshold_percent: u32,
    /// Units of the quota; 0 where that is not known, as of notices that an older version made.
    pub quota: u64,
    /// What to say, in the form that its deliverer knows; without NUL.
    body: String,
}

/// A way to tell somebody. Each has its own attempts: one that fails holds up no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// A request to somebody's server.
    Webhook,
    /// A mail.
    Email,
    /// A line on the standard output of whoever delivers.
    Stdout,
}

/// A notice that is to be delivered now through one channel, by whoever took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueNotice {
    /// Its number in the store: the same at each attempt and for each channel.
    pub id: u64,
    /// Through which channel.
    pub channel: Channel,
    /// The notice.
    pub notice: Notice,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// Which attempt through this channel it is, from 1.
    pub attempt: u32,
}

/// What somebody took to deliver.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The oldest first.
    pub notices: Vec<DueNotice>,
    /// Rows that were changed by hand so that they say nothing any more; they come again after the lease.
    pub unreadable: u64,
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

/// How many notices there are; one that goes through two channels is two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoticeTotals {
    /// To be delivered, or not handed to its channels yet.
    pub waiting: u64,
    /// Delivered.
    pub delivered: u64,
    /// Given up.
    pub given_up: u64,
}

/// Where a notice stands on a channel.
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
    /// Where it stands on each channel that it was handed to; none yet of a new one.
    pub deliveries: Vec<Delivery>,
}

/// Where a notice stands on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Which channel.
    pub channel: Channel,
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
    /// It is due now, on every channel that has not delivered it.
    Due,
    /// All of them delivered it: there is nothing to try.
    Delivered,
    /// There is none of that number.
    NotThere,
}

// === impl Channel ===

impl Channel {
    /// All of them.
    pub const ALL: [Channel; 3] = [Channel::Webhook, Channel::Email, Channel::Stdout];

    /// The word of the policy file, and of metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Webhook => "webhook",
            Channel::Email => "email",
            Channel::Stdout => "stdout",
        }
    }

    /// As it is stored.
    pub(crate) fn number(self) -> i64 {
        match self {
            Channel::Webhook => 1,
            Channel::Email => 2,
            Channel::Stdout => 3,
        }
    }

    /// `None` for one that a newer version has stored.
    pub(crate) fn of_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.number() == number)
    }
}

// === impl Notice ===

impl Notice {
    /// A notice with a body of at most [`NOTICE_BYTES_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Text`] for one that is longer, or has a NUL.
    pub fn new(
        counter: Counter,
        threshold_percent: u32,
        quota: u64,
        body: String,
    ) -> Result<Self, StoreError> {
        let reason = if body.len() > NOTICE_BYTES_MAX {
            format!("has at most {NOTICE_BYTES_MAX} bytes, not {}", body.len())
        } else if body.contains('\0') {
            "has no NUL".to_owned()
        } else {
            return Ok(Self {
                counter,
                threshold_percent,
                quota,
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
