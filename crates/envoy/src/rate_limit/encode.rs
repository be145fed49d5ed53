//! Parts of answers that both kinds of domains give.

use std::collections::HashMap;

use http::HeaderMap;

use crate::messages::proto::{Kind, ListValue, Struct, Value};
use crate::messages::rate_limit::{Code, DescriptorStatus, HeaderValue, RateLimitResponse};

pub(super) fn code(is_over_limit: bool) -> i32 {
    match is_over_limit {
        true => Code::OverLimit.into(),
        false => Code::Ok.into(),
    }
}

/// Nothing is limited.
pub(super) fn unlimited(descriptors: usize) -> RateLimitResponse {
    let ok = || DescriptorStatus {
        code: code(false),
        ..DescriptorStatus::default()
    };
    RateLimitResponse {
        overall_code: code(false),
        statuses: std::iter::repeat_with(ok).take(descriptors).collect(),
        ..RateLimitResponse::default()
    }
}

pub(super) fn header(key: &str, value: String) -> HeaderValue {
    HeaderValue {
        key: key.to_owned(),
        value,
        raw_value: Vec::new(),
    }
}

/// Fields of an answer, as whoever asks is to add them. What frames a body is not among them.
pub(super) fn headers(fields: &HeaderMap) -> Vec<HeaderValue> {
    let framing = |name: &http::HeaderName| *name == http::header::CONTENT_LENGTH;
    let fields = fields.iter().filter(|(name, _)| !framing(name));
    fields
        .filter_map(|(name, value)| Some(header(name.as_str(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// A list of places under one name.
#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of metadata are floating; places are small"
)]
pub(super) fn places(name: &str, places: &[usize]) -> Struct {
    let number = |place: &usize| Value {
        kind: Some(Kind::NumberValue(*place as f64)),
    };
    let list = ListValue {
        values: places.iter().map(number).collect(),
    };
    let value = Value {
        kind: Some(Kind::ListValue(list)),
    };
    Struct {
        fields: HashMap::from([(name.to_owned(), value)]),
    }
}
