//! Every error of the API: a problem document (RFC 9457), made in one place.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use tollgate_store::StoreError;
use utoipa::ToSchema;

/// The media type.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// When to come again after the store was away, or too much was under way.
const RETRY_AFTER_S: u64 = 1;

/// What happened; its type, title and status stand in [`Kind::row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Malformed,
    Unauthenticated,
    Forbidden,
    ForeignForm,
    NotFound,
    NoStore,
    MethodNotAllowed,
    SlowBody,
    NotPossible,
    UnderWay,
    OtherVersion,
    TooLarge,
    MediaType,
    Invalid,
    KeyReused,
    VersionNeeded,
    TooManyFailures,
    Failed,
    Busy,
    StoreAway,
    TimedOut,
}

impl Kind {
    /// The last part of its type, its title, its status.
    const fn row(self) -> (&'static str, &'static str, StatusCode) {
        use StatusCode as S;
        match self {
            Kind::Malformed => ("malformed", "Malformed request", S::BAD_REQUEST),
            Kind::Unauthenticated => ("unauthenticated", "No valid key", S::UNAUTHORIZED),
            Kind::Forbidden => ("forbidden", "The key's role is too low", S::FORBIDDEN),
            Kind::ForeignForm => ("foreign-form", "Not a form of this session", S::FORBIDDEN),
            Kind::NotFound => ("not-found", "No such thing", S::NOT_FOUND),
            Kind::NoStore => ("no-store", "This gateway has no store", S::NOT_FOUND),
            Kind::MethodNotAllowed => (
                "method-not-allowed",
                "No such method here",
                S::METHOD_NOT_ALLOWED,
            ),
            Kind::SlowBody => (
                "slow-body",
                "The body did not come in time",
                S::REQUEST_TIMEOUT,
            ),
            Kind::NotPossible => ("not-possible", "Not possible as things stand", S::CONFLICT),
            Kind::UnderWay => (
                "under-way",
                "The same write is still under way",
                S::CONFLICT,
            ),
            Kind::OtherVersion => (
                "other-version",
                "It has changed since it was read",
                S::PRECONDITION_FAILED,
            ),
            Kind::TooLarge => ("too-large", "The body is too large", S::PAYLOAD_TOO_LARGE),
            Kind::MediaType => (
                "media-type",
                "The body is of another type",
                S::UNSUPPORTED_MEDIA_TYPE,
            ),
            Kind::Invalid => ("invalid", "Not valid", S::UNPROCESSABLE_ENTITY),
            Kind::KeyReused => (
                "idempotency-key-reused",
                "The key was used for another write",
                S::UNPROCESSABLE_ENTITY,
            ),
            Kind::VersionNeeded => (
                "version-needed",
                "Say which version this is to change",
                S::PRECONDITION_REQUIRED,
            ),
            Kind::TooManyFailures => (
                "too-many-failures",
                "Too many requests without a valid key",
                S::TOO_MANY_REQUESTS,
            ),
            Kind::Failed => ("failed", "Failed", S::INTERNAL_SERVER_ERROR),
            Kind::Busy => (
                "busy",
                "Too many requests are under way",
                S::SERVICE_UNAVAILABLE,
            ),
            Kind::StoreAway => (
                "store-away",
                "The store does not answer",
                S::SERVICE_UNAVAILABLE,
            ),
            Kind::TimedOut => ("timed-out", "It took too long", S::SERVICE_UNAVAILABLE),
        }
    }
}

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<Finding>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// The document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// What happened, as a name for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:tollgate:problem:invalid")]
    kind: String,
    /// The same for people.
    #[schema(example = "Not valid")]
    title: &'static str,
    /// The status of the response.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    status: u16,
    /// What happened here, and what to do.
    #[schema(example = "the policy in force has no plan of this name")]
    detail: String,
    /// What is wrong with the body, with the place of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Finding>,
}

/// One thing that is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Finding {
    /// Where, as a JSON pointer (RFC 6901) in the fragment of a URI.
    #[schema(example = "#/edit/assign/plan")]
    pub(crate) pointer: String,
    /// What.
    #[schema(example = "the policy in force has no plan of this name")]
    pub(crate) detail: String,
}

pub(crate) type Answer<T> = Result<T, Problem>;

// === impl Problem ===

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            fields: Vec::new(),
        }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no such {what}"))
    }

    /// Something is wrong at one place of the body.
    pub(crate) fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::invalid_all(
            detail.clone(),
            vec![Finding {
                pointer: format!("#{pointer}"),
                detail,
            }],
        )
    }

    pub(crate) fn invalid_all(detail: impl Into<String>, errors: Vec<Finding>) -> Self {
        Self {
            errors,
            ..Self::new(Kind::Invalid, detail)
        }
    }

    /// A text of the body that the store would not take.
    pub(crate) fn of_text(pointer: &'static str) -> impl FnOnce(StoreError) -> Problem {
        move |error| Problem::invalid(pointer, error.to_string())
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(crate) fn retry_after_s(self, seconds: u64) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn busy() -> Self {
        Self::new(Kind::Busy, "try again in a moment").retry_after_s(RETRY_AFTER_S)
    }

    pub(crate) fn timed_out() -> Self {
        let detail = "it may have been done: look, or send it again with its key";
        Self::new(Kind::TimedOut, detail).retry_after_s(RETRY_AFTER_S)
    }

    /// What the store said. Its own words about itself go to the log and not to the caller.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        let words = error.to_string();
        match error {
            StoreError::Conflict { found, .. } => {
                let tag = crate::etag::of(found);
                let problem = Self::new(Kind::OtherVersion, format!("it is of version {found}"));
                problem.with(http::header::ETAG, tag)
            }
            StoreError::KeyReused => Self::new(Kind::KeyReused, words),
            StoreError::TooMany { .. }
            | StoreError::NotThere { .. }
            | StoreError::NothingToUndo => Self::new(Kind::NotPossible, words),
            StoreError::Text { .. }
            | StoreError::Span { .. }
            | StoreError::Limit { .. }
            | StoreError::Route { .. } => Self::new(Kind::Invalid, words),
            _ if error.is_passing() => {
                tracing::warn!(%error, "the store did not answer the admin API");
                let detail =
                    "what was to be changed may have been changed: send it again with its key";
                Self::store_away(detail)
            }
            _ => {
                tracing::error!(%error, "the store failed the admin API");
                Self::new(Kind::Failed, "the store failed; the gateway's log says how")
            }
        }
    }

    pub(crate) fn store_away(detail: &'static str) -> Self {
        Self::new(Kind::StoreAway, detail).retry_after_s(RETRY_AFTER_S)
    }

    /// For people: what happened, what happened here, and where something is wrong.
    pub(crate) fn words(&self) -> (&'static str, &str, &[Finding]) {
        (self.kind.row().1, &self.detail, &self.errors)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.kind.row().2
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::of_store(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (kind, title, status) = self.kind.row();
        // The console makes a page of it.
        let problem = self.clone();
        let body = ProblemBody {
            kind: format!("urn:tollgate:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        // Texts and a number into memory: there is nothing that could fail.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.extend(self.fields);
        response.extensions_mut().insert(problem);
        response
    }
}
