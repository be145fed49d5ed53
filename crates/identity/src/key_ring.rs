//! The ring of keys from which bucket ids are made: one current, any number accepted.
//!
//! # File format
//! UTF-8 text, one key a line, fields between spaces; `#` begins a comment line.
//! ```text
//! # kid  secret (43 characters of base64url)                 not-before  not-after  state
//! k1     AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8         1767225600  1798761600 accepted
//! k2     7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU         1790000000  -          current
//! ```
//! Times are seconds since 1970, `-` for none; not-after itself is outside. Exactly one key is
//! `current`. On Unix the file must be readable and writable by its owner alone (0600).

mod text;

use std::{fmt, path::Path};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    ClientNetwork, IdentityError, Redacted, Root,
    bucket_id::{base64url, keyed, length_prefixed, short_name},
    private_file::{self, PrivateFileError},
};

pub use text::{KeyNote, KeyRingText, Rotated};

/// Largest key ring in bytes.
pub const KEY_RING_BYTES_MAX: u64 = 64 * 1024;
/// Most keys of a ring.
pub const KEY_RING_KEYS_MAX: usize = 64;
/// Bytes of a key before it is written as text.
const KEY_BYTES: usize = 32;

/// The name of a key: 1 to 4 of `a-z0-9`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId {
    chars: [u8; Self::CHARS_MAX],
    len: u8,
}

/// The keys. Their text is never kept, and what stands for it is zeroed when dropped and never
/// shown.
pub struct KeyRing {
    keys: Vec<RingKey>,
    current: usize,
}

/// Does not compile unless the hash is built to zero itself when dropped: a MAC's state is two of
/// its states, and as good as the key.
const _: fn() = || {
    fn is_zeroed<T: zeroize::ZeroizeOnDrop>() {}
    is_zeroed::<Sha256>();
};

struct RingKey {
    kid: KeyId,
    /// The HMAC state under the key's text, made ready once.
    mac: Redacted<Hmac<Sha256>>,
    not_before_s: u64,
    not_after_s: u64,
}

// === impl KeyRing ===

impl KeyRing {
    /// Reads a ring from its text.
    ///
    /// # Errors
    /// The line that cannot be read, or why the ring as a whole cannot be used. No error shows
    /// a secret.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let (mut keys, mut current) = (Vec::<RingKey>::new(), None);
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at_line = |reason| IdentityError::KeyRingLine {
                line: index + 1,
                reason,
            };
            let (key, is_current) = RingKey::parse(line).map_err(at_line)?;
            if keys.len() == KEY_RING_KEYS_MAX {
                return Err(at_line("more than 64 keys"));
            }
            if keys.iter().any(|other| other.kid == key.kid) {
                return Err(at_line("this kid stands on an earlier line"));
            }
            if is_current && current.replace(keys.len()).is_some() {
                return Err(at_line("an earlier key is current already"));
            }
            keys.push(key);
        }
        let reason = "no key is marked `current`";
        let current = current.ok_or(IdentityError::KeyRing { reason })?;
        Ok(Self { keys, current })
    }

    /// Reads a ring from a file that only its owner may read and write.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, has other permissions than 0600 (or
    /// narrower), or does not parse.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let text = read_private(path)?;
        Self::parse(&text)
    }

    /// A ring of one random key that lives as long as the process: ids then change with every
    /// start and differ between machines.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn ephemeral() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut bytes[..]).map_err(|_| IdentityError::Randomness)?;
        let secret = Zeroizing::new(BASE64URL_NOPAD.encode(&bytes[..]));
        let key = RingKey {
            kid: KeyId {
                chars: *b"e\0\0\0",
                len: 1,
            },
            mac: Redacted::new(keyed(secret.as_bytes())),
            not_before_s: 0,
            not_after_s: u64::MAX,
        };
        Ok(Self {
            keys: vec![key],
            current: 0,
        })
    }

    /// The key that new ids are made with.
    pub fn current_kid(&self) -> KeyId {
        self.keys[self.current].kid
    }

    /// Every key of the ring, the current one included.
    pub fn kids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|key| key.kid)
    }

    /// Whether ids under this key are accepted at a moment, in seconds since 1970.
    pub fn accepts(&self, kid: KeyId, now_unix_s: u64) -> bool {
        let times = |key: &RingKey| key.not_before_s..key.not_after_s;
        self.find(kid)
            .is_some_and(|key| times(key).contains(&now_unix_s))
    }

    /// The root of a user under the current key.
    pub fn root(&self, issuer: &str, subject: &str, account: Option<&str>) -> Root {
        self.keys[self.current].root(issuer, subject, account)
    }

    /// The root of an anonymous caller's network under the current key.
    ///
    /// As a user's, of `tollgate/network/1` and the network's length-prefixed name: an IPv4 network
    /// as `192.0.2.1/32`, an IPv6 one with all of its eight groups, as `2001:db8:0:0:0:0:0:0/64`.
    pub fn network_root(&self, network: &ClientNetwork) -> Root {
        self.keys[self.current].network_root(network)
    }

    /// The root of a user under another key of the ring.
    pub fn root_under(
        &self,
        kid: KeyId,
        issuer: &str,
        subject: &str,
        account: Option<&str>,
    ) -> Option<Root> {
        self.find(kid).map(|key| key.root(issuer, subject, account))
    }

    /// Whether the key that new ids are made with is accepted at a moment, in seconds since 1970.
    pub fn is_valid(&self, now_unix_s: u64) -> bool {
        self.accepts(self.current_kid(), now_unix_s)
    }

    /// The second from which on the current key is no longer accepted, since 1970.
    pub fn current_expiry(&self) -> u64 {
        self.keys[self.current].not_after_s
    }

    /// The MAC of a message under the current key. Messages of other kinds begin otherwise, so
    /// that none can pass for one of them: a root's with `tollgate/`, a pass's with `ey`.
    pub(crate) fn tag(&self, message: &[u8]) -> [u8; 32] {
        let mac = self.keys[self.current].mac.expose().clone();
        hmac::Mac::chain_update(mac, message)
            .finalize()
            .into_bytes()
            .into()
    }

    /// Whether a message's MAC holds under a key of the ring; constant in time.
    pub(crate) fn holds(&self, kid: KeyId, message: &[u8], tag: &[u8]) -> bool {
        self.find(kid).is_some_and(|key| {
            let mac = hmac::Mac::chain_update(key.mac.expose().clone(), message);
            mac.verify_slice(tag).is_ok()
        })
    }

    /// The MAC that is begun under a key of the ring. Whoever feeds it begins as [`KeyRing::tag`] says.
    pub(crate) fn mac(&self, kid: KeyId) -> Option<Hmac<Sha256>> {
        self.find(kid).map(|key| key.mac.expose().clone())
    }

    fn find(&self, kid: KeyId) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("current", &self.current_kid())
            .field("kids", &self.kids().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

// === impl RingKey ===

impl RingKey {
    /// One line; whether it is the current key.
    fn parse(line: &str) -> Result<(Self, bool), &'static str> {
        let mut fields = line.split_ascii_whitespace();
        let mut next = || {
            fields
                .next()
                .ok_or("expected kid, secret, not-before, not-after and state")
        };
        let (kid, secret, not_before, not_after, state) =
            (next()?, next()?, next()?, next()?, next()?);
        if fields.next().is_some() {
            return Err("more than five fields");
        }
        let kid = KeyId::new(kid).ok_or("a kid is 1 to 4 of a-z and 0-9")?;
        let decoded = BASE64URL_NOPAD
            .decode(secret.as_bytes())
            .map(Zeroizing::new);
        if !decoded.is_ok_and(|bytes| bytes.len() == KEY_BYTES) {
            return Err("a secret is 32 bytes as 43 characters of base64url");
        }
        let not_before_s = seconds(not_before, 0)?;
        let not_after_s = seconds(not_after, u64::MAX)?;
        if not_before_s >= not_after_s {
            return Err("not-after is not later than not-before");
        }
        let is_current = match state {
            "current" => true,
            "accepted" => false,
            _ => return Err("a state is `current` or `accepted`"),
        };
        let mac = Redacted::new(keyed(secret.as_bytes()));
        Ok((
            Self {
                kid,
                mac,
                not_before_s,
                not_after_s,
            },
            is_current,
        ))
    }

    fn root(&self, issuer: &str, subject: &str, account: Option<&str>) -> Root {
        let parts = [issuer, subject, account.unwrap_or_default()];
        self.root_of(b"tollgate/user/1", &parts)
    }

    fn network_root(&self, network: &ClientNetwork) -> Root {
        self.root_of(b"tollgate/network/1", &[&network.name()])
    }

    fn root_of(&self, kind: &[u8], parts: &[&str]) -> Root {
        let mut mac = self.mac.expose().clone();
        hmac::Mac::update(&mut mac, kind);
        for part in parts {
            length_prefixed(&mut mac, part);
        }
        Root::new(self.kid, base64url(mac))
    }
}

fn seconds(text: &str, open: u64) -> Result<u64, &'static str> {
    match text {
        "-" => Ok(open),
        _ => text
            .parse()
            .map_err(|_| "a time is seconds since 1970, or `-`"),
    }
}

// === impl KeyId ===

impl KeyId {
    /// Longest name.
    pub const CHARS_MAX: usize = 4;

    /// Checks a name: 1 to 4 of `a-z0-9`.
    pub fn new(kid: &str) -> Option<Self> {
        short_name(kid).map(|(chars, len)| Self { chars, len })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.chars[..self.len.into()]).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, IdentityError> {
    let path = path.to_owned();
    private_file::read(&path, KEY_RING_BYTES_MAX).map_err(|error| match error {
        PrivateFileError::Mode(mode) => IdentityError::KeyRingMode { path, mode },
        PrivateFileError::Unreadable(reason) => IdentityError::KeyRingFile { path, reason },
        PrivateFileError::TooLarge => IdentityError::KeyRingFile {
            path,
            reason: "larger than 64 KiB".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests;
