//! A policy made ready: what every request reads and nobody writes.

use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use tollgate_identity::{
    BucketId, CertificateRules, IssuerRules, KeyHolder, KeyRing, LimitClass, NetworkRules, Secret,
    SubjectKind, Verifier, VerifierConfig, bucket_id, network::HOPS_MAX,
    rules::NEGATIVE_TTL_S_DEFAULT,
};
use tollgate_limiter::{Gcra, Table};
use tollgate_policy::{
    Algorithm, BucketKeys, CertificateSubject, IssuerConfig, KeySource, PlanId, Policy, RouteId,
};

use crate::api_keys::ApiKeyDoor;
use crate::budget::Budget;
use crate::decision::{Decision, Principal};
use crate::descriptors::Domains;
use crate::edge::Edge;
use crate::error::EngineError;
use crate::forward::ForwardNames;
use crate::keys::HashKey;
use crate::limits::LimitTable;
use crate::meters::Meters;
use crate::refusals;
use crate::standing::{OwnLists, PlanNumbers, Standings};

/// One policy in force. Written once at load, then only read; a reload replaces the whole.
pub struct Snapshot {
    policy: Policy,
    pub(crate) verifier: Verifier,
    pub(crate) api_keys: Option<ApiKeyDoor>,
    /// With it, a client certificate is an identity.
    pub(crate) certificates: Option<CertificateRules>,
    pub(crate) networks: NetworkRules,
    pub(crate) limits: LimitTable,
    /// A stable key for each route, independent of its place in the policy.
    pub(crate) route_keys: Vec<u64>,
    /// The name of each route: `GET /orders/{order_id}`.
    pub(crate) route_names: Vec<Box<str>>,
    pub(crate) plan_numbers: PlanNumbers,
    pub(crate) own_lists: OwnLists,
    pub(crate) meters: Arc<Meters>,
    pub(crate) forward: ForwardNames,
    /// Extra headers of a plan's 429, by plan.
    pub(crate) plan_headers: Vec<Vec<(HeaderName, HeaderValue)>>,
    /// What a network may fail to verify.
    pub(crate) failures: Option<Budget>,
    /// How fast one connection may be refused for its credentials.
    pub(crate) refusal_pace: Option<Gcra>,
    plan_classes: Vec<LimitClass>,
    key_sources: Vec<KeySourceSlot>,
    pub(crate) ring: Arc<KeyRing>,
    /// What limiters outside the process are given.
    pub(crate) edge: Option<Edge>,
    /// What domains of descriptors mean.
    pub(crate) domains: Domains,
}

/// An issuer's keys and where they come from, for whoever keeps them fresh.
#[derive(Clone, Debug)]
pub struct KeySourceSlot {
    /// The issuer, as in its tokens.
    pub issuer: String,
    /// The issuer's entry in the policy.
    pub config: IssuerConfig,
    /// Where fetched keys go.
    pub holder: Arc<KeyHolder>,
}

// === impl KeySourceSlot ===

impl KeySourceSlot {
    /// True when somebody has to fetch the keys; others came with the policy.
    #[must_use]
    pub fn is_fetched(&self) -> bool {
        matches!(self.config.keys, KeySource::Url(_) | KeySource::Discovery)
    }

    /// True when tokens of this issuer can be verified now.
    #[must_use]
    pub fn ready(&self) -> bool {
        matches!(self.config.keys, KeySource::SecretFile(_)) || self.holder.status().keys > 0
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Builds a snapshot; key holders of `previous` live on where their source is unchanged, so
    /// that a reload does not wait for an issuer.
    pub(crate) fn build(
        policy: Policy,
        previous: Option<&Snapshot>,
        (hash, environment): (&HashKey, Option<&Arc<KeyRing>>),
        buckets: &Table,
        standings: Option<&dyn Standings>,
        shards: usize,
    ) -> Result<Self, EngineError> {
        let identity = policy.identity();
        let key_sources = identity
            .issuers
            .iter()
            .map(|issuer| key_source(issuer, previous))
            .collect::<Result<Vec<_>, _>>()?;
        let verifier = Verifier::new(VerifierConfig {
            issuers: key_sources
                .iter()
                .map(issuer_rules)
                .collect::<Result<_, _>>()?,
            cache_entries: identity.token_cache_entries,
            hash_key: hash.0,
            negative_ttl_s: NEGATIVE_TTL_S_DEFAULT,
        })?;
        let ring = match (&identity.bucket_keys, previous) {
            (Some(BucketKeys::File(path)), _) => Arc::new(KeyRing::load(path)?),
            (Some(BucketKeys::Environment), _) => {
                environment.cloned().ok_or(EngineError::NoBucketKeys)?
            }
            (None, Some(previous)) => previous.ring.clone(),
            (None, None) => Arc::new(KeyRing::ephemeral()?),
        };
        let anonymous = identity.anonymous.as_ref();
        let networks = NetworkRules {
            trusted: identity.trusted_proxies.clone(),
            ipv4_prefix: anonymous.map_or(32, |anonymous| anonymous.ipv4_prefix),
            ipv6_prefix: anonymous.map_or(64, |anonymous| anonymous.ipv6_prefix),
            max_hops: identity.trusted_hops.map_or(HOPS_MAX, usize::from),
        };
        let route_key = |(_, route): (RouteId, &tollgate_policy::Route)| {
            hash.name(&["route", &route.method.to_string(), &route.template])
        };
        Ok(Self {
            limits: LimitTable::compile(&policy, hash, buckets)?,
            route_keys: policy.routes().iter().map(route_key).collect(),
            route_names: policy
                .routes()
                .iter()
                .map(|(_, route)| route.to_string().into())
                .collect(),
            plan_numbers: PlanNumbers::new(standings),
            own_lists: OwnLists::default(),
            meters: Arc::new(Meters::new(policy.routes(), shards)),
            forward: ForwardNames::new(&policy)?,
            plan_headers: policy
                .plans()
                .iter()
                .map(|plan| plan.headers.iter().map(header).collect())
                .collect::<Result<_, _>>()?,
            plan_classes: policy
                .plans()
                .iter()
                .map(|plan| LimitClass::new(&plan.class))
                .collect::<Result<_, _>>()?,
            failures: identity
                .failed_verifications
                .as_ref()
                .map(|limit| Budget::compile(limit, hash, buckets))
                .transpose()?,
            refusal_pace: identity
                .refusal_pace
                .as_ref()
                .map(refusals::compile)
                .transpose()?,
            edge: policy
                .edge()
                .map(|edge| Edge::compile(edge, hash, buckets))
                .transpose()?,
            domains: Domains::compile(policy.grpc(), buckets)?,
            verifier,
            api_keys: ApiKeyDoor::of(identity, hash)?,
            certificates: identity
                .client_certificates
                .map(|config| CertificateRules::new(subject_kind(config.subject))),
            networks,
            key_sources,
            ring,
            policy,
        })
    }

    /// The policy itself.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Every issuer's keys, for the tasks that keep them fresh.
    #[must_use]
    pub fn key_sources(&self) -> &[KeySourceSlot] {
        &self.key_sources
    }

    /// What the verifier has seen and how full its cache is.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// What came of client certificates, where they are an identity.
    #[must_use]
    pub fn certificates(&self) -> Option<&CertificateRules> {
        self.certificates.as_ref()
    }

    /// True when the peer may speak for others: its `X-Forwarded-*` headers are believed.
    #[must_use]
    pub fn trusts(&self, peer: std::net::IpAddr) -> bool {
        self.networks.is_trusted(peer)
    }

    /// Whether the key that bucket ids are made with is within its times, at a moment in seconds since
    /// 1970.
    #[must_use]
    pub fn has_valid_bucket_key(&self, now_unix_s: u64) -> bool {
        self.ring.is_valid(now_unix_s)
    }

    /// The class of a plan, as passes name it.
    pub(crate) fn class_of(&self, plan: PlanId) -> &LimitClass {
        &self.plan_classes[usize::from(plan.0)]
    }

    /// The limit class of a plan on a route, as bucket ids name it.
    pub(crate) fn class_on(&self, plan: PlanId, route: RouteId) -> LimitClass {
        let class = LimitClass::new(self.policy.limit_class(plan, route));
        // The policy makes no other classes than these; the plan's is one too.
        class.unwrap_or(*self.class_of(plan))
    }

    /// The unforgeable public name of the caller's bucket on the decided route: a user's, or that of
    /// an anonymous caller's network.
    ///
    /// `None` where nobody is known. Costs two HMACs; not for the hot path.
    #[must_use]
    pub fn bucket_id(&self, decision: &Decision) -> Option<BucketId> {
        self.bucket_id_of(&decision.principal, decision.plan?, decision.route)
    }

    /// As [`Snapshot::bucket_id`], of the parts of a decision that it is made of.
    #[must_use]
    pub fn bucket_id_of(
        &self,
        principal: &Principal,
        plan: PlanId,
        route: RouteId,
    ) -> Option<BucketId> {
        let root = match principal {
            Principal::User(user) => {
                let account = user.account.as_deref();
                self.ring.root(&user.issuer, &user.subject, account)
            }
            Principal::Anonymous(network) => self.ring.network_root(network),
            Principal::Unknown => return None,
        };
        let class = self.class_on(plan, route);
        let route = self.policy.routes().get(route);
        let (method, template) = (route.method.as_str(), &route.template);
        Some(bucket_id(&root, &class, method, template))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("routes", &self.policy.routes().len())
            .field("plans", &self.policy.plans().len())
            .finish_non_exhaustive()
    }
}

fn header((name, value): &(String, String)) -> Result<(HeaderName, HeaderValue), EngineError> {
    let invalid = || EngineError::Header(format!("{name}: {value}"));
    Ok((
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?,
        HeaderValue::from_str(value).map_err(|_| invalid())?,
    ))
}

fn key_source(
    config: &IssuerConfig,
    previous: Option<&Snapshot>,
) -> Result<KeySourceSlot, EngineError> {
    let same =
        |slot: &&KeySourceSlot| slot.issuer == config.issuer && slot.config.keys == config.keys;
    let kept = previous.and_then(|snapshot| snapshot.key_sources.iter().find(same));
    let holder = kept.map_or_else(
        || KeyHolder::new(config.issuer.clone()),
        |slot| slot.holder.clone(),
    );
    match &config.keys {
        KeySource::Inline(text) => install(&holder, text.as_bytes(), &config.issuer)?,
        KeySource::File(path) => install(&holder, &read(path)?, &config.issuer)?,
        KeySource::Url(_) | KeySource::Discovery | KeySource::SecretFile(_) => {}
    }
    Ok(KeySourceSlot {
        issuer: config.issuer.clone(),
        config: config.clone(),
        holder,
    })
}

fn install(holder: &KeyHolder, jwks: &[u8], issuer: &str) -> Result<(), EngineError> {
    match holder.install(jwks) {
        Ok(_) => Ok(()),
        Err(source) => Err(EngineError::KeySet {
            issuer: issuer.to_owned(),
            source,
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    std::fs::read(path).map_err(|source| EngineError::KeyFile {
        path: path.to_owned(),
        source,
    })
}

fn issuer_rules(slot: &KeySourceSlot) -> Result<IssuerRules, EngineError> {
    let config = &slot.config;
    let secret = match &config.keys {
        KeySource::SecretFile(path) => Some(Secret::new(trimmed(read(path)?))?),
        _ => None,
    };
    Ok(IssuerRules {
        issuer: config.issuer.clone(),
        audiences: config.audiences.clone(),
        algorithms: config.algorithms.iter().copied().map(algorithm).collect(),
        leeway_s: config.leeway.as_secs(),
        required_claims: config.required_claims.clone(),
        subject_claim: config.claims.subject.clone(),
        client_claim: config.claims.client.clone(),
        account_claim: config.claims.account.clone(),
        plan_claim: config.claims.plan.clone(),
        typ: config.typ.clone(),
        max_lifetime_s: config.max_lifetime.as_secs(),
        secret,
        keys: slot.holder.clone(),
    })
}

/// A secret written by an editor ends in a line break that is not part of it.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    while let Some(b'\n' | b'\r') = bytes.last() {
        bytes.pop();
    }
    bytes
}

fn subject_kind(subject: CertificateSubject) -> SubjectKind {
    match subject {
        CertificateSubject::SanUri => SubjectKind::SanUri,
        CertificateSubject::SanDns => SubjectKind::SanDns,
        CertificateSubject::SanEmail => SubjectKind::SanEmail,
        CertificateSubject::CommonName => SubjectKind::CommonName,
    }
}

fn algorithm(algorithm: Algorithm) -> tollgate_identity::Algorithm {
    use tollgate_identity::Algorithm as To;
    match algorithm {
        Algorithm::EdDSA => To::EdDSA,
        Algorithm::Es256 => To::Es256,
        Algorithm::Es384 => To::Es384,
        Algorithm::Es512 => To::Es512,
        Algorithm::Rs256 => To::Rs256,
        Algorithm::Rs384 => To::Rs384,
        Algorithm::Rs512 => To::Rs512,
        Algorithm::Ps256 => To::Ps256,
        Algorithm::Ps384 => To::Ps384,
        Algorithm::Ps512 => To::Ps512,
        Algorithm::Hs256 => To::Hs256,
    }
}
