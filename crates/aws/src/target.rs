//! What a policy is compiled to: the variant of the architecture, who is trusted, and the numbers
//! that only a deployment knows.

use std::fmt;

use tollgate_policy::{Algorithm, FailMode, Policy};

/// Where the WAF stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Behind the function, at the origin (ALB, REST API stage, AppSync).
    After,
    /// At the distribution, before the function: the client presents its id.
    Before,
    /// At a second distribution behind the first.
    Chained,
}

/// What the function believes. It can verify HMAC only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The issuers' HS256 tokens, verified at the edge.
    Hs256,
    /// The edge pass, made by the gateway or the authorizer after real verification.
    Pass,
    /// Claims as they are sent.
    Unverified,
}

/// What the deployment adds to the policy.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where the WAF stands.
    pub variant: Variant,
    /// What the function believes.
    pub trust: Trust,
    /// What happens when the key-value store cannot be read: `Open` lets the request through
    /// without an id.
    pub on_failure: FailMode,
    /// Whether each request writes a line that joins its bucket to its request id.
    pub log: bool,
    /// Whether WAF only counts.
    pub shadow: bool,
    /// Requests of a client network in five minutes that carry no id: 1,000 unless configured.
    pub per_network: u64,
    /// What the names of resources begin with; `tollgate` unless configured.
    pub name: String,
}

/// A target that the policy cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// `hs256` with an issuer of another algorithm.
    #[error(
        "issuer `{issuer}` signs with {algorithms}, and CloudFront can verify HMAC only; use \
         `--trust pass` (the gateway or the authorizer verifies, and mints a pass)"
    )]
    NotHs256 {
        /// The issuer.
        issuer: String,
        /// Its algorithms.
        algorithms: String,
    },
    /// `hs256` or `unverified` with callers that have other credentials.
    #[error(
        "the policy knows callers by {credential}, which CloudFront cannot verify; use \
         `--trust pass`"
    )]
    OtherCredentials {
        /// Which.
        credential: &'static str,
    },
    /// `pass` without `edge.pass`.
    #[error(
        "`--trust pass` needs a pass to verify; add `edge: {{pass: {{}}}}` to the policy, so that \
         the gateway or the authorizer mints one"
    )]
    NoPass,
    /// `before` without `edge.before`.
    #[error(
        "`--variant before` needs the path where clients get their ids; add \
         `edge: {{before: {{path: /ratelimit-user-id}}}}` to the policy"
    )]
    NoBefore,
    /// `unverified` without consent.
    #[error(
        "with `--trust unverified` anybody can spend anybody's limit, or have a fresh one, by \
         writing a claim; say `--accept-unverified` if that is meant"
    )]
    UnverifiedNotAccepted,
    /// No identity at all for the variant.
    #[error("the policy has no issuer and no anonymous plan: there is nobody to limit")]
    Nobody,
}

// === impl Variant ===

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 3] = [Variant::After, Variant::Before, Variant::Chained];

    /// The word of the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Variant::After => "after",
            Variant::Before => "before",
            Variant::Chained => "chained",
        }
    }

    /// Whether the function sets the id, for a WAF behind it.
    #[must_use]
    pub fn sets_id(self) -> bool {
        self != Variant::Before
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Trust ===

impl Trust {
    /// The word of the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Hs256 => "hs256",
            Trust::Pass => "pass",
            Trust::Unverified => "unverified",
        }
    }

    /// What a policy can have without giving anything up: the tokens themselves where all are
    /// HS256, else the pass.
    #[must_use]
    pub fn default_for(policy: &Policy) -> Trust {
        let identity = policy.identity();
        let hs256 =
            |issuer: &tollgate_policy::IssuerConfig| issuer.algorithms == [Algorithm::Hs256];
        let others = identity.api_keys.is_some() || identity.client_certificates.is_some();
        if identity.issuers.iter().all(hs256) && !others {
            Trust::Hs256
        } else {
            Trust::Pass
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Target ===

/// Requests of a network without an id in [`PER_NETWORK_WINDOW_S`], unless configured.
pub const PER_NETWORK_DEFAULT: u64 = 1_000;
/// The window of limits by network, in seconds.
pub const PER_NETWORK_WINDOW_S: u64 = 300;

impl Target {
    /// A target with what is usual.
    #[must_use]
    pub fn new(variant: Variant, trust: Trust) -> Target {
        Target {
            variant,
            trust,
            on_failure: FailMode::Closed,
            log: false,
            shadow: false,
            per_network: PER_NETWORK_DEFAULT,
            name: "tollgate".to_owned(),
        }
    }

    /// Whether the policy can be compiled so.
    ///
    /// # Errors
    /// The first thing that cannot be, with what to do.
    pub fn check(&self, policy: &Policy, accept_unverified: bool) -> Result<(), TargetError> {
        let identity = policy.identity();
        if self.variant == Variant::Before && policy.edge().is_none_or(|edge| edge.before.is_none())
        {
            return Err(TargetError::NoBefore);
        }
        let nobody = identity.issuers.is_empty() && identity.anonymous.is_none();
        match self.trust {
            Trust::Pass if policy.edge().is_none_or(|edge| edge.pass.is_none()) => {
                return Err(TargetError::NoPass);
            }
            Trust::Pass => return Ok(()),
            Trust::Unverified if !accept_unverified => {
                return Err(TargetError::UnverifiedNotAccepted);
            }
            Trust::Hs256 => {
                let other = |issuer: &&tollgate_policy::IssuerConfig| {
                    issuer.algorithms != [Algorithm::Hs256]
                };
                if let Some(issuer) = identity.issuers.iter().find(other) {
                    let names: Vec<&str> =
                        issuer.algorithms.iter().map(|one| one.as_str()).collect();
                    return Err(TargetError::NotHs256 {
                        issuer: issuer.issuer.clone(),
                        algorithms: names.join(", "),
                    });
                }
            }
            Trust::Unverified => {}
        }
        let other = match (&identity.api_keys, &identity.client_certificates) {
            (Some(_), _) => Some("API keys"),
            (None, Some(_)) => Some("client certificates"),
            (None, None) => None,
        };
        match other {
            Some(credential) => Err(TargetError::OtherCredentials { credential }),
            None if nobody => Err(TargetError::Nobody),
            None => Ok(()),
        }
    }
}
