//! Remembered verdicts of exact token bytes.
//!
//! The key of an entry is POLYVAL (RFC 8452) of the token, zeros and its length under a random key of
//! the process: the token itself is not kept, and two tokens of at most 16 KiB share an entry
//! with a chance below 2^-117, whoever chooses them, since neither key nor output leaves the
//! process. A cryptographic hash would need no secret and cost four times as much on every
//! request. Valid and refused tokens have budgets of their own, so that garbage cannot push out
//! users.

use std::{
    hash::{BuildHasher, Hasher},
    ops::Range,
    sync::Arc,
};

use polyval::universal_hash::UniversalHash;
use polyval::{Block, Polyval};
use quick_cache::{UnitWeighter, sync::Cache};

use crate::{User, token::TokenError};

/// Refused tokens remembered, at most; never more than the budget of valid ones.
pub(crate) const REFUSED_ENTRIES_MAX: usize = 8 * 1024;
/// Bytes of the process's secret.
const KEY_BYTES: usize = 16;

/// Bytes of a block of the hash, and of as many blocks as it takes at once.
const BLOCK_BYTES: usize = 16;
const GROUP_BYTES: usize = 4 * BLOCK_BYTES;

/// The name of a token in the cache.
pub(crate) type TokenDigest = u128;

/// A verified token.
#[derive(Clone)]
pub(crate) struct ValidEntry {
    pub(crate) user: Arc<User>,
    pub(crate) issuer: usize,
    pub(crate) generation: u64,
    pub(crate) valid_from_s: u64,
    pub(crate) valid_until_s: u64,
}

/// A refused token.
#[derive(Clone)]
pub(crate) struct RefusedEntry {
    pub(crate) reason: TokenError,
    /// The issuer and the generation of its keys, where they had a part in it.
    pub(crate) keys: Option<(usize, u64)>,
    /// The seconds in which it is remembered; not before either, should the clock step back.
    pub(crate) remembered_s: Range<u64>,
}

pub(crate) struct VerdictCache {
    hash: Polyval,
    valid: Cache<TokenDigest, ValidEntry, UnitWeighter, Uniform>,
    refused: Cache<TokenDigest, RefusedEntry, UnitWeighter, Uniform>,
}

impl VerdictCache {
    /// `None` for a budget of 0 entries.
    pub(crate) fn new(entries: usize, secret: &[u8; KEY_BYTES]) -> Option<Self> {
        if entries == 0 {
            return None;
        }
        let refused = entries.min(REFUSED_ENTRIES_MAX);
        Some(Self {
            hash: Polyval::new(secret.into()),
            valid: bounded(entries),
            refused: bounded(refused),
        })
    }

    pub(crate) fn digest(&self, token: &[u8]) -> TokenDigest {
        let mut hash = self.hash.clone();
        let (groups, rest) = token.split_at(token.len() / GROUP_BYTES * GROUP_BYTES);
        hash.update(Block::slice_as_chunks(groups).0);
        // The rest with zeros behind it, and in the last block the length, which tells a token from
        // the same one with zero bytes behind it. Whole groups: four blocks at once take as long as one.
        let mut last = [0; 2 * GROUP_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        let groups = if rest.len() + BLOCK_BYTES <= GROUP_BYTES {
            1
        } else {
            2
        };
        let last = &mut last[..groups * GROUP_BYTES];
        let length = last.len() - BLOCK_BYTES;
        last[length..][..8].copy_from_slice(&(token.len() as u64).to_le_bytes());
        hash.update(Block::slice_as_chunks(last).0);
        u128::from_le_bytes(hash.finalize().into())
    }

    /// A verified token that still is within its times and verified by the keys in use.
    pub(crate) fn valid(
        &self,
        digest: &TokenDigest,
        now_s: u64,
        generation_of: impl Fn(usize) -> u64,
    ) -> Option<Arc<User>> {
        let entry = self.valid.get(digest)?;
        let in_time = (entry.valid_from_s..entry.valid_until_s).contains(&now_s);
        let same_keys = generation_of(entry.issuer) == entry.generation;
        (in_time && same_keys).then_some(entry.user)
    }

    /// The reason for which a token was refused seconds ago, unless keys changed since.
    pub(crate) fn refused(
        &self,
        digest: &TokenDigest,
        now_s: u64,
        generation_of: impl Fn(usize) -> u64,
    ) -> Option<TokenError> {
        let entry = self.refused.get(digest)?;
        let changed = |(issuer, generation)| generation_of(issuer) != generation;
        let outlived = !entry.remembered_s.contains(&now_s) || entry.keys.is_some_and(changed);
        (!outlived).then_some(entry.reason)
    }

    pub(crate) fn put_valid(&self, digest: TokenDigest, entry: ValidEntry) {
        self.valid.insert(digest, entry);
    }

    pub(crate) fn put_refused(&self, digest: TokenDigest, entry: RefusedEntry) {
        self.refused.insert(digest, entry);
    }

    /// Entries of valid and of refused tokens, outlived ones included until they are replaced.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.valid.len(), self.refused.len())
    }
}

fn bounded<T: Clone>(entries: usize) -> Cache<TokenDigest, T, UnitWeighter, Uniform> {
    Cache::with(
        entries,
        entries as u64,
        UnitWeighter,
        Uniform,
        Default::default(),
    )
}

/// Digests are uniform and unpredictable already: their upper half is the hash.
#[derive(Clone, Copy, Default)]
struct Uniform;

#[derive(Default)]
struct UniformHasher(u64);

impl BuildHasher for Uniform {
    type Hasher = UniformHasher;

    fn build_hasher(&self) -> UniformHasher {
        UniformHasher::default()
    }
}

impl Hasher for UniformHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Digests come as numbers; this is only what the trait asks for.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, digest: u128) {
        self.0 ^= u64::try_from(digest >> 64).unwrap_or(u64::MAX);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrincipalKey;

    fn entry(generation: u64) -> ValidEntry {
        let user = User {
            issuer: "i".into(),
            subject: "s".into(),
            account: None,
            plan: None,
            expires_unix_s: 100,
            key: PrincipalKey(1),
            account_key: PrincipalKey(1),
        };
        ValidEntry {
            user: Arc::new(user),
            issuer: 0,
            generation,
            valid_from_s: 10,
            valid_until_s: 100,
        }
    }

    #[test]
    fn tokens_of_every_length_have_names_of_their_own() {
        // The bound on chance is over keys: one with a pattern meets the patterns here.
        let cache =
            VerdictCache::new(100, b"\x9d\x02k\xf1\x83J\x0e\xc7U\xb8&\xda\x14o\xe9\x70").unwrap();
        let zeros = [0; 4 * GROUP_BYTES];
        let mut names = std::collections::HashSet::new();
        for length in 0..zeros.len() {
            assert!(names.insert(cache.digest(&zeros[..length])), "{length}");
            // Each byte counts, the last of all, too.
            for place in 0..length {
                let mut token = zeros;
                token[place] = 1;
                assert!(
                    names.insert(cache.digest(&token[..length])),
                    "{length}, {place}"
                );
            }
        }
    }

    #[test]
    fn an_entry_holds_within_its_times_and_keys() {
        let cache = VerdictCache::new(100, &[1; 16]).unwrap();
        let digest = cache.digest(b"a.b.c");
        cache.put_valid(digest, entry(7));
        let at = |now_s, generation| cache.valid(&digest, now_s, |_| generation).is_some();
        assert_eq!(
            [at(9, 7), at(10, 7), at(99, 7), at(100, 7), at(50, 8)],
            [false, true, true, false, false]
        );
        assert!(cache.valid(&cache.digest(b"a.b.d"), 50, |_| 7).is_none());
    }

    #[test]
    fn a_refusal_is_forgotten_in_time_and_with_the_keys() {
        let cache = VerdictCache::new(100, &[1; 16]).unwrap();
        let digest = cache.digest(b"x");
        let entry = RefusedEntry {
            reason: TokenError::Signature,
            keys: Some((0, 7)),
            remembered_s: 2..5,
        };
        cache.put_refused(digest, entry);
        let at = |now_s, generation| cache.refused(&digest, now_s, |_| generation).is_some();
        assert_eq!(
            [at(1, 7), at(4, 7), at(5, 7), at(4, 8)],
            [false, true, false, false]
        );
    }

    #[test]
    fn a_flood_of_refusals_stays_within_its_budget_and_pushes_nobody_out() {
        let cache = VerdictCache::new(1000, &[1; 16]).unwrap();
        for n in 0..500 {
            cache.put_valid(cache.digest(format!("valid {n}").as_bytes()), entry(7));
        }
        for n in 0..50_000 {
            let entry = RefusedEntry {
                reason: TokenError::Signature,
                keys: None,
                remembered_s: 0..99,
            };
            cache.put_refused(cache.digest(format!("garbage {n}").as_bytes()), entry);
        }
        let (valid, refused) = cache.len();
        assert_eq!(valid, 500);
        assert!(refused <= 1000, "{refused}");
        let kept = (0..500).filter(|n| {
            cache
                .valid(&cache.digest(format!("valid {n}").as_bytes()), 50, |_| 7)
                .is_some()
        });
        assert_eq!(kept.count(), 500);
    }

    #[test]
    fn another_process_digests_otherwise() {
        let [one, other] =
            [[1; 16], [2; 16]].map(|secret| VerdictCache::new(1, &secret).unwrap().digest(b"t"));
        assert_ne!(one, other);
        assert!(VerdictCache::new(0, &[0; 16]).is_none());
    }
}
