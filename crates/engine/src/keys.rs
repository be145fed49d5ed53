//! Names of buckets inside the process: 128 bits under a key that no client knows.

use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use tollgate_identity::PrincipalKey;
use tollgate_limiter::BucketKey;

/// The process's secret for all in-memory keys; made at start, never stored.
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

    /// The key of a made-up principal, for a policy's own tests.
    pub(crate) fn principal(&self, parts: &[&str]) -> PrincipalKey {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part.as_bytes());
        }
        PrincipalKey(hasher.finish128().as_u128())
    }

    /// The bucket of `principal` (zero for a global limit) on `route` (zero for all routes).
    pub(crate) fn bucket(&self, principal: PrincipalKey, route: u64, limit: u64) -> BucketKey {
        let mut bytes = [0_u8; 32];
        bytes[..16].copy_from_slice(&principal.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&route.to_le_bytes());
        bytes[24..].copy_from_slice(&limit.to_le_bytes());
        BucketKey(SipHasher13::new_with_key(&self.0).hash(&bytes).as_u128())
    }
}
