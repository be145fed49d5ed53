//! Names of buckets inside a process: a hash under a key that no client knows.

use siphasher::sip::SipHasher13;

use crate::table::BucketKey;

/// Hashes what identifies a bucket into its key, under a secret of the process's own.
///
/// SipHash-1-3 under a secret key: a client that chooses its own names cannot choose which of them
/// meet in one set.
#[derive(Clone, Copy)]
pub struct KeyHasher([u8; 16]);

// === impl KeyHasher ===

impl KeyHasher {
    /// A hasher under a key from the system's randomness.
    ///
    /// # Errors
    /// When the system has none.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// A hasher under this key; for buckets that are restored from a snapshot.
    #[must_use]
    pub const fn with_key(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The key of the bucket that `parts` name together, in this order.
    ///
    /// No two lists of parts run together: `["a", "bc"]` and `["ab", "c"]` are two buckets.
    #[must_use]
    pub fn key(&self, parts: &[&[u8]]) -> BucketKey {
        // Most names are short: laid end to end they are hashed in one go.
        let mut buffer = [0_u8; SHORT];
        let mut filled = 0;
        for part in parts {
            let end = filled + size_of::<u64>() + part.len();
            let Some(room) = buffer.get_mut(filled..end) else {
                return self.long_key(parts);
            };
            let (length, content) = room.split_at_mut(size_of::<u64>());
            length.copy_from_slice(&(part.len() as u64).to_le_bytes());
            content.copy_from_slice(part);
            filled = end;
        }
        self.hash(&buffer[..filled])
    }

    /// The key of the bucket that `name` names, made by the caller so that no two buckets share one.
    #[must_use]
    #[inline]
    pub fn hash(&self, name: &[u8]) -> BucketKey {
        BucketKey(SipHasher13::new_with_key(&self.0).hash(name))
    }

    fn long_key(&self, parts: &[&[u8]]) -> BucketKey {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        self.hash(&bytes)
    }
}

/// Bytes of names, with the length of each, that are hashed without an allocation.
const SHORT: usize = 64;

impl std::fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHasher(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together_and_other_secrets_give_other_keys() {
        let hasher = KeyHasher::with_key([7; 16]);
        let other = KeyHasher::with_key([8; 16]);
        assert_eq!(hasher.key(&[b"a", b"bc"]), hasher.key(&[b"a", b"bc"]));
        assert_ne!(hasher.key(&[b"a", b"bc"]), hasher.key(&[b"ab", b"c"]));
        assert_ne!(hasher.key(&[b"a"]), hasher.key(&[b"a", b""]));
        assert_ne!(hasher.key(&[b"a"]), other.key(&[b"a"]));
        assert_eq!(format!("{hasher:?}"), "KeyHasher(…)");
    }
}
