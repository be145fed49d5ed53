//! Answers that Tollgate gives itself: 429, 401, 400 and 503, for HTTP and for gRPC callers.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tollgate_limiter::{Denial, Enforcement, Nanos};

use self::problem::Problem;
pub use self::problem::problem;
use crate::decision::{Decision, Forbidden, Rejection, Unauthenticated, Verdict};

mod grpc;
mod problem;

/// What an answer depends on beside the decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerContext<'a> {
    /// The caller speaks gRPC.
    pub is_grpc: bool,
    /// The request was HEAD: the same head, no body.
    pub head_only: bool,
    /// Shown in the problem document as `instance`, so that a caller can quote it.
    pub request_id: Option<&'a str>,
}

/// What a caller is told to wait while an issuer's keys are missing: they are fetched again
/// within seconds.
const UNAVAILABLE_RETRY_S: u64 = 5;

impl Decision {
    /// The answer to send instead of forwarding; `None` when the request is to be forwarded, and
    /// for [`Verdict::Own`], which [`crate::Engine::own_answer`] gives.
    #[must_use]
    pub fn answer(&self, context: &AnswerContext<'_>) -> Option<Response<Bytes>> {
        let mut problem = self.problem()?;
        problem.instance = context.request_id;
        let mut headers = HeaderMap::with_capacity(HEADERS_TYPICAL);
        self.answer_headers(&mut headers);
        if context.is_grpc {
            let wait = self.retry_after();
            return Some(grpc::response(
                problem.status,
                &problem.detail,
                wait,
                headers,
            ));
        }
        let body = problem.body();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut response = Response::new(if context.head_only {
            Bytes::new()
        } else {
            body
        });
        *response.status_mut() = problem.status;
        *response.headers_mut() = headers;
        Some(response)
    }

    fn retry_after(&self) -> Option<Nanos> {
        match &self.verdict {
            Verdict::Limit { retry_after } => *retry_after,
            _ => None,
        }
    }

    fn answer_headers(&self, headers: &mut HeaderMap) {
        // RFC 6585, section 4: a 429 must not be stored; nor should any other refusal.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.response_headers(headers);
        match &self.verdict {
            Verdict::Limit { retry_after } => {
                if let Some(wait) = retry_after {
                    headers.insert(RETRY_AFTER, HeaderValue::from(seconds(*wait)));
                }
                let extra = self
                    .plan
                    .map(|plan| &self.snapshot.plan_headers[usize::from(plan.0)]);
                for (name, value) in extra.into_iter().flatten() {
                    headers.insert(name.clone(), value.clone());
                }
            }
            Verdict::Unauthenticated(reason) => {
                if let Ok(value) = HeaderValue::try_from(self.challenge(reason)) {
                    headers.insert(WWW_AUTHENTICATE, value);
                }
            }
            Verdict::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from(UNAVAILABLE_RETRY_S));
            }
            Verdict::Forbidden(Forbidden::BucketIdMismatch) => self.forget_id(headers),
            Verdict::Allow | Verdict::Own(_) | Verdict::Forbidden(_) | Verdict::BadRequest(_) => {}
        }
    }

    /// RFC 6750, section 3: without a token no error is named. An API key has no scheme of its own,
    /// and RFC 9110, section 15.5.2, wants a challenge on every 401.
    fn challenge(&self, reason: &Unauthenticated) -> String {
        let realm = &self.snapshot.policy().responses().realm;
        match reason {
            Unauthenticated::MissingToken
            | Unauthenticated::InvalidApiKey(_)
            | Unauthenticated::CertificateExpired => format!("Bearer realm=\"{realm}\""),
            Unauthenticated::EmptyCredential(_) | Unauthenticated::InvalidToken(_) => format!(
                "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{}\"",
                reason.description()
            ),
        }
    }

    fn problem(&self) -> Option<Problem<'_>> {
        Some(match &self.verdict {
            Verdict::Allow | Verdict::Own(_) => return None,
            Verdict::Limit { retry_after } => self.quota_exceeded(*retry_after),
            Verdict::Unauthenticated(reason) => {
                let detail = match reason {
                    Unauthenticated::MissingToken => self.snapshot.required_credential(),
                    other => other.description(),
                };
                Problem::plain(StatusCode::UNAUTHORIZED, "Unauthorized", detail)
            }
            Verdict::Forbidden(reason) => Problem::forbidden(reason.kind(), reason.description()),
            Verdict::BadRequest(rejection) => {
                let detail = match rejection {
                    Rejection::Path(error) => format!("the request path is refused: {error}"),
                    Rejection::Credential(error) => error.to_string(),
                    Rejection::Rewritten => {
                        "the request path is refused: it is not in its canonical form".to_owned()
                    }
                    Rejection::Claim => {
                        "the request has a header field that only the gateway may set".to_owned()
                    }
                };
                Problem::plain(StatusCode::BAD_REQUEST, "Bad Request", detail)
            }
            Verdict::Unavailable => {
                Problem::reduced_capacity("the caller's identity cannot be verified at the moment")
            }
        })
    }

    /// The request costs more than some binding limit ever admits.
    fn is_hopeless(&self) -> bool {
        let never = |state: crate::LimitState<'_>| {
            state.enforcement == Enforcement::Binding && state.reading.denial == Some(Denial::Never)
        };
        self.limits.refusing().any(never)
    }

    fn quota_exceeded(&self, retry_after: Option<Nanos>) -> Problem<'_> {
        let plans = self.snapshot.policy().plans();
        let plan = self.plan.map(|plan| &plans[usize::from(plan.0)]);
        let detail = match (plan.and_then(|plan| plan.message.as_deref()), retry_after) {
            (Some(message), _) => Cow::Borrowed(message),
            (None, Some(wait)) => Cow::Owned(format!("retry after {} s", seconds(wait))),
            (None, None) if self.is_hopeless() => {
                Cow::Borrowed("the cost of this request is above what the limit ever admits")
            }
            (None, None) => Cow::Borrowed("retry when a request that is under way has ended"),
        };
        let binding = |state: &crate::LimitState<'_>| state.enforcement == Enforcement::Binding;
        let violated = self.limits.refusing().filter(binding);
        Problem {
            violated: violated.map(|state| &*state.limit.name).collect(),
            upgrade_url: plan.and_then(|plan| plan.upgrade_url.as_deref()),
            ..Problem::quota_exceeded(detail)
        }
    }
}

impl Forbidden {
    /// The problem's type (RFC 9457, section 3.1.1).
    fn kind(self) -> &'static str {
        match self {
            Self::BucketIdMissing => "urn:problem-type:tollgate:bucket-id-missing",
            Self::BucketIdMismatch => "urn:problem-type:tollgate:bucket-id-mismatch",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::BucketIdMissing => "the request carries no bucket id",
            Self::BucketIdMismatch => {
                "the bucket id is not the caller's for this route and plan, or its key has expired"
            }
        }
    }
}

impl Unauthenticated {
    /// Why, in words that never echo what was sent.
    fn description(&self) -> &'static str {
        match self {
            Self::MissingToken => "a bearer token is required",
            Self::CertificateExpired => "the connection's client certificate has expired",
            Self::EmptyCredential(_) => "the bearer credential holds no token",
            Self::InvalidToken(error) => error.description(),
            Self::InvalidApiKey(error) => error.description(),
        }
    }
}

/// Fields of a refusal, without growing the map.
const HEADERS_TYPICAL: usize = 12;

/// Whole seconds for `Retry-After`: rounded up, and never zero.
fn seconds(wait: Nanos) -> u64 {
    wait.as_secs_ceil().max(1)
}
