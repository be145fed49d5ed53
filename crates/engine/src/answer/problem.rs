//! Problem documents (RFC 9457), with the types of
//! draft-ietf-httpapi-ratelimit-headers-10, section 6.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use smallvec::SmallVec;

/// Why a request is refused, as its caller reads it.
#[derive(Debug, Serialize)]
pub(super) struct Problem<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    #[serde(serialize_with = "number")]
    pub(super) status: StatusCode,
    pub(super) detail: Cow<'a, str>,
    /// Names of the limits that refused.
    #[serde(rename = "violated-policies", skip_serializing_if = "none")]
    pub(super) violated: SmallVec<[&'a str; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upgrade_url: Option<&'a str>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance: Option<&'a str>,
}

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const REDUCED_CAPACITY: &str =
    "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
const BLANK: &str = "about:blank";

/// Room for a document without growing; most are below 400 bytes.
const BODY_BYTES_TYPICAL: usize = 512;

// === impl Problem ===

impl<'a> Problem<'a> {
    /// One that says no more than its status does.
    pub(super) fn plain(
        status: StatusCode,
        title: &'static str,
        detail: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            kind: BLANK,
            title,
            status,
            detail: detail.into(),
            violated: SmallVec::new(),
            upgrade_url: None,
            instance: None,
        }
    }

    pub(super) fn forbidden(kind: &'static str, detail: &'static str) -> Self {
        Self {
            kind,
            ..Self::plain(StatusCode::FORBIDDEN, "Forbidden", detail)
        }
    }

    pub(super) fn quota_exceeded(detail: Cow<'a, str>) -> Self {
        Self {
            kind: QUOTA_EXCEEDED,
            ..Self::plain(
                StatusCode::TOO_MANY_REQUESTS,
                "Request cannot be satisfied as assigned quota has been exceeded",
                detail,
            )
        }
    }

    pub(super) fn reduced_capacity(detail: &'static str) -> Self {
        Self {
            kind: REDUCED_CAPACITY,
            ..Self::plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "Request cannot be satisfied due to temporary server capacity constraints",
                detail,
            )
        }
    }

    /// The document as JSON.
    pub(super) fn body(&self) -> Bytes {
        let mut body = Vec::with_capacity(BODY_BYTES_TYPICAL);
        // Strings and numbers into memory: there is nothing that could fail.
        let _ = serde_json::to_writer(&mut body, self);
        body.into()
    }
}

/// A refusal that is a frontend's own and not a decision's, as a document that says no more than its
/// status and `detail`.
#[must_use]
pub fn problem(status: StatusCode, detail: &str) -> Response<Bytes> {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = Problem::plain(status, title, detail).body();
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/problem+json");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

fn none(violated: &SmallVec<[&str; 2]>) -> bool {
    violated.is_empty()
}
