//! The one place that turns a fault into an answer: status, whose fault, is a retry safe.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::framing::refusal::Refusal;
use crate::request_body::UploadFailure;
use crate::upstream::fault::OriginFault;

/// Why a request is answered by the gateway and not by the origin or the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes have no single reading.
    Framing(Refusal),
    /// The head is well-formed but self-contradictory.
    Head(&'static str),
    /// A method that is not offered.
    Method(&'static str),
    /// An `Expect` other than `100-continue`.
    Expectation,
    /// The announced body is larger than allowed.
    TooLarge,
    /// The origin gave no answer.
    Origin(OriginFault),
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    Caller,
    Origin,
}

/// What to answer.
struct Reply {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    blame: Blame,
    /// The origin was not reached, so that sending again repeats nothing.
    retry_safe: bool,
    /// The connection cannot be used further.
    close: bool,
}

/// What is offered where something is not (RFC 9110 section 15.5.6).
const ALLOW_METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// What a caller is told to wait when no endpoint is in service: checks run every few seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

// === impl Fault ===

impl Fault {
    fn reply(self) -> Reply {
        let caller = |status, code, detail| Reply {
            status,
            code,
            detail,
            blame: Blame::Caller,
            retry_safe: false,
            close: false,
        };
        match self {
            Fault::Framing(refusal) => Reply {
                close: true,
                ..caller(refusal.status(), "framing", refusal.detail())
            },
            Fault::Head(detail) => Reply {
                close: true,
                ..caller(StatusCode::BAD_REQUEST, "bad_head", detail)
            },
            Fault::Method(detail) => caller(StatusCode::METHOD_NOT_ALLOWED, "method", detail),
            Fault::Expectation => Reply {
                close: true,
                ..caller(
                    StatusCode::EXPECTATION_FAILED,
                    "expectation",
                    "only 100-continue can be expected here",
                )
            },
            Fault::TooLarge | Fault::Origin(OriginFault::Request(UploadFailure::TooLarge)) => {
                Reply {
                    close: true,
                    ..caller(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "too_large",
                        "the request body is larger than allowed",
                    )
                }
            }
            Fault::Origin(OriginFault::Request(UploadFailure::Idle)) => Reply {
                close: true,
                ..caller(
                    StatusCode::REQUEST_TIMEOUT,
                    "body_timeout",
                    "the request body stopped arriving",
                )
            },
            Fault::Origin(OriginFault::Request(UploadFailure::Client)) => Reply {
                close: true,
                ..caller(
                    StatusCode::BAD_REQUEST,
                    "body_broken",
                    "the request body broke off",
                )
            },
            Fault::Origin(fault) => origin_reply(fault),
        }
    }

    /// A stable name for logs and metrics.
    pub(crate) fn code(self) -> &'static str {
        self.reply().code
    }

    /// Whose fault it is.
    #[cfg(test)]
    pub(crate) fn blame(self) -> Blame {
        self.reply().blame
    }

    /// The answer, complete but for the fields that every answer gets.
    pub(crate) fn response(self, context: &ReplyContext<'_>) -> Response<Bytes> {
        let reply = self.reply();
        let mut response = if context.is_grpc && reply.blame == Blame::Origin {
            grpc(&reply)
        } else {
            problem(&reply, context)
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if reply.retry_safe && reply.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY_AFTER_S);
        }
        if reply.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, ALLOW_METHODS);
        }
        // A connection's own field; HTTP/2 has none (RFC 9113 section 8.2.2).
        if reply.close && !context.http2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// What the answer's form depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplyContext<'a> {
    pub(crate) is_grpc: bool,
    pub(crate) head_only: bool,
    pub(crate) http2: bool,
    pub(crate) request_id: Option<&'a str>,
}

fn origin_reply(fault: OriginFault) -> Reply {
    let (status, code, detail, retry_safe) = match fault {
        OriginFault::Connect => (
            StatusCode::BAD_GATEWAY,
            "origin_connect",
            "the origin cannot be reached",
            true,
        ),
        OriginFault::ConnectTimeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "origin_connect_timeout",
            "the origin cannot be reached in time",
            true,
        ),
        OriginFault::Broken => (
            StatusCode::BAD_GATEWAY,
            "origin_broken",
            "the origin closed the connection before it answered",
            false,
        ),
        OriginFault::AnswerTimeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "origin_timeout",
            "the origin did not answer in time",
            false,
        ),
        OriginFault::Malformed => (
            StatusCode::BAD_GATEWAY,
            "origin_malformed",
            "the origin's answer is malformed",
            false,
        ),
        OriginFault::NoEndpoint => (
            StatusCode::SERVICE_UNAVAILABLE,
            "origin_unhealthy",
            "no endpoint of the origin is in service and has room",
            true,
        ),
        // Told apart by the caller of this function.
        OriginFault::Request(_) => (
            StatusCode::BAD_REQUEST,
            "body_broken",
            "the request body broke off",
            false,
        ),
    };
    Reply {
        status,
        code,
        detail,
        blame: Blame::Origin,
        retry_safe,
        close: false,
    }
}

/// A problem document (RFC 9457). Only static text and a checked identifier go in, so that
/// nothing needs escaping.
fn problem(reply: &Reply, context: &ReplyContext<'_>) -> Response<Bytes> {
    let title = reply.status.canonical_reason().unwrap_or("Error");
    let status = reply.status.as_u16();
    let detail = reply.detail.replace('"', "'");
    let instance = context
        .request_id
        .map(|id| format!(",\"instance\":\"{id}\""))
        .unwrap_or_default();
    let text = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{detail}\"{instance}}}"
    );
    let body = Bytes::from(text);
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(if context.head_only {
        Bytes::new()
    } else {
        body
    });
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(CONTENT_LENGTH, length);
    response
}

/// A gRPC status without a message: what a gRPC caller's library understands.
fn grpc(reply: &Reply) -> Response<Bytes> {
    let status = match reply.status {
        StatusCode::GATEWAY_TIMEOUT => "4",
        _ => "14",
    };
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static(status));
    headers.insert("grpc-message", HeaderValue::from_static(reply.detail));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_status_and_its_author() {
        for (fault, status, blame) in [
            (
                Fault::Framing(Refusal::LengthAndChunked),
                400,
                Blame::Caller,
            ),
            (Fault::Framing(Refusal::HeadTooLong), 431, Blame::Caller),
            (Fault::Framing(Refusal::Connect), 405, Blame::Caller),
            (Fault::Framing(Refusal::Version), 505, Blame::Caller),
            (Fault::Framing(Refusal::HeadTimeout), 408, Blame::Caller),
            (Fault::Expectation, 417, Blame::Caller),
            (Fault::TooLarge, 413, Blame::Caller),
            (Fault::Origin(OriginFault::Connect), 502, Blame::Origin),
            (Fault::Origin(OriginFault::Broken), 502, Blame::Origin),
            (Fault::Origin(OriginFault::Malformed), 502, Blame::Origin),
            (Fault::Origin(OriginFault::NoEndpoint), 503, Blame::Origin),
            (
                Fault::Origin(OriginFault::AnswerTimeout),
                504,
                Blame::Origin,
            ),
            (
                Fault::Origin(OriginFault::ConnectTimeout),
                504,
                Blame::Origin,
            ),
            (
                Fault::Origin(OriginFault::Request(UploadFailure::TooLarge)),
                413,
                Blame::Caller,
            ),
            (
                Fault::Origin(OriginFault::Request(UploadFailure::Idle)),
                408,
                Blame::Caller,
            ),
            (
                Fault::Origin(OriginFault::Request(UploadFailure::Client)),
                400,
                Blame::Caller,
            ),
        ] {
            let response = fault.response(&ReplyContext::default());
            assert_eq!((response.status().as_u16(), fault.blame()), (status, blame));
        }
    }

    #[test]
    fn problem_documents_are_json_and_a_head_has_none() {
        let context = ReplyContext {
            request_id: Some("abc-1"),
            ..ReplyContext::default()
        };
        let response = Fault::Expectation.response(&context);
        assert_eq!(
            response.body(),
            "{\"type\":\"about:blank\",\"title\":\"Expectation Failed\",\"status\":417,\
             \"detail\":\"only 100-continue can be expected here\",\"instance\":\"abc-1\"}"
        );
        let head = ReplyContext {
            head_only: true,
            ..context
        };
        let head = Fault::Expectation.response(&head);
        assert!(head.body().is_empty());
        assert_eq!(
            head.headers()[CONTENT_LENGTH],
            response.body().len().to_string()
        );
    }

    #[test]
    fn grpc_callers_get_a_grpc_status_when_the_origin_fails() {
        let context = ReplyContext {
            is_grpc: true,
            ..ReplyContext::default()
        };
        let response = Fault::Origin(OriginFault::Broken).response(&context);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["grpc-status"], "14");
    }
}
