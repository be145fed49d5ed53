//! What a client presents as its own: the id of one route in a field, its root in a cookie.
//!
//! A limiter in front counts what it is shown, by the class at its beginning, before anybody has
//! verified it. So each place holds one kind: were a root good in the field as well, its user would
//! have a second count there.

use std::str::FromStr;

use super::{BucketId, LimitClass, MalformedBucketId, ROOT_CHARS, Root, bucket_id};
use crate::{KeyId, KeyRing, User};

/// A presented `class.kid.tag`, one route's, not believed yet: only its shape was checked.
pub struct PresentedId(BucketId);

/// A presented `class.kid.root`, good for all routes, not believed yet. The class is the plan's.
pub struct PresentedRoot {
    class: LimitClass,
    kid: KeyId,
    root: [u8; ROOT_CHARS],
}

// What is compared with either is worked out from the *verified* user, so that it proves nothing
// about anybody else; the comparison takes the same time wherever the two differ.

impl PresentedId {
    /// Whether it is the user's own, for this class and route, under a key that is accepted now.
    pub fn is_of(
        &self,
        user: &User,
        (class, method, template): (&LimitClass, &str, &str),
        ring: &KeyRing,
        now_unix_s: u64,
    ) -> bool {
        let kid = KeyId::new(self.0.kid());
        let root = kid.and_then(|kid| accepted_root(kid, user, ring, now_unix_s));
        root.is_some_and(|root| bucket_id(&root, class, method, template) == self.0)
    }
}

impl PresentedRoot {
    /// Whether it is the user's own, for the class of its plan, under a key that is accepted now.
    pub fn is_of(&self, user: &User, class: &LimitClass, ring: &KeyRing, now_unix_s: u64) -> bool {
        let root = accepted_root(self.kid, user, ring, now_unix_s);
        self.class == *class && root.is_some_and(|root| root.is(&self.root))
    }
}

fn accepted_root(kid: KeyId, user: &User, ring: &KeyRing, now_unix_s: u64) -> Option<Root> {
    if !ring.accepts(kid, now_unix_s) {
        return None;
    }
    ring.root_under(kid, &user.issuer, &user.subject, user.account.as_deref())
}

impl FromStr for PresentedId {
    type Err = MalformedBucketId;

    fn from_str(text: &str) -> Result<Self, MalformedBucketId> {
        text.parse().map(Self)
    }
}

impl FromStr for PresentedRoot {
    type Err = MalformedBucketId;

    fn from_str(text: &str) -> Result<Self, MalformedBucketId> {
        let mut parts = text.split('.');
        let (Some(class), Some(kid), Some(root), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedBucketId);
        };
        Ok(Self {
            class: LimitClass::new(class).map_err(|_| MalformedBucketId)?,
            kid: KeyId::new(kid).ok_or(MalformedBucketId)?,
            root: <[u8; ROOT_CHARS]>::try_from(root.as_bytes()).map_err(|_| MalformedBucketId)?,
        })
    }
}

impl Root {
    /// The root as a cookie holds it: `class.kid.root`, with the class of the user's plan.
    pub fn presentable(&self, class: &LimitClass) -> String {
        format!("{}.{}.{}", class.as_str(), self.kid(), self.expose())
    }
}
