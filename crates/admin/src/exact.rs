//! Numbers that any reader of JSON gets as they are.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{Number, PartialSchema, ToSchema};

/// Beyond it many readers of JSON round (RFC 8259, section 6): 2^53 - 1.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// A count: a number up to 2^53 - 1, and beyond it the same digits as a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact(pub u64);

// === impl Exact ===

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number @ 0..=NUMBER_MAX => serializer.serialize_u64(number),
            large => serializer.collect_str(&large),
        }
    }
}

impl PartialSchema for Exact {
    fn schema() -> RefOr<Schema> {
        let max = usize::try_from(NUMBER_MAX).unwrap_or(usize::MAX);
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(Number::UInt(0)))
            .maximum(Some(Number::UInt(max)));
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[1-9][0-9]{15,19}$"));
        let either = OneOfBuilder::new()
            .description(Some(
                "A number up to 2^53 - 1; a larger one as a text, since many readers of JSON would round it.",
            ))
            .examples([json!(4711)])
            .item(number)
            .item(text);
        either.into()
    }
}

impl ToSchema for Exact {
    fn name() -> Cow<'static, str> {
        "Exact".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_085_a_number_that_would_be_rounded_is_a_text() {
        for (number, expected) in [
            (0, json!(0)),
            (NUMBER_MAX, json!(9_007_199_254_740_991_u64)),
            (NUMBER_MAX + 1, json!("9007199254740992")),
            (1 << 63, json!("9223372036854775808")),
            (u64::MAX, json!("18446744073709551615")),
        ] {
            assert_eq!(serde_json::to_value(Exact(number)).unwrap(), expected);
        }
    }
}
