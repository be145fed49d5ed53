//! What a client presents as its own: an id of one route, or its root for all of them.

use std::str::FromStr;

use super::{BucketId, LimitClass, MalformedBucketId, ROOT_CHARS, Root, bucket_id};
use crate::{KeyId, KeyRing, User};

/// A presented id or root, not believed yet: only its shape was checked.
pub enum PresentedId {
    /// `class.kid.tag`: one route's.
    Id(BucketId),
    /// `kid.root`: whoever holds the root can make every id of the user from it.
    Root(KeyId, [u8; ROOT_CHARS]),
}

impl PresentedId {
    /// Whether it is the user's own, for this class and route, under a key that is accepted now.
    ///
    /// What is compared with it is worked out from the *verified* user, so that it proves nothing
    /// about anybody else; the comparison takes the same time wherever the two differ.
    pub fn is_of(
        &self,
        user: &User,
        (class, method, template): (&LimitClass, &str, &str),
        ring: &KeyRing,
        now_unix_s: u64,
    ) -> bool {
        let kid = match self {
            Self::Id(id) => KeyId::new(id.kid()),
            Self::Root(kid, _) => Some(*kid),
        };
        let Some(kid) = kid.filter(|kid| ring.accepts(*kid, now_unix_s)) else {
            return false;
        };
        let account = user.account.as_deref();
        let Some(root) = ring.root_under(kid, &user.issuer, &user.subject, account) else {
            return false;
        };
        match self {
            Self::Id(id) => bucket_id(&root, class, method, template) == *id,
            Self::Root(_, presented) => root.is(presented),
        }
    }
}

impl FromStr for PresentedId {
    type Err = MalformedBucketId;

    fn from_str(text: &str) -> Result<Self, MalformedBucketId> {
        let mut parts = text.split('.');
        if let (Some(kid), Some(root), None) = (parts.next(), parts.next(), parts.next()) {
            let kid = KeyId::new(kid).ok_or(MalformedBucketId)?;
            let root = <[u8; ROOT_CHARS]>::try_from(root.as_bytes());
            return Ok(Self::Root(kid, root.map_err(|_| MalformedBucketId)?));
        }
        text.parse().map(Self::Id)
    }
}

impl Root {
    /// The root with the name of its key, as a client presents it: `kid.root`.
    pub fn presentable(&self) -> String {
        format!("{}.{}", self.kid(), self.expose())
    }
}
