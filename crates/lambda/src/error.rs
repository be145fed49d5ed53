//! Why the authorizer does not start, and why an event is not understood.

use tollgate_aws::authorizer::{AuthorizerApi, Uncacheable};
use tollgate_engine::EngineError;
use tollgate_fetch::ClientError;
use tollgate_identity::IdentityError;
use tollgate_policy::Diagnostics;

/// Errors of starting; the function then answers nothing, and API Gateway refuses everybody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {
    /// A variable has a value that says nothing.
    #[error("`{name}` is `{value}`; expected {expected}")]
    Variable {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    /// A variable of ours that is not one.
    #[error("`{0}` is none of the variables that are read: see docs/aws-lambda.md")]
    UnknownVariable(String),
    /// A variable is not text.
    #[error("`{0}` is no UTF-8 text")]
    NotText(String),
    /// The key ring in the environment cannot be used.
    #[error("`TOLLGATE_BUCKET_KEYS` cannot be used: {0}")]
    BucketKeys(IdentityError),
    /// The policy has errors.
    #[error("the policy has errors:\n{}", .0.render(false))]
    Policy(Diagnostics),
    /// The policy reads well and cannot be put to work.
    #[error("the policy cannot be put in force: {0}")]
    Engine(#[from] EngineError),
    /// A key of its own for every instance makes names that mean nothing.
    #[error(
        "the policy has no `identity.bucket_keys`, and every instance would call a user by another name: run `tollgate keys new`, set `bucket_keys: environment` and give the text in `TOLLGATE_BUCKET_KEYS`"
    )]
    NoRing,
    /// The key for names is not in the ring.
    #[error("`TOLLGATE_NAME_KEY` is `{0}`, which the key ring lacks")]
    NameKey(String),
    /// Answers are to be kept, and it is not said by what.
    #[error("`TOLLGATE_CACHE_TTL` needs `TOLLGATE_API`: what may be kept differs between them")]
    CacheOfWhat,
    /// Answers are to be kept that may not be.
    #[error("`TOLLGATE_CACHE_TTL` must be 0 ({api}): {source}")]
    Uncacheable {
        api: AuthorizerApi,
        source: Uncacheable,
    },
    /// Counting sees only what is not answered from a cache.
    #[error(
        "`TOLLGATE_COUNT: instance` needs `TOLLGATE_CACHE_TTL: 0`: kept answers are not counted"
    )]
    CountsCached,
    /// A pass in an answer would end before the answer.
    #[error(
        "`edge.pass.lifetime` ({lifetime_s} s) is not longer than `TOLLGATE_CACHE_TTL` ({ttl_s} s)"
    )]
    PassEndsFirst { lifetime_s: u64, ttl_s: u64 },
    /// A `TOKEN` authorizer sees one field.
    #[error(
        "the policy has `edge.before`, and a TOKEN authorizer sees no bucket id: use one of type REQUEST"
    )]
    IdUnseen,
    /// The client that fetches keys could not be set up.
    #[error(transparent)]
    Fetch(#[from] ClientError),
    /// A file could not be laid where only the function reads it.
    #[error("failed to {doing}: {source}")]
    System {
        doing: String,
        source: std::io::Error,
    },
    /// It was not started by Lambda.
    #[error(
        "`{0}` is not set: this program is started by AWS Lambda, or by what speaks its Runtime API"
    )]
    NotLambda(&'static str),
    /// The Runtime API went away.
    #[error("the Runtime API failed: {0}")]
    Runtime(String),
}

/// Why an event is no question: the call fails, which API Gateway answers with 500.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EventError {
    #[error("the event is no authorizer's: {0}")]
    Shape(serde_json::Error),
    #[error("the event has neither the type nor the version of a REST or HTTP API's")]
    Kind,
    #[error("the event lacks `{0}`")]
    Missing(&'static str),
    #[error("`{0}` is not what it should be")]
    Malformed(&'static str),
    #[error("the event is of another kind than `TOLLGATE_API` says: {0}")]
    OtherApi(AuthorizerApi),
}
