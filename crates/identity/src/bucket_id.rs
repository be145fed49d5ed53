//! Bucket ids: names of *user × route* for the outside that nobody else can make.
//!
//! A root is an HMAC of the user, an id an HMAC of the route under the root, so that a client
//! that holds its root can name its own buckets and nobody's else.

mod presented;

use std::{fmt, str::FromStr};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{IdentityError, KeyId};

pub use presented::{PresentedId, PresentedRoot};

/// Characters of a root: HMAC-SHA256 in base64url without padding.
pub const ROOT_CHARS: usize = 43;
/// Characters of the last part of an id: 132 bits.
const TAG_CHARS: usize = 22;
/// Longest limit class.
const CLASS_CHARS_MAX: usize = 8;
/// Longest id: class, kid and tag with two dots.
pub const BUCKET_ID_CHARS_MAX: usize = CLASS_CHARS_MAX + 1 + KeyId::CHARS_MAX + 1 + TAG_CHARS;

/// What every id of one user is made from; private to the user, expires with its key.
#[derive(Clone)]
pub struct Root {
    kid: KeyId,
    text: Zeroizing<[u8; ROOT_CHARS]>,
}

/// A limit class: 1 to 8 of `a-z0-9`, in clear at the front of an id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitClass {
    chars: [u8; CLASS_CHARS_MAX],
    len: u8,
}

/// A bucket's public name, `class.kid.tag`, 26 to 36 ASCII characters. Compared in constant
/// time.
#[derive(Clone, Copy)]
pub struct BucketId {
    chars: [u8; BUCKET_ID_CHARS_MAX],
    len: u8,
}

/// The id of a user's bucket for a route.
///
/// `method` and `template` are those of the route, `*` for the unmatched one.
pub fn bucket_id(root: &Root, class: &LimitClass, method: &str, template: &str) -> BucketId {
    let mut mac = keyed(&*root.text);
    mac.update(b"tollgate/route/1");
    for part in [class.as_str(), method, template] {
        length_prefixed(&mut mac, part);
    }
    let tag = base64url(mac);
    let mut id = BucketId {
        chars: [0; BUCKET_ID_CHARS_MAX],
        len: 0,
    };
    for part in [
        class.as_str().as_bytes(),
        b".",
        root.kid.as_str().as_bytes(),
        b".",
        &tag[..TAG_CHARS],
    ] {
        id.push(part);
    }
    id
}

/// A MAC under a key whose ASCII bytes are the HMAC key, so that nothing need decode it.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of any length (RFC 2104 section 2)"
    )]
    Hmac::new_from_slice(key).expect("a key of any length")
}

/// Feeds the length in bytes in decimal, a colon and the text: no two lists collide.
pub(crate) fn length_prefixed(mac: &mut Hmac<Sha256>, text: &str) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = text.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789"[rest % 10];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    mac.update(&digits[at..]);
    mac.update(b":");
    mac.update(text.as_bytes());
}

/// The 43 characters of a finished MAC.
pub(crate) fn base64url(mac: Hmac<Sha256>) -> Zeroizing<[u8; ROOT_CHARS]> {
    let mut text = Zeroizing::new([0; ROOT_CHARS]);
    BASE64URL_NOPAD.encode_mut(&mac.finalize().into_bytes(), &mut text[..]);
    text
}

// === impl Root ===

impl Root {
    pub(crate) fn new(kid: KeyId, text: Zeroizing<[u8; ROOT_CHARS]>) -> Self {
        Self { kid, text }
    }

    /// The key that it was made under.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// Constant in time.
    fn is(&self, presented: &[u8; ROOT_CHARS]) -> bool {
        self.text[..].ct_eq(&presented[..]).into()
    }

    /// The root itself, 43 characters of base64url: for its own user only.
    pub fn expose(&self) -> &str {
        str::from_utf8(&self.text[..]).unwrap_or_default()
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({}, [redacted])", self.kid)
    }
}

// === impl LimitClass ===

impl LimitClass {
    /// Checks a class.
    ///
    /// # Errors
    /// [`IdentityError::LimitClass`] unless it is 1 to 8 of `a-z0-9`.
    pub fn new(class: &str) -> Result<Self, IdentityError> {
        short_name(class)
            .map(|(chars, len)| Self { chars, len })
            .ok_or(IdentityError::LimitClass)
    }

    /// The class in clear.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.chars[..self.len.into()]).unwrap_or_default()
    }
}

impl fmt::Debug for LimitClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 1 to N of `a-z0-9`, inline.
pub(crate) fn short_name<const N: usize>(name: &str) -> Option<([u8; N], u8)> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || !name.bytes().all(allowed) {
        return None;
    }
    let mut chars = [0; N];
    chars
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    Some((chars, u8::try_from(name.len()).ok()?))
}

// === impl BucketId ===

impl BucketId {
    fn push(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        self.chars[start..start + part.len()].copy_from_slice(part);
        // The parts are bounded by the array, which is shorter than 256.
        self.len += u8::try_from(part.len()).unwrap_or(0);
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.chars[..self.len.into()]).unwrap_or_default()
    }

    /// The limit class in front.
    pub fn class(&self) -> &str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// The key that it was made under.
    pub fn kid(&self) -> &str {
        self.as_str().split('.').nth(1).unwrap_or_default()
    }
}

/// Constant in time for names of one length.
impl PartialEq for BucketId {
    fn eq(&self, other: &Self) -> bool {
        (self.chars.ct_eq(&other.chars) & self.len.ct_eq(&other.len)).into()
    }
}

impl Eq for BucketId {}

/// Reads a presented id: only its shape is checked.
impl FromStr for BucketId {
    type Err = MalformedBucketId;

    fn from_str(text: &str) -> Result<Self, MalformedBucketId> {
        let mut parts = text.split('.');
        let (class, kid, tag) = (parts.next(), parts.next(), parts.next());
        let is_tag = |tag: &str| {
            let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            tag.len() == TAG_CHARS && tag.bytes().all(base64url)
        };
        let fits = class
            .and_then(|class| LimitClass::new(class).ok())
            .is_some()
            && kid.and_then(KeyId::new).is_some()
            && tag.is_some_and(is_tag)
            && parts.next().is_none();
        if !fits {
            return Err(MalformedBucketId);
        }
        let mut id = Self {
            chars: [0; BUCKET_ID_CHARS_MAX],
            len: 0,
        };
        id.push(text.as_bytes());
        Ok(id)
    }
}

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A presented id that is not `class.kid.tag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a bucket id is class.kid.tag")]
pub struct MalformedBucketId;

#[cfg(test)]
mod tests;
