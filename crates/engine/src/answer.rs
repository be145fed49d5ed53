//! Answers that Tollgate gives itself: 429, 401, 400, 503 and the caller's own limits.
//!
//! Bodies are problem documents (RFC 9457) with the types of
//! draft-ietf-httpapi-ratelimit-headers-10; gRPC callers get a trailers-only gRPC status instead.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use tollgate_limiter::{Enforcement, Nanos};

use crate::decision::{Decision, Rejection, Unauthenticated, Verdict};

mod grpc;

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

/// An answer before it takes its wire form.
struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    extra: Map<String, Value>,
}

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const REDUCED_CAPACITY: &str =
    "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
const BLANK: &str = "about:blank";

impl Decision {
    /// The answer to send instead of forwarding; `None` when the request is to be forwarded, and
    /// for [`Verdict::Own`], which [`crate::Engine::own_answer`] gives.
    #[must_use]
    pub fn answer(&self, context: &AnswerContext<'_>) -> Option<Response<Bytes>> {
        let mut problem = self.problem()?;
        let mut headers = HeaderMap::new();
        self.answer_headers(&problem, &mut headers);
        if let Some(id) = context.request_id {
            problem.extra.insert("instance".to_owned(), json!(id));
        }
        let retry_after = match &self.verdict {
            Verdict::Limit { retry_after } => *retry_after,
            _ => None,
        };
        if context.is_grpc {
            return Some(grpc::response(
                problem.status,
                &problem.detail,
                retry_after,
                headers,
            ));
        }
        Some(problem.into_response(headers, context.head_only))
    }

    fn answer_headers(&self, problem: &Problem, headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.response_headers(headers);
        match &self.verdict {
            Verdict::Limit { retry_after } => {
                if let Some(wait) = retry_after {
                    headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs_ceil().max(1)));
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
            _ => debug_assert!(problem.status.is_client_error()),
        }
    }

    /// RFC 6750, section 3: without a token no error is named.
    fn challenge(&self, reason: &Unauthenticated) -> String {
        let realm = &self.snapshot.policy().responses().realm;
        match reason {
            Unauthenticated::MissingToken => format!("Bearer realm=\"{realm}\""),
            Unauthenticated::EmptyCredential(_) | Unauthenticated::InvalidToken(_) => format!(
                "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{}\"",
                reason.description()
            ),
        }
    }

    fn problem(&self) -> Option<Problem> {
        let problem = |status, kind, title, detail: String| Problem {
            status,
            kind,
            title,
            detail,
            extra: Map::new(),
        };
        Some(match &self.verdict {
            Verdict::Allow | Verdict::Own(_) => return None,
            Verdict::Limit { retry_after } => self.quota_exceeded(*retry_after),
            Verdict::Unauthenticated(reason) => problem(
                StatusCode::UNAUTHORIZED,
                BLANK,
                "Unauthorized",
                reason.description().to_owned(),
            ),
            Verdict::Forbidden(reason) => match *reason {},
            Verdict::BadRequest(rejection) => problem(
                StatusCode::BAD_REQUEST,
                BLANK,
                "Bad Request",
                match rejection {
                    Rejection::Path(error) => format!("the request path is refused: {error}"),
                    Rejection::Credential(error) => error.to_string(),
                },
            ),
            Verdict::Unavailable => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                REDUCED_CAPACITY,
                "Request cannot be satisfied due to temporary server capacity constraints",
                "the caller's identity cannot be verified at the moment".to_owned(),
            ),
        })
    }

    fn quota_exceeded(&self, retry_after: Option<Nanos>) -> Problem {
        let refusing = self
            .limits
            .iter()
            .filter(|state| !state.reading.admitted && state.enforcement == Enforcement::Binding);
        let violated: Vec<Value> = refusing.map(|state| json!(&*state.limit.name)).collect();
        let plan = self
            .plan
            .map(|plan| &self.snapshot.policy().plans()[usize::from(plan.0)]);
        let mut extra = Map::new();
        extra.insert("violated-policies".to_owned(), Value::Array(violated));
        if let Some(url) = plan.and_then(|plan| plan.upgrade_url.as_deref()) {
            extra.insert("upgrade_url".to_owned(), json!(url));
        }
        let message = plan.and_then(|plan| plan.message.clone());
        let detail = message.unwrap_or_else(|| match retry_after {
            Some(wait) => format!("retry after {} s", wait.as_secs_ceil().max(1)),
            None => "the cost of this request is above what the limit ever admits".to_owned(),
        });
        Problem {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: QUOTA_EXCEEDED,
            title: "Request cannot be satisfied as assigned quota has been exceeded",
            detail,
            extra,
        }
    }
}

impl Unauthenticated {
    /// Why, in words that never echo what was sent.
    fn description(&self) -> &'static str {
        match self {
            Self::MissingToken => "a bearer token is required",
            Self::EmptyCredential(_) => "the bearer credential holds no token",
            Self::InvalidToken(error) => error.description(),
        }
    }
}

impl Problem {
    fn into_response(mut self, mut headers: HeaderMap, head_only: bool) -> Response<Bytes> {
        let fields = [
            ("type", json!(self.kind)),
            ("title", json!(self.title)),
            ("status", json!(self.status.as_u16())),
            ("detail", json!(self.detail)),
        ];
        for (name, value) in fields {
            self.extra.insert(name.to_owned(), value);
        }
        let body = Bytes::from(Value::Object(self.extra).to_string());
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut response = Response::new(if head_only { Bytes::new() } else { body });
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// What a caller is told to wait while an issuer's keys are missing: they are fetched again
/// within seconds.
const UNAVAILABLE_RETRY_S: u64 = 5;
