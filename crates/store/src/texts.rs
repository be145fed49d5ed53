//! Texts that may be stored: of bounded length, and without what one of the backends would refuse.
//!
//! PostgreSQL takes no NUL in a text, SQLite does: both are spared the question.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// Declares a text with its length in bytes and its characters.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $what:literal, $bytes:expr, $fits:expr, $must:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            /// [`StoreError::Text`] when it has another length or other characters than it may have.
            pub fn parse(text: &str) -> Result<Self, StoreError> {
                check($what, text, $bytes, $fits, $must).map(|()| Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = StoreError;

            fn try_from(text: String) -> Result<Self, StoreError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text! {
    /// An issuer, exactly as tokens say it: 1 to 512 bytes without control characters.
    ///
    /// A quarter of what a policy allows: issuer, name and route together have to fit into one entry
    /// of an index of PostgreSQL (2,704 bytes,
    /// <https://www.postgresql.org/docs/current/btree.html>).
    Issuer, "an issuer", 1..=512, no_control, "has no control characters"
}

text! {
    /// A subject, an account, or who made a change: 1 to 255 bytes without control characters, as
    /// in a verified token.
    Name, "a name", 1..=255, no_control, "has no control characters"
}

text! {
    /// The name of a plan, as in the policy: 1 to 64 visible ASCII characters. Whether the policy
    /// has such a plan is the caller's to know.
    PlanName, "the name of a plan", 1..=64, visible, "has visible ASCII characters only"
}

text! {
    /// The name of a limit, as in the policy: 1 to 64 letters, digits, `_`, `-` and `.`.
    LimitName, "the name of a limit", 1..=64, of_a_limit, "has letters, digits, `_`, `-` and `.` only"
}

text! {
    /// Why something was changed, for people: up to 1024 bytes; no control characters but line
    /// feeds and tabs.
    Note, "a note", 0..=1024, prose, "has no control characters but line feeds and tabs"
}

text! {
    /// What was done by hand, as a word: 1 to 64 visible ASCII characters.
    OperationName, "the name of an operation", 1..=64, visible, "has visible ASCII characters only"
}

text! {
    /// What makes a repeated write happen once: 1 to 255 visible ASCII characters, of the writer's
    /// choice, new for each write.
    WriteKey, "a write key", 1..=255, visible, "has visible ASCII characters only"
}

text! {
    /// The source of a log, or a digest of its first line: up to 255 bytes without control characters.
    LogText, "a source of logs", 0..=255, no_control, "has no control characters"
}

fn check(
    what: &'static str,
    text: &str,
    bytes: std::ops::RangeInclusive<usize>,
    fits: fn(char) -> bool,
    must: &str,
) -> Result<(), StoreError> {
    let (least, most) = (bytes.start(), bytes.end());
    let reason = if !bytes.contains(&text.len()) {
        format!("has {least} to {most} bytes, not {}", text.len())
    } else if !text.chars().all(fits) {
        must.to_owned()
    } else {
        return Ok(());
    };
    Err(StoreError::Text { what, reason })
}

fn no_control(c: char) -> bool {
    !c.is_control()
}

fn visible(c: char) -> bool {
    c.is_ascii_graphic()
}

fn of_a_limit(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn prose(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\t')
}

impl Default for Note {
    /// No words.
    fn default() -> Self {
        Self("".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_one_backend_would_refuse_is_refused_for_both() {
        let error = Name::parse("a\0b").unwrap_err();
        assert_eq!(error.to_string(), "a name has no control characters");
        assert!(Note::parse("first\n\tsecond").is_ok());
        assert!(Note::parse("a\0b").is_err() && Note::parse("a\u{85}b").is_err());
        assert!(PlanName::parse("two words").is_err() && PlanName::parse("plän").is_err());
    }

    #[test]
    fn lengths_are_in_bytes_and_their_bounds_are_allowed() {
        assert!(Name::parse(&"ä".repeat(127)).is_ok());
        let error = Name::parse(&"ä".repeat(128)).unwrap_err();
        assert_eq!(error.to_string(), "a name has 1 to 255 bytes, not 256");
        assert!(Name::parse("").is_err() && Note::parse("").is_ok());
        assert!(
            Issuer::parse(&"i".repeat(512)).is_ok() && Issuer::parse(&"i".repeat(513)).is_err()
        );
    }
}
