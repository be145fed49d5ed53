//! Issuers, the anonymous plan, trusted hops.

use std::num::NonZeroU64;
use std::time::Duration;

use ipnet::IpNet;

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::identity::{
    Algorithm, Anonymous, BucketKeys, ClaimMap, IdentityConfig, InvalidToken, IssuerConfig,
    RESERVED_ISSUERS, RefusalPace,
};
use crate::limit::{Across, Amount, Limit, Mode, OnChange, Per, Rate};
use crate::node::{At, Given};
use crate::raw::{
    AlgorithmName, ClaimName, Network, OffOr, RawAnonymous, RawBudget, RawClaims, RawIdentity,
    RawIssuer, WebUrlOrText, Word,
};

/// Algorithms of an issuer that names none.
const DEFAULT_ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDSA, Algorithm::Es256, Algorithm::Rs256];
/// The largest clock difference.
const LEEWAY_MAX: Duration = Duration::from_secs(600);
/// The shortest and longest time between two fetches of keys.
const REFRESH_MIN: Duration = Duration::from_secs(60);
const REFRESH_MAX: Duration = Duration::from_secs(86_400);
/// Issuers of a policy.
const ISSUERS_MAX: usize = 256;
/// Claims that describe the token, not its bearer.
const TOKEN_CLAIMS: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

/// The name under which callers are told that too many of their network's credentials failed.
const FAILED_VERIFICATIONS: &str = "failed-verifications";
/// What a network may fail where nothing is written: one that hundreds of users share may have all
/// their tokens expire at once, and one that attacks gets 20 signature checks a second out of us.
const FAILED_VERIFICATIONS_DEFAULT: Amount = Amount::Rate {
    rate: Rate {
        count: NonZeroU64::new(20).unwrap(),
        period: Duration::from_secs(1),
    },
    burst: NonZeroU64::new(200).unwrap(),
};

/// What a connection is refused at once where nothing is written: a page whose token expired asks for
/// a dozen things at a time, and whoever wants more than 20 refusals a second is no such page.
const REFUSAL_PACE_DEFAULT: RefusalPace = RefusalPace {
    rate: Rate {
        count: NonZeroU64::new(20).unwrap(),
        period: Duration::from_secs(1),
    },
    burst: NonZeroU64::new(20).unwrap(),
};

impl Check<'_, '_> {
    pub(super) fn identity(&mut self, raw: Option<RawIdentity>, span: Span) -> IdentityConfig {
        let nobody = raw.as_ref().is_none_or(|raw| {
            raw.anonymous.is_none()
                && raw.api_keys.is_none()
                && raw.client_certificates.is_none()
                && raw.issuers.as_ref().is_none_or(Vec::is_empty)
        });
        if nobody && self.whole {
            self.error(
                Finding::error(codes::NOBODY, span, "nobody could ever be let through")
                    .label("neither an issuer, API keys, nor an anonymous plan")
                    .help("add `identity: {issuers: […]}`, or `identity: {anonymous: {plan: …}}` for callers without a token"),
            );
        }
        let mut config = IdentityConfig {
            issuers: Vec::new(),
            api_keys: None,
            anonymous: None,
            client_certificates: None,
            trusted_proxies: Vec::new(),
            trusted_hops: None,
            invalid_token: InvalidToken::Reject,
            token_cookie: None,
            failed_verifications: Some(budget(FAILED_VERIFICATIONS, FAILED_VERIFICATIONS_DEFAULT)),
            refusal_pace: Some(REFUSAL_PACE_DEFAULT),
            token_cache_entries: 100_000,
            bucket_keys: None,
        };
        let Some(raw) = raw else { return config };
        config.token_cookie = raw.token_cookie.map(|name| name.value.0);
        match raw.failed_verifications {
            None => {}
            Some(OffOr::Off) => config.failed_verifications = None,
            Some(OffOr::Value(RawBudget(raw))) => {
                if let Some(amount) = self.rate(&raw.rate, raw.burst.as_ref()) {
                    config.failed_verifications = Some(budget(FAILED_VERIFICATIONS, amount));
                }
            }
        }
        config.refusal_pace = self.refusal_pace(raw.refusal_pace);
        config.trusted_proxies = self.trusted(raw.trusted_proxies.unwrap_or_default());
        if let Some(mut anonymous) = raw.anonymous {
            let trusted = anonymous.trusted_proxies.take().unwrap_or_default();
            config.trusted_proxies.extend(self.trusted(trusted));
            config.anonymous = self.anonymous(anonymous);
        } else if let Some(At {
            value: Word(InvalidToken::Anonymous),
            span,
        }) = raw.invalid_token
        {
            self.error(
                Finding::error(
                    codes::CONFLICT,
                    span,
                    "callers with an invalid token have no plan",
                )
                .label("there is no `anonymous` section")
                .help("add `anonymous: {plan: …}`, or write `invalid_token: reject`"),
            );
        }
        config.trusted_proxies.sort();
        config.trusted_proxies.dedup();
        config.trusted_hops = raw.trusted_hops.and_then(|hops| u8::try_from(hops.0).ok());
        config.invalid_token = raw
            .invalid_token
            .map_or(InvalidToken::Reject, |word| word.value.0);
        config.token_cache_entries = raw
            .token_cache
            .map_or(config.token_cache_entries, |entries| entries.size());
        config.client_certificates = raw
            .client_certificates
            .map(|certificates| self.client_certificates(certificates));
        config.bucket_keys = raw.bucket_keys.map(|path| match &*path.0 {
            "environment" => BucketKeys::Environment,
            file => BucketKeys::File(self.file(file)),
        });
        config.api_keys = raw.api_keys.map(|keys| self.api_keys(keys));
        config.issuers = self.issuers(raw.issuers.unwrap_or_default());
        config
    }

    fn refusal_pace(&mut self, raw: Option<OffOr<RawBudget>>) -> Option<RefusalPace> {
        match raw {
            None => Some(REFUSAL_PACE_DEFAULT),
            Some(OffOr::Off) => None,
            Some(OffOr::Value(RawBudget(raw))) => {
                match self.rate(&raw.rate, raw.burst.as_ref()) {
                    Some(Amount::Rate { rate, burst }) => Some(RefusalPace { rate, burst }),
                    // Said already.
                    _ => None,
                }
            }
        }
    }

    fn trusted(&mut self, networks: Vec<At<Network>>) -> Vec<IpNet> {
        for network in networks
            .iter()
            .filter(|network| network.value.0.prefix_len() == 0)
        {
            self.findings.push(
                Finding::warning(
                    codes::NETWORK,
                    network.span,
                    "every caller is trusted to tell its own address",
                )
                .label("any number of client networks can be made up")
                .help("name the networks of your own proxies, for example `10.0.0.0/8`"),
            );
        }
        networks
            .into_iter()
            .map(|network| network.value.0)
            .collect()
    }

    fn anonymous(&mut self, raw: RawAnonymous) -> Option<Anonymous> {
        let plan = self.plan(&At {
            span: raw.plan.span,
            value: raw.plan.value.0,
        })?;
        let prefix = |bits: Option<u64>, default: u8| {
            bits.and_then(|bits| u8::try_from(bits).ok())
                .unwrap_or(default)
        };
        Some(Anonymous {
            plan,
            ipv4_prefix: prefix(raw.ipv4_prefix.map(|bits| bits.0), 32),
            ipv6_prefix: prefix(raw.ipv6_prefix.map(|bits| bits.0), 64),
        })
    }

    fn issuers(&mut self, raw: Vec<RawIssuer>) -> Vec<IssuerConfig> {
        let mut issuers: Vec<IssuerConfig> = Vec::new();
        if let Some(beyond) = raw.get(ISSUERS_MAX) {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    beyond.span,
                    format!("policy has more than {ISSUERS_MAX} issuers"),
                )
                .help("remove those that are not used"),
            );
        }
        for raw in raw {
            let name = raw.issuer.clone();
            self.issuer_is_not_reserved(&name);
            if issuers.iter().any(|known| known.issuer == name.value.0) {
                self.error(
                    Finding::error(
                        codes::DUPLICATE_NAME,
                        name.span,
                        format!("issuer `{}` stands twice", name.value.0),
                    )
                    .label("the second one")
                    .help("put both into one, with both audiences in a list"),
                );
            }
            issuers.extend(self.issuer(raw));
        }
        issuers
    }

    fn issuer(&mut self, raw: RawIssuer) -> Option<IssuerConfig> {
        let audiences: Vec<String> = raw
            .audience
            .0
            .iter()
            .map(|audience| audience.0.clone())
            .collect();
        if audiences.is_empty() {
            self.error(
                Finding::error(codes::RANGE, raw.issuer.span, "issuer has no audience")
                    .label("its list is empty")
                    .help("write the `aud` that tokens for this API carry: `audience: https://api.example.com`"),
            );
        }
        let algorithms = self.algorithms(&raw.algorithms, raw.issuer.span);
        let leeway = self.within(
            raw.leeway
                .as_ref()
                .map(|leeway| (leeway.span, leeway.value.0)),
            "60s",
            Duration::ZERO,
            LEEWAY_MAX,
        );
        let refresh = self.within(
            raw.refresh
                .as_ref()
                .map(|refresh| (refresh.span, refresh.value.0)),
            "10min",
            REFRESH_MIN,
            REFRESH_MAX,
        );
        let keys = self.keys(&raw, &algorithms)?;
        Some(IssuerConfig {
            issuer: raw.issuer.value.0,
            audiences,
            keys: keys.source,
            algorithms,
            leeway: leeway.unwrap_or(Duration::from_secs(60)),
            required_claims: raw
                .required_claims
                .unwrap_or_default()
                .into_iter()
                .map(|claim| claim.0)
                .collect(),
            claims: self.claims(raw.claims),
            typ: raw.typ.map(|typ| typ.0),
            max_lifetime: raw
                .max_lifetime
                .map_or(Duration::from_secs(30 * 86_400), |lifetime| lifetime.0),
            refresh: refresh.unwrap_or(Duration::from_secs(600)),
            allow_private_addresses: keys.allow_private_addresses,
        })
    }

    /// Else a token could name the users that are known otherwise.
    fn issuer_is_not_reserved(&mut self, issuer: &At<WebUrlOrText>) {
        let name = &issuer.value.0;
        if name.to_ascii_lowercase().starts_with(RESERVED_ISSUERS) {
            self.error(
                Finding::error(
                    codes::NAME,
                    issuer.span,
                    format!("issuer `{name}` has a name of Tollgate's own"),
                )
                .label("its users could be taken for callers who sent no token")
                .help(format!(
                    "write the `iss` of the tokens; names that begin with `{RESERVED_ISSUERS}` are not free"
                )),
            );
        }
    }

    /// A duration in a range of its own.
    pub(super) fn within(
        &mut self,
        written: Option<(Span, Duration)>,
        example: &str,
        min: Duration,
        max: Duration,
    ) -> Option<Duration> {
        let (span, duration) = written?;
        if duration < min || duration > max {
            let (min, max) = (crate::duration::humane(min), crate::duration::humane(max));
            self.error(
                Finding::error(codes::DURATION, span, "duration is out of range").help(format!(
                    "write one from `{min}` to `{max}`, for example `{example}`"
                )),
            );
        }
        Some(duration)
    }

    fn algorithms(
        &mut self,
        raw: &Option<Given<Vec<At<AlgorithmName>>>>,
        issuer: Span,
    ) -> Vec<Algorithm> {
        let Some(Given::Value(raw)) = raw else {
            return DEFAULT_ALGORITHMS.to_vec();
        };
        if raw.is_empty() && self.whole {
            self.error(
                Finding::error(codes::ALGORITHM, issuer, "issuer has no algorithm")
                    .label("its list is empty")
                    .help("write the one that it signs with: `algorithms: [RS256]`"),
            );
        }
        let symmetric = raw.iter().find(|name| name.value.0.is_symmetric());
        if let Some(symmetric) = symmetric
            && raw.iter().any(|name| !name.value.0.is_symmetric())
        {
            self.error(
                Finding::error(
                    codes::ALGORITHM,
                    symmetric.span,
                    "HS256 stands beside algorithms with public keys",
                )
                .label("a public key could be taken for the secret")
                .help("keep either `[HS256]` or the others; two kinds of tokens are two issuers"),
            );
        }
        let mut algorithms: Vec<Algorithm> = raw.iter().map(|name| name.value.0).collect();
        algorithms.sort();
        algorithms.dedup();
        algorithms
    }

    fn claims(&mut self, raw: Option<RawClaims>) -> ClaimMap {
        let (subject, client, account, plan) = raw.map_or((None, None, None, None), |raw| {
            (raw.subject, raw.client, raw.account, raw.plan)
        });
        let written = [
            ("subject", &subject),
            ("client", &client),
            ("account", &account),
            ("plan", &plan),
        ];
        for (index, (role, claim)) in written.iter().enumerate() {
            let Some(At {
                span,
                value: ClaimName(name),
            }) = claim
            else {
                continue;
            };
            if TOKEN_CLAIMS.contains(&name.as_str()) {
                self.error(
                    Finding::error(
                        codes::CLAIM,
                        *span,
                        format!("claim `{name}` cannot be the {role}"),
                    )
                    .label("it describes the token, not its bearer")
                    .help("write the claim that names the caller, for example `sub`"),
                );
            }
            let same = written[..index]
                .iter()
                .find(|(_, other)| other.as_ref().is_some_and(|other| other.value.0 == *name));
            if let Some((other, _)) = same {
                self.error(
                    Finding::error(
                        codes::CLAIM,
                        *span,
                        format!("claim `{name}` is the {other} already"),
                    )
                    .help(format!(
                        "write the claim that carries the {role}, or remove the key"
                    )),
                );
            }
        }
        let name = |claim: At<ClaimName>| claim.value.0;
        ClaimMap {
            subject: subject.map_or_else(|| "sub".to_owned(), name),
            client: client.map(name),
            account: account.map(name),
            plan: plan.map(name),
        }
    }
}

/// A limit of Tollgate's own: one bucket a client network, whatever the route.
pub(super) fn budget(name: &str, amount: Amount) -> Limit {
    Limit {
        name: name.into(),
        amount,
        per: Per::Network,
        across: Across::AllRoutes,
        mode: Mode::Enforce,
        cost: NonZeroU64::MIN,
        on_change: OnChange::Keep,
        quota: None,
    }
}
