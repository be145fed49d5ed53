//! Aliases: stable names of users and plans for systems that keep names for long.
//!
//! A bucket id names a user on one route; an alias names the user as a whole, or a plan, for an
//! access log or a usage plan of somebody else's. Nothing is derived from it, and each use has names
//! of its own, so that who sees one cannot tell the other. Unlike a root it is no secret of the user.

use std::fmt;

use hmac::Mac as _;

use crate::{KeyId, KeyRing, User, bucket_id::length_prefixed};

/// Characters of an alias: 160 bits in hexadecimal, which any system takes for a key or a name.
pub const ALIAS_CHARS: usize = 40;

/// Who is named, and for what.
#[derive(Clone, Copy, Debug)]
pub enum AliasOf<'a> {
    /// A user, as whom somebody else's log knows it.
    Principal(&'a User),
    /// A user, as the value of an API key in a usage plan.
    UsageOfUser(&'a User),
    /// A plan, likewise.
    UsageOfPlan(&'a str),
}

/// The name, 40 of `0-9a-f`.
#[derive(Clone, PartialEq, Eq)]
pub struct Alias(String);

impl KeyRing {
    /// A name under one key of the ring, the current one unless said; `None` if the ring lacks it.
    ///
    /// HMAC-SHA256 under the key's text, of `tollgate/alias/1` and, each with its length before it,
    /// the use and what is named.
    pub fn alias(&self, kid: Option<KeyId>, of: AliasOf<'_>) -> Option<Alias> {
        let mut mac = self.mac(kid.unwrap_or_else(|| self.current_kid()))?;
        mac.update(b"tollgate/alias/1");
        match of {
            AliasOf::Principal(user) | AliasOf::UsageOfUser(user) => {
                let account = user.account.as_deref().unwrap_or_default();
                for part in [of.purpose(), &user.issuer, &user.subject, account] {
                    length_prefixed(&mut mac, part);
                }
            }
            AliasOf::UsageOfPlan(plan) => {
                for part in [of.purpose(), plan] {
                    length_prefixed(&mut mac, part);
                }
            }
        }
        let mut name = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
        name.truncate(ALIAS_CHARS);
        Some(Alias(name))
    }
}

// === impl AliasOf ===

impl AliasOf<'_> {
    fn purpose(self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
            Self::UsageOfUser(_) => "usage-user",
            Self::UsageOfPlan(_) => "usage-plan",
        }
    }
}

// === impl Alias ===

impl Alias {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As short as a log should have it: as the value of an API key it is a credential.
impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alias({}…)", &self.0[..4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrincipalKey;

    const RING: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 - - accepted\n\
                        k2 7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU - - current\n";

    fn user(subject: &str, account: Option<&str>) -> User {
        User {
            issuer: "https://login.example.com".into(),
            subject: subject.into(),
            account: account.map(Into::into),
            plan: None,
            expires_unix_s: 0,
            key: PrincipalKey(0),
            account_key: PrincipalKey(0),
        }
    }

    #[test]
    fn everybody_and_every_use_has_another_name_which_is_fit_for_an_api_key() {
        let ring = KeyRing::parse(RING).unwrap();
        let users = [
            user("alice", None),
            user("alic", Some("e")),
            user("bob", None),
        ];
        let mut names: Vec<Alias> = users
            .iter()
            .flat_map(|user| [AliasOf::Principal(user), AliasOf::UsageOfUser(user)])
            .chain([AliasOf::UsageOfPlan("alice"), AliasOf::UsageOfPlan("gold")])
            .map(|of| ring.alias(None, of).unwrap())
            .collect();
        for name in &names {
            assert!((20..=128).contains(&name.as_str().len()));
            assert!(
                name.as_str()
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric())
            );
        }
        let all = names.len();
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_name_under_a_key_that_is_named_outlives_a_rotation() {
        let (k1, k2) = (KeyId::new("k1"), KeyId::new("k2"));
        let ring = KeyRing::parse(RING).unwrap();
        let alice = user("alice", None);
        let name = |kid| ring.alias(kid, AliasOf::UsageOfUser(&alice));
        assert_eq!(name(None), name(k2));
        assert_ne!(name(k1), name(k2));
        assert_eq!(name(KeyId::new("gone")), None);
        let before = KeyRing::parse(&RING.lines().next().unwrap().replace("accepted", "current"));
        let before = before.unwrap().alias(None, AliasOf::UsageOfUser(&alice));
        assert_eq!(name(k1), before);
    }

    #[test]
    fn a_known_name() {
        let ring = KeyRing::parse(RING).unwrap();
        let name = ring.alias(KeyId::new("k1"), AliasOf::UsageOfPlan("gold"));
        assert_eq!(
            name.unwrap().as_str(),
            "ce3614754d819c71c4b9299b69858523bee27c9d"
        );
    }
}
