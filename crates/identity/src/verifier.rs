//! The ladder from a token to a user: the cheapest check first.

use std::sync::Arc;

use crate::{
    IdentityError, IdentityStats, IssuerRules, KeyHolder, PrincipalKey, User, VerifierConfig,
    budget::{FailureBudget, Unbounded},
    cache::{RefusedEntry, TokenDigest, ValidEntry, VerdictCache},
    rules::{ISSUERS_MAX, NEGATIVE_TTL_S_MAX},
    stats::Counters,
    token::{
        TokenError,
        claims::{self, ClaimRules, Claims},
        compact::{self, Compact, TOKEN_BYTES_MAX},
        header::Header,
        signature,
    },
};

/// Verifies tokens: synchronous, without I/O, shared between threads.
pub struct Verifier {
    issuers: Box<[Issuer]>,
    cache: Option<VerdictCache>,
    negative_ttl_s: u64,
    hash_key: [u8; 16],
    counters: Counters,
}

struct Issuer {
    rules: IssuerRules,
    claims: ClaimRules,
    name: Arc<str>,
}

/// What is known about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenVerdict {
    /// It verified, now or before under the same keys.
    Valid(Arc<User>),
    /// It is refused.
    Invalid(TokenError),
    /// A fetch of keys is under way that may change the answer. The caller may wait on
    /// [`KeyHolder::changed`] of [`Verifier::keys`] a bounded time and ask again.
    KeysPending {
        /// The place of the issuer in the configuration.
        issuer: usize,
    },
    /// It is not in memory, and its network's [`FailureBudget`] is spent: nothing was looked at.
    OverBudget,
    /// There are no keys: none were ever had, or they were not confirmed for too long.
    KeysUnavailable {
        /// The place of the issuer in the configuration.
        issuer: usize,
    },
}

/// A finding with what the cache needs to know about it.
enum Finding {
    Verdict(TokenVerdict),
    Valid(ValidEntry),
    Refused(TokenError, Option<(usize, u64)>),
}

impl Verifier {
    /// Checks the rules and makes them ready.
    ///
    /// # Errors
    /// The first rule that cannot hold.
    pub fn new(config: VerifierConfig) -> Result<Self, IdentityError> {
        let count = config.issuers.len();
        if count > ISSUERS_MAX {
            return Err(IdentityError::TooManyIssuers {
                count,
                max: ISSUERS_MAX,
            });
        }
        for (index, rules) in config.issuers.iter().enumerate() {
            rules.check()?;
            if config.issuers[..index]
                .iter()
                .any(|other| other.issuer == rules.issuer)
            {
                return Err(IdentityError::DuplicateIssuer {
                    issuer: rules.issuer.clone(),
                });
            }
        }
        let mut cache_secret = [0; 16];
        getrandom::fill(&mut cache_secret).map_err(|_| IdentityError::Randomness)?;
        let issuers = config.issuers.into_iter().map(|rules| Issuer {
            claims: ClaimRules::new(&rules),
            name: rules.issuer.as_str().into(),
            rules,
        });
        Ok(Self {
            issuers: issuers.collect(),
            cache: VerdictCache::new(config.cache_entries, &cache_secret),
            negative_ttl_s: config.negative_ttl_s.min(NEGATIVE_TTL_S_MAX),
            hash_key: config.hash_key,
            counters: Counters::default(),
        })
    }

    /// The verdict on a token at a moment of the wall clock, in seconds since 1970.
    ///
    /// Needs no lock that a writer holds for long and allocates nothing if the token was seen.
    pub fn verify(&self, token: &str, now_unix_s: u64) -> TokenVerdict {
        self.verify_within(token, now_unix_s, &Unbounded)
    }

    /// As [`Verifier::verify`], within what its network may still have refused.
    ///
    /// A token that is in memory costs nothing and passes or fails whatever the budget. One that
    /// is not, and fails, charges it.
    pub fn verify_within(
        &self,
        token: &str,
        now_unix_s: u64,
        budget: &impl FailureBudget,
    ) -> TokenVerdict {
        let verdict = self.ladder(token, now_unix_s, budget);
        match &verdict {
            TokenVerdict::Valid(_) => self.counters.valid.increment(),
            TokenVerdict::Invalid(reason) => self.counters.refuse(*reason),
            TokenVerdict::OverBudget => self.counters.over_budget.increment(),
            TokenVerdict::KeysPending { .. } => self.counters.keys_pending.increment(),
            TokenVerdict::KeysUnavailable { .. } => self.counters.keys_unavailable.increment(),
        }
        verdict
    }

    /// Whose token this is, if it is in memory and still holds: what [`Verifier::verify`] would say of it, without
    /// another look at its shape. `None` says nothing of it.
    pub fn recall(&self, token: &[u8], now_unix_s: u64) -> Option<Arc<User>> {
        let cache = self.cache.as_ref()?;
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let user = cache.valid(&cache.digest(token), now_unix_s, |issuer| {
            self.generation_of(issuer)
        })?;
        self.counters.recalled.increment();
        Some(user)
    }

    /// The live keys of an issuer, by its place in the configuration.
    pub fn keys(&self, issuer: usize) -> Option<&Arc<KeyHolder>> {
        self.issuers.get(issuer).map(|issuer| &issuer.rules.keys)
    }

    /// The configured issuers, in order.
    pub fn issuers(&self) -> impl ExactSizeIterator<Item = &IssuerRules> {
        self.issuers.iter().map(|issuer| &issuer.rules)
    }

    /// The counters as they stand.
    pub fn stats(&self) -> IdentityStats {
        let (valid_entries, refused_entries) =
            self.cache.as_ref().map_or((0, 0), VerdictCache::len);
        let recalled = self.counters.recalled.get();
        IdentityStats {
            valid: self.counters.valid.get() + recalled,
            refused: self.counters.refused(),
            keys_pending: self.counters.keys_pending.get(),
            keys_unavailable: self.counters.keys_unavailable.get(),
            over_budget: self.counters.over_budget.get(),
            signatures_checked: self.counters.signatures_checked.get(),
            cache_hits: self.counters.cache_hits.get() + recalled,
            cache_misses: self.counters.cache_misses.get(),
            cache_valid_entries: valid_entries,
            cache_refused_entries: refused_entries,
            keys: self
                .issuers
                .iter()
                .map(|issuer| issuer.rules.keys.status())
                .collect(),
        }
    }

    fn ladder(&self, token: &str, now_s: u64, budget: &impl FailureBudget) -> TokenVerdict {
        // Shape first: what has not even that needs neither a place in memory nor a key.
        let parts = match Compact::split(token) {
            Ok(parts) => parts,
            Err(reason) => {
                budget.charge();
                return TokenVerdict::Invalid(reason);
            }
        };
        let digest = self
            .cache
            .as_ref()
            .map(|cache| cache.digest(token.as_bytes()));
        if let (Some(cache), Some(digest)) = (&self.cache, &digest) {
            if let Some(known) = self.remembered(cache, digest, now_s) {
                self.counters.cache_hits.increment();
                return known;
            }
            self.counters.cache_misses.increment();
        }
        if budget.is_spent() {
            return TokenVerdict::OverBudget;
        }
        let finding = self.examine(&parts, now_s);
        if let Finding::Refused(..) = finding {
            budget.charge();
        }
        if let (Some(cache), Some(digest)) = (&self.cache, digest) {
            self.remember(cache, digest, &finding, now_s);
        }
        finding.into_verdict()
    }

    fn remembered(
        &self,
        cache: &VerdictCache,
        digest: &TokenDigest,
        now_s: u64,
    ) -> Option<TokenVerdict> {
        let generation_of = |issuer| self.generation_of(issuer);
        if let Some(user) = cache.valid(digest, now_s, generation_of) {
            return Some(TokenVerdict::Valid(user));
        }
        let reason = cache.refused(digest, now_s, generation_of)?;
        Some(TokenVerdict::Invalid(reason))
    }

    fn generation_of(&self, issuer: usize) -> u64 {
        self.issuers[issuer].rules.keys.generation()
    }

    fn remember(&self, cache: &VerdictCache, digest: TokenDigest, finding: &Finding, now_s: u64) {
        match finding {
            Finding::Valid(entry) => cache.put_valid(digest, entry.clone()),
            Finding::Refused(reason, keys) if self.negative_ttl_s > 0 && reason.is_lasting() => {
                let remembered_s = now_s..now_s.saturating_add(self.negative_ttl_s);
                cache.put_refused(
                    digest,
                    RefusedEntry {
                        reason: *reason,
                        keys: *keys,
                        remembered_s,
                    },
                );
            }
            Finding::Refused(..) | Finding::Verdict(_) => {}
        }
    }

    fn examine(&self, parts: &Compact<'_>, now_s: u64) -> Finding {
        self.try_examine(parts, now_s)
            .unwrap_or_else(|reason| Finding::Refused(reason, None))
    }

    /// Everything but the memory: header, issuer, claims, key, signature.
    fn try_examine(&self, parts: &Compact<'_>, now_s: u64) -> Result<Finding, TokenError> {
        let header = Header::parse(&compact::decode(parts.header)?)?;
        let claims_text = compact::decode(parts.claims)?;
        let signature = compact::decode(parts.signature)?;
        let claims = claims::parse(&claims_text)?;
        // The issuer that the token names selects rules and does nothing else: everything
        // below holds or fails under the keys and the list of that issuer.
        let named = claims::issuer(&claims)?;
        let found = self
            .issuers
            .iter()
            .position(|issuer| *issuer.name == *named);
        let index = found.ok_or(TokenError::UnknownIssuer)?;
        let issuer = &self.issuers[index];
        if !issuer.rules.algorithms.contains(&header.algorithm) {
            return Err(TokenError::Algorithm);
        }
        if issuer
            .rules
            .typ
            .as_deref()
            .is_some_and(|pinned| !header.is_of_type(pinned))
        {
            return Err(TokenError::WrongType);
        }
        let claims = issuer.claims.check(&claims, now_s)?;
        Ok(self.check_signature(index, &header, parts.signed, &signature, claims))
    }

    fn check_signature(
        &self,
        index: usize,
        header: &Header,
        signed: &str,
        signature: &[u8],
        claims: Claims,
    ) -> Finding {
        let issuer = &self.issuers[index];
        let holder = &issuer.rules.keys;
        let state = holder.load();
        let checked = match (&issuer.rules.secret, &state.keys) {
            (Some(secret), _) => signature::check_secret(secret, signed, signature),
            (None, Some(keys)) => signature::check_public(keys, header, signed, signature),
            (None, None) if holder.is_awaited() => {
                return Finding::Verdict(TokenVerdict::KeysPending { issuer: index });
            }
            (None, None) => {
                return Finding::Verdict(TokenVerdict::KeysUnavailable { issuer: index });
            }
        };
        match checked {
            Ok(()) => {
                self.counters.signatures_checked.increment();
                Finding::Valid(ValidEntry {
                    valid_from_s: claims.valid_from_s,
                    valid_until_s: claims.valid_until_s,
                    user: Arc::new(self.user(issuer, claims)),
                    issuer: index,
                    generation: state.generation,
                })
            }
            Err(TokenError::UnknownKey) if holder.request_refresh() => {
                Finding::Verdict(TokenVerdict::KeysPending { issuer: index })
            }
            Err(reason) => {
                if reason == TokenError::Signature {
                    self.counters.signatures_checked.increment();
                }
                Finding::Refused(reason, Some((index, state.generation)))
            }
        }
    }

    fn user(&self, issuer: &Issuer, claims: Claims) -> User {
        let account = claims.account.as_deref();
        let key = PrincipalKey::of_user(&self.hash_key, &issuer.name, &claims.subject, account);
        let account_key = account.map_or(key, |account| {
            PrincipalKey::of_account(&self.hash_key, &issuer.name, account)
        });
        User {
            issuer: Arc::clone(&issuer.name),
            subject: claims.subject,
            account: claims.account,
            plan: claims.plan,
            expires_unix_s: claims.expires_unix_s,
            key,
            account_key,
        }
    }
}

impl Finding {
    fn into_verdict(self) -> TokenVerdict {
        match self {
            Self::Verdict(verdict) => verdict,
            Self::Valid(entry) => TokenVerdict::Valid(entry.user),
            Self::Refused(reason, _) => TokenVerdict::Invalid(reason),
        }
    }
}
