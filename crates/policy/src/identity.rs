//! Who may call: issuers of tokens, API keys, the anonymous plan, trusted hops.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::limit::{Limit, Rate};
use crate::plan::PlanId;

/// What every issuer's name of Tollgate's own begins with; a policy has no such issuer.
pub const RESERVED_ISSUERS: &str = "urn:tollgate:";
/// The issuer of callers with an API key.
pub const API_KEY_ISSUER: &str = "urn:tollgate:api-key";

/// The `identity` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// Issuers of accepted tokens, each name once.
    pub issuers: Vec<IssuerConfig>,
    /// API keys; without them the field that would carry one means nothing.
    pub api_keys: Option<ApiKeysConfig>,
    /// What a caller without a token gets; without it, 401.
    pub anonymous: Option<Anonymous>,
    /// Whether, and by what, a caller is known by its client certificate.
    pub client_certificates: Option<ClientCertificates>,
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// At most this many hops are read from the right; without it, as many as are trusted.
    pub trusted_hops: Option<u8>,
    /// What happens to a caller with an invalid token.
    pub invalid_token: InvalidToken,
    /// The cookie that holds the token of a request without `Authorization`.
    pub token_cookie: Option<String>,
    /// How many credentials of one client network may fail to verify: 20 a second with a burst of
    /// 200 unless configured, `None` when any number may.
    pub failed_verifications: Option<Limit>,
    /// How many refusals of a credential one connection is answered without delay: 20 a second with
    /// a burst of 20 unless configured, `None` when all are.
    pub refusal_pace: Option<RefusalPace>,
    /// Entries of the verified-token cache; 100,000 unless configured.
    pub token_cache_entries: usize,
    /// Where the keys of bucket ids are; without it, they last as long as the process.
    pub bucket_keys: Option<BucketKeys>,
}

/// How fast one connection may have credentials refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalPace {
    /// Refusals on average.
    pub rate: Rate,
    /// Refusals at once.
    pub burst: NonZeroU64,
}

/// Callers with an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeysConfig {
    /// The field that carries the key, in lower case; `x-api-key` unless configured.
    pub header: String,
    /// The file with the hashes of the keys.
    pub file: PathBuf,
}

/// Where the keys of bucket ids are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketKeys {
    /// In a file.
    File(PathBuf),
    /// With the process that puts the policy in force, which has them from its environment.
    Environment,
}

/// What a caller without a token gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// Its plan.
    pub plan: PlanId,
    /// Bits of an IPv4 address that make one client network; 32 unless configured.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that make one client network; 64 unless configured.
    pub ipv6_prefix: u8,
}

/// The issuer of users who are known by their client certificate; no token can have it.
pub const CERTIFICATE_ISSUER: &str = "urn:tollgate:client-certificate";

/// How a client certificate is a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCertificates {
    /// Where the subject stands; `san_uri` unless configured.
    pub subject: CertificateSubject,
    /// The users' plan; the default plan unless configured.
    pub plan: Option<PlanId>,
}

/// Where in a certificate its subject stands. There has to be exactly one of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CertificateSubject {
    /// A URI among the alternative names, as in SPIFFE.
    #[default]
    SanUri,
    /// A DNS name among the alternative names.
    SanDns,
    /// A mail address among the alternative names.
    SanEmail,
    /// The common name of the subject.
    CommonName,
}

/// What happens to a caller with an invalid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InvalidToken {
    /// 401 with `WWW-Authenticate`.
    #[default]
    Reject,
    /// Treated as if there were no token.
    Anonymous,
}

/// One issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The exact `iss`.
    pub issuer: String,
    /// Accepted audiences, at least one; a token must carry one of them.
    pub audiences: Vec<String>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Accepted algorithms, at least one.
    pub algorithms: Vec<Algorithm>,
    /// Allowed clock difference; 60 s unless configured.
    pub leeway: Duration,
    /// Claims a token must carry.
    pub required_claims: Vec<String>,
    /// Which claims mean what.
    pub claims: ClaimMap,
    /// The required `typ` of the token's header, for example `at+jwt`.
    pub typ: Option<String>,
    /// A token whose `exp` lies further ahead is refused; 30 days unless configured.
    pub max_lifetime: Duration,
    /// How often keys are fetched anew; 10 min unless configured.
    pub refresh: Duration,
    /// Whether the key address may be a private or loopback one.
    pub allow_private_addresses: bool,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWK set fetched from this URL.
    Url(String),
    /// A JWK set in a file.
    File(PathBuf),
    /// A JWK set written in the policy, as JSON text.
    Inline(String),
    /// The `jwks_uri` of `{issuer}/.well-known/openid-configuration`.
    Discovery,
    /// A shared secret in a file; only with HS256, and then nothing else.
    SecretFile(PathBuf),
}

/// Which claims mean what. A dotted name goes into nested objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMap {
    /// The user; `sub` unless configured.
    pub subject: String,
    /// The client of a machine token, which has no subject.
    pub client: Option<String>,
    /// The account, if tokens name one.
    pub account: Option<String>,
    /// The plan, if tokens name one.
    pub plan: Option<String>,
}

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// Ed25519.
    EdDSA,
    /// ECDSA P-256 with SHA-256.
    Es256,
    /// ECDSA P-384 with SHA-384.
    Es384,
    /// ECDSA P-521 with SHA-512.
    Es512,
    /// RSA PKCS #1 with SHA-256.
    Rs256,
    /// RSA PKCS #1 with SHA-384.
    Rs384,
    /// RSA PKCS #1 with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 11] = [
        Algorithm::EdDSA,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Hs256,
    ];

    /// The JOSE name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::EdDSA => "EdDSA",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::Es512 => "ES512",
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps256 => "PS256",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
            Algorithm::Hs256 => "HS256",
        }
    }

    /// Whether it needs a shared secret.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        self == Algorithm::Hs256
    }
}
