//! The channels of a policy: made once, then asked to send.

use std::time::Duration;

use tollgate_policy::NoticesConfig;
use tollgate_store::Channel;

use crate::email::Email;
use crate::error::NoticesError;
use crate::event::Event;
use crate::stdout::Lines;
use crate::webhook::Webhook;

/// The longest that one attempt takes, whatever its channel.
pub const ATTEMPT_WAIT_MAX: Duration = Duration::from_secs(30);
/// The longest reason that is kept, in characters.
const WHY_CHARS_MAX: usize = 300;

/// What a policy names, ready to send.
#[derive(Debug)]
pub struct Channels {
    webhook: Option<Webhook>,
    email: Option<Email>,
    stdout: Option<Lines>,
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Somebody has it.
    Delivered,
    /// Nobody has it; another attempt may do.
    Failed {
        /// What happened: no secret, and no name of a caller.
        why: String,
        /// When the receiver wants the next attempt, if it said so.
        retry_after: Option<Duration>,
    },
    /// The receiver wants no more.
    Refused {
        /// What it said.
        why: String,
    },
}

impl Channels {
    /// Reads the secrets and templates that the policy names, and sets the clients up. Asks nobody.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn load(config: &NoticesConfig) -> Result<Self, NoticesError> {
        Ok(Self {
            webhook: config.webhook.as_ref().map(Webhook::load).transpose()?,
            email: config.email.as_ref().map(Email::load).transpose()?,
            stdout: config.stdout.then(Lines::of_stdout),
        })
    }

    /// Which there are.
    #[must_use]
    pub fn names(&self) -> Vec<Channel> {
        let has = |channel: &Channel| match channel {
            Channel::Webhook => self.webhook.is_some(),
            Channel::Email => self.email.is_some(),
            Channel::Stdout => self.stdout.is_some(),
        };
        Channel::ALL.into_iter().filter(has).collect()
    }

    /// Makes one attempt, at most for [`ATTEMPT_WAIT_MAX`]. `now_s` is the time in seconds since 1970.
    pub async fn send(&self, channel: Channel, event: &Event, now_s: u64) -> Sent {
        let attempt = async {
            match (channel, &self.webhook, &self.email, &self.stdout) {
                (Channel::Webhook, Some(webhook), _, _) => webhook.send(event, now_s).await,
                (Channel::Email, _, Some(email), _) => email.send(event).await,
                (Channel::Stdout, _, _, Some(lines)) => lines.send(event).await,
                _ => Sent::failed("the policy has no such channel"),
            }
        };
        match tokio::time::timeout(ATTEMPT_WAIT_MAX, attempt).await {
            Ok(sent) => sent,
            Err(_) => Sent::failed(format!("no answer within {} s", ATTEMPT_WAIT_MAX.as_secs())),
        }
    }
}

// === impl Sent ===

impl Sent {
    pub(crate) fn failed(why: impl AsRef<str>) -> Self {
        Self::Failed {
            why: one_line(why.as_ref()),
            retry_after: None,
        }
    }

    pub(crate) fn refused(why: impl AsRef<str>) -> Self {
        Self::Refused {
            why: one_line(why.as_ref()),
        }
    }
}

/// What another one said may be long, and meant for a terminal.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(WHY_CHARS_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_is_bounded_and_one_line() {
        let Sent::Failed { why, .. } = Sent::failed(format!("a\n\u{1b}[31m{}", "x".repeat(1_000)))
        else {
            panic!()
        };
        assert_eq!(why.len(), WHY_CHARS_MAX);
        assert!(why.starts_with("a  [31mx"), "{why}");
    }
}
