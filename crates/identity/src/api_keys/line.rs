//! One line of a file of API keys, and the digest of a key.

use std::hash::{Hash, Hasher};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::token::claims::NAME_BYTES_MAX;

const DIGEST_BYTES: usize = 32;

/// SHA-256 of a key. Compared in constant time, by whoever compares it.
#[derive(Clone, Copy)]
pub(super) struct Digest([u8; DIGEST_BYTES]);

/// What a line says of one key.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) digest: Digest,
    pub(super) subject: &'a str,
    pub(super) account: Option<&'a str>,
    pub(super) plan: Option<&'a str>,
    pub(super) not_after_s: Option<u64>,
}

// === impl Digest ===

impl Digest {
    pub(super) fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// As it stands in a file: hex of either case, or base64url.
    fn parse(text: &str) -> Option<Self> {
        let encoding = match text.len() {
            64 => HEXLOWER_PERMISSIVE,
            43 => BASE64URL_NOPAD,
            _ => return None,
        };
        let bytes = encoding.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// In hex, as `sha256sum` writes it.
    pub(super) fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

// === impl Line ===

impl<'a> Line<'a> {
    /// Reads a line that is not blank. No reason shows a part of it.
    pub(super) fn parse(line: &'a str) -> Result<Self, &'static str> {
        let mut fields = line.split_ascii_whitespace();
        let mut next = || {
            fields
                .next()
                .ok_or("expected the key's SHA-256, subject, account, plan and not-after")
        };
        let (digest, subject, account, plan, not_after) =
            (next()?, next()?, next()?, next()?, next()?);
        if fields.next().is_some() {
            return Err("more than five fields");
        }
        let digest = Digest::parse(digest)
            .ok_or("a key's SHA-256 is 64 characters of hex or 43 of base64url")?;
        let subject = optional(subject, "a subject is at most 255 bytes without blanks")?;
        Ok(Self {
            digest,
            subject: subject.ok_or("a subject is needed: whose key is it?")?,
            account: optional(account, "an account is at most 255 bytes without blanks")?,
            plan: optional(plan, "a plan is at most 255 bytes without blanks")?,
            not_after_s: match not_after {
                "-" => None,
                time => Some(seconds(time)?),
            },
        })
    }

    /// The line as this crate writes it.
    pub(super) fn write(&self) -> String {
        let time = self.not_after_s.map(|time_s| time_s.to_string());
        let fields = [
            self.subject,
            self.account.unwrap_or("-"),
            self.plan.unwrap_or("-"),
            time.as_deref().unwrap_or("-"),
        ];
        format!("{} {}\n", self.digest.to_hex(), fields.join(" "))
    }
}

/// A line without a key.
pub(super) fn is_blank(line: &str) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || line.starts_with('#')
}

/// A name, or `-` for none. Blanks of other alphabets are refused with those of ours: they would
/// make two names that look like one.
fn optional<'a>(text: &'a str, otherwise: &'static str) -> Result<Option<&'a str>, &'static str> {
    let misplaced = |c: char| c.is_control() || c.is_whitespace();
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.contains(misplaced) {
        return Err(otherwise);
    }
    Ok((text != "-").then_some(text))
}

fn seconds(text: &str) -> Result<u64, &'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or("a time is seconds since 1970, or `-`")
}
