//! What the engine says of one request: values only, no error type.

use std::sync::Arc;

use tollgate_identity::{ApiKeyError, ClientNetwork, CredentialError, TokenError, User};
use tollgate_limiter::{Enforcement, Lease, Nanos, Now};
use tollgate_policy::{PathError, PlanId, RouteId};

use crate::consulted::{Consulted, LimitState};
use crate::meters::VerdictLabel;
use crate::path_rewrite::PathRewrite;
use crate::snapshot::Snapshot;
use crate::standing::PlanSource;

/// The verdict on one request and everything that led to it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// May it pass, and if not, why.
    pub verdict: Verdict,
    /// Which endpoint it is for.
    pub route: RouteId,
    /// Who calls.
    pub principal: Principal,
    /// The plan whose limits were consulted, when any were.
    pub plan: Option<PlanId>,
    /// Where that plan comes from.
    pub plan_source: Option<PlanSource>,
    /// The limits consulted, in the order of the policy.
    pub limits: Consulted,
    /// The places that the request takes in concurrency limits, until the decision and its clones
    /// are dropped: keep one of them as long as the request is under way.
    pub lease: Lease,
    /// What path to forward.
    pub path: PathRewrite,
    /// The plan for whose class the caller is to be given a new edge pass with the answer.
    pub(crate) pass_due: Option<PlanId>,
    /// Units that the request was asked to take of each limit, where that is not what the limit says.
    pub(crate) cost: Option<u64>,
    /// A CORS preflight: free, and without identity.
    pub preflight: bool,
    /// When it was decided.
    pub now: Now,
    /// The policy under which it was decided; it stays in force for the whole request.
    pub snapshot: Arc<Snapshot>,
}

/// May the request pass.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Forward it.
    Allow,
    /// A binding limit refused: 429.
    Limit {
        /// Exact wait until the same request would pass; `None` when no wait is known to help:
        /// its cost is above what a limit ever admits, or too many requests are under way.
        retry_after: Option<Nanos>,
    },
    /// Who calls is not established: 401.
    Unauthenticated(Unauthenticated),
    /// The caller is known and may not do this: 403.
    Forbidden(Forbidden),
    /// The request cannot be read in one way only: 400.
    BadRequest(Rejection),
    /// Who calls cannot be established now, through no fault of the caller: 503.
    Unavailable,
    /// Tollgate answers this path itself.
    Own(OwnAnswer),
}

/// Why a caller is not authenticated.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Unauthenticated {
    /// No credential that names a user, and the policy has no plan for anonymous callers.
    MissingToken,
    /// The client certificate's time ran out while its connection was open.
    CertificateExpired,
    /// A bearer credential without a token in it.
    EmptyCredential(CredentialError),
    /// The token does not verify.
    InvalidToken(TokenError),
    /// The API key is not one of ours, or no longer.
    InvalidApiKey(ApiKeyError),
}

/// Why a known caller is refused.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Forbidden {
    /// The policy wants a bucket id with every request, and there is none.
    BucketIdMissing,
    /// The bucket id is another user's, route's or plan's, or its key is no longer accepted.
    BucketIdMismatch,
}

/// Why a request is not understood.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The path could mean different things to different origins.
    Path(PathError),
    /// There is not exactly one credential.
    Credential(CredentialError),
    /// The path would have to be rewritten, and whoever forwards the request does not.
    Rewritten,
    /// A field that only the gateway may set is there in a spelling that nobody puts another over.
    Claim,
}

/// Answers that do not come from the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnAnswer {
    /// The caller's own limits.
    RateLimit,
    /// The caller's own bucket ids.
    BucketIds,
}

/// Who calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Principal {
    /// A verified user.
    User(Arc<User>),
    /// Nobody known; the network that the request comes from stands for it.
    Anonymous(ClientNetwork),
    /// The request was refused, or was free, before anybody asked.
    Unknown,
}

// === impl Decision ===

impl Decision {
    /// The verdict's name in metrics and logs.
    #[must_use]
    pub fn label(&self) -> VerdictLabel {
        match &self.verdict {
            Verdict::Allow if self.shadow_limited() => VerdictLabel::LimitShadow,
            Verdict::Allow => VerdictLabel::Allow,
            Verdict::Limit { .. } => VerdictLabel::Limit,
            Verdict::Unauthenticated(_) => VerdictLabel::Unauthenticated,
            Verdict::Forbidden(_) => VerdictLabel::Forbidden,
            Verdict::BadRequest(_) => VerdictLabel::BadRequest,
            Verdict::Unavailable => VerdictLabel::Unavailable,
            Verdict::Own(_) => VerdictLabel::Own,
        }
    }

    /// The limit that refused, or in shadow would have refused: the one to wait longest for. One
    /// in shadow only when no other refused.
    #[must_use]
    pub fn violated(&self) -> Option<LimitState<'_>> {
        // A limit that will never admit outranks any wait.
        let rank = |state: &LimitState<'_>| {
            let wait = state.reading.retry_after();
            let binding = state.enforcement == Enforcement::Binding;
            (binding, wait.map_or(u64::MAX, |wait| wait.0))
        };
        self.limits.refusing().max_by_key(rank)
    }

    fn shadow_limited(&self) -> bool {
        self.limits.refusing().next().is_some()
    }

    /// The plan's name, when a plan was consulted.
    #[must_use]
    pub fn plan_name(&self) -> Option<&str> {
        let plans = self.snapshot.policy().plans();
        self.plan.map(|plan| &*plans[usize::from(plan.0)].name)
    }
}
