//! Names of buckets inside the process, under a key that no client knows.

use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use tollgate_identity::PrincipalKey;
use tollgate_limiter::BucketKey;

/// The process's secret for all in-memory keys; made at start, and kept only with saved counts.
///
/// Bucket keys name principal × route × limit, and neither plan nor rate, so that a change of
/// plan or a reload of the policy finds the same bucket.
#[derive(Clone, Copy)]
pub(crate) struct HashKey(pub(crate) [u8; 16]);

impl HashKey {
    /// The stable part of a bucket's name that comes from the policy: a route or a limit.
    pub(crate) fn name(&self, parts: &[&str]) -> u64 {
        let PrincipalKey(bits) = self.principal(parts);
        u64::try_from(bits >> 64).unwrap_or(u64::MAX)
    }

    fn principal(&self, parts: &[&str]) -> PrincipalKey {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part.as_bytes());
        }
        PrincipalKey(hasher.finish128().as_u128())
    }

    /// The bucket of `principal` (zero for a global limit) on `route` (zero for all routes).
    ///
    /// Each of the three is a hash under the secret already, made when the token was verified or
    /// the policy loaded. Their exclusive or is as hard to aim at as they are, and costs nothing.
    #[inline]
    pub(crate) fn bucket(principal: PrincipalKey, route: u64, limit: u64) -> BucketKey {
        let low = principal.0 & u128::from(u64::MAX);
        BucketKey(u64::try_from(low).unwrap_or(u64::MAX) ^ route ^ limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_one_name_are_one_and_any_other_name_is_another() {
        let hash = HashKey([3; 16]);
        let users = ["alice", "bob"].map(|user| hash.principal(&["user", user]));
        let routes = ["GET /a", "GET /b"].map(|route| hash.name(&["route", route]));
        let limits = ["burst", "sustained"].map(|limit| hash.name(&["limit", limit]));
        let mut seen = std::collections::HashSet::new();
        for user in users {
            for route in routes.into_iter().chain([0]) {
                for limit in limits {
                    assert_eq!(
                        HashKey::bucket(user, route, limit),
                        HashKey::bucket(user, route, limit)
                    );
                    assert!(seen.insert(HashKey::bucket(user, route, limit)));
                }
            }
        }
        assert_eq!(seen.len(), 12);
        let other = HashKey([4; 16]);
        assert_ne!(other.name(&["limit", "burst"]), limits[0]);
    }
}
