//! A verified user and the keys under which the process counts.

use std::{fmt, hash::Hasher, sync::Arc};

use siphasher::sip128::{Hasher128, SipHasher24};

/// What buckets are keyed on inside the process: 128 bits of keyed SipHash-2-4.
///
/// The key is random per process, so that nobody outside can aim at a bucket or at a set of
/// the table. It never leaves the process; [`crate::BucketId`] is the name for outside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalKey(pub u128);

/// A caller whose token or certificate verified.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The issuer, exactly as configured and as the token says; a name of Tollgate's own for a
    /// certificate.
    pub issuer: Arc<str>,
    /// The subject claim or the name in the certificate, 1 to 255 bytes without control characters.
    pub subject: Box<str>,
    /// The account claim, if one is configured and present.
    pub account: Option<Box<str>>,
    /// The plan claim, if one is configured and present.
    pub plan: Option<Box<str>>,
    /// The token's `exp`, without leeway; a certificate's last second.
    pub expires_unix_s: u64,
    /// Of issuer, subject and account: the same for every credential of one user.
    pub key: PrincipalKey,
    /// Of issuer and account; equal to `key` when there is no account.
    pub account_key: PrincipalKey,
}

/// Domains, so that no user, account and network can share a key by construction.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Domain {
    User = b'u',
    Account = b'a',
    Network = b'n',
}

impl PrincipalKey {
    /// Hashes length-prefixed parts, so that no two lists of parts collide by shape.
    pub(crate) fn of(hash_key: &[u8; 16], domain: Domain, parts: &[&[u8]]) -> Self {
        let mut hasher = SipHasher24::new_with_key(hash_key);
        hasher.write_u8(domain as u8);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        Self(hasher.finish128().as_u128())
    }

    pub(crate) fn of_user(
        hash_key: &[u8; 16],
        issuer: &str,
        subject: &str,
        account: Option<&str>,
    ) -> Self {
        let account = account.unwrap_or_default();
        let parts = [issuer.as_bytes(), subject.as_bytes(), account.as_bytes()];
        Self::of(hash_key, Domain::User, &parts)
    }

    pub(crate) fn of_account(hash_key: &[u8; 16], issuer: &str, account: &str) -> Self {
        let parts = [issuer.as_bytes(), account.as_bytes()];
        Self::of(hash_key, Domain::Account, &parts)
    }
}

impl User {
    /// A user by its names, without a credential that would prove them: for whoever looks at what a user
    /// has, and for keys of credentials that were checked. Its time does not end.
    #[must_use]
    pub fn named(
        hash_key: &[u8; 16],
        issuer: &str,
        subject: &str,
        account: Option<&str>,
        plan: Option<&str>,
    ) -> Self {
        let key = PrincipalKey::of_user(hash_key, issuer, subject, account);
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            account: account.map(Into::into),
            plan: plan.map(Into::into),
            expires_unix_s: u64::MAX,
            key,
            account_key: account.map_or(key, |account| {
                PrincipalKey::of_account(hash_key, issuer, account)
            }),
        }
    }
}

impl fmt::Debug for PrincipalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrincipalKey({:032x})", self.0)
    }
}

/// Shows neither subject nor account: logs name users by bucket id.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("issuer", &self.issuer)
            .field("plan", &self.plan)
            .field("expires_unix_s", &self.expires_unix_s)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [7; 16];

    #[test]
    fn moving_a_byte_between_parts_changes_the_key() {
        let user = |i, s, a| PrincipalKey::of_user(&KEY, i, s, a);
        let all = [
            user("ab", "c", None),
            user("a", "bc", None),
            user("abc", "", None),
            user("ab", "", Some("c")),
            user("a", "b", Some("c")),
            PrincipalKey::of_account(&KEY, "ab", "c"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one));
        }
    }

    #[test]
    fn another_process_key_gives_another_key() {
        let one = PrincipalKey::of_user(&KEY, "i", "s", None);
        assert_ne!(one, PrincipalKey::of_user(&[8; 16], "i", "s", None));
        assert_eq!(one, PrincipalKey::of_user(&KEY, "i", "s", Some("")));
    }
}
