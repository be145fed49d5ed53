//! Refusals for gRPC callers: HTTP 200 with a trailers-only status, as clients expect it.
//!
//! The status goes out as `grpc-status`, the wait as `google.rpc.RetryInfo` inside
//! `grpc-status-details-bin` and as `grpc-retry-pushback-ms`, which retrying clients obey.

use bytes::Bytes;
use data_encoding::BASE64_NOPAD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tollgate_limiter::Nanos;

/// gRPC status codes (google.rpc.Code) for the statuses that Tollgate gives.
fn code(status: StatusCode) -> u64 {
    match status {
        StatusCode::BAD_REQUEST => 3,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS => 8,
        StatusCode::UNAUTHORIZED => 16,
        _ => 14,
    }
}

pub(super) fn response(
    status: StatusCode,
    detail: &str,
    retry_after: Option<Nanos>,
    mut headers: HeaderMap,
) -> Response<Bytes> {
    let code = code(status);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(code));
    if let Ok(message) = HeaderValue::try_from(percent_encode(detail)) {
        headers.insert("grpc-message", message);
    }
    if let Some(wait) = retry_after {
        let millis = wait.0.div_ceil(1_000_000);
        headers.insert("grpc-retry-pushback-ms", HeaderValue::from(millis));
        let details = BASE64_NOPAD.encode(&status_with_retry_info(code, detail, wait));
        if let Ok(value) = HeaderValue::try_from(details) {
            headers.insert("grpc-status-details-bin", value);
        }
    }
    let mut response = Response::new(Bytes::new());
    *response.headers_mut() = headers;
    response
}

/// gRPC over HTTP/2, `Status-Message`: printable ASCII but `%` as is, the rest percent-encoded.
fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (0x20..0x7f).contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `google.rpc.Status { code = 1, message = 2, details = 3: Any(RetryInfo { retry_delay = 1 }) }`
/// in protobuf's wire format: three small messages do not need a code generator.
fn status_with_retry_info(code: u64, message: &str, wait: Nanos) -> Vec<u8> {
    let mut duration = Vec::new();
    varint_field(&mut duration, 1, wait.0 / 1_000_000_000);
    varint_field(&mut duration, 2, wait.0 % 1_000_000_000);
    let mut retry_info = Vec::new();
    bytes_field(&mut retry_info, 1, &duration);
    let mut any = Vec::new();
    bytes_field(&mut any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
    bytes_field(&mut any, 2, &retry_info);
    let mut status = Vec::new();
    varint_field(&mut status, 1, code);
    bytes_field(&mut status, 2, message.as_bytes());
    bytes_field(&mut status, 3, &any);
    status
}

fn varint_field(out: &mut Vec<u8>, field: u8, value: u64) {
    if value != 0 {
        out.push(field << 3);
        varint(out, value);
    }
}

fn bytes_field(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_info_is_protobuf_as_the_specification_writes_it() {
        let bytes = status_with_retry_info(8, "slow", Nanos(1_500_000_000));
        let any = b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01";
        let mut expected = b"\x08\x08\x12\x04slow\x1a".to_vec();
        expected.push(u8::try_from(any.len()).unwrap());
        expected.extend_from_slice(any);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_message_is_percent_encoded() {
        assert_eq!(percent_encode("50% é"), "50%25 %C3%A9");
    }
}
