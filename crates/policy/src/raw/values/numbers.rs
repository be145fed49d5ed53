//! Numbers with a range, sizes in bytes.

use std::num::NonZeroU64;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::codes;
use crate::findings::{Finding, Findings, Problem};
use crate::limit::BURST_MAX;
use crate::node::{FromNode, Node, Value, wrong_kind};
use crate::raw::section::text_value;

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Whole<const MIN: u64, const MAX: u64>(pub(crate) u64);

/// A burst or a cost: 1 to 2^32.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Units(pub(crate) NonZeroU64);

/// The largest share in percent: ten times all of it.
const PERCENT_MAX: u32 = 1_000;

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

text_value! {
    /// A whole number of percent, 0 to 1000.
    Percent(u32), "a share in percent", ["75%", "90%", "100%"], percent
}

text_value! {
    /// A size in bytes, above zero: `64KiB`, `10MiB`, `1048576`.
    ByteSize(u64), "a size", ["64KiB", "10MiB", "1GiB", "65536"], byte_size
}

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// As a `usize`; the range of every key fits one.
    pub(crate) fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> FromNode for Whole<MIN, MAX> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        if !matches!(node.value, Value::Int(_) | Value::Float(_)) {
            wrong_kind(node, "a number", findings);
            return None;
        }
        let value = match node.value {
            Value::Int(value) => u64::try_from(value)
                .ok()
                .filter(|value| (MIN..=MAX).contains(value)),
            _ => None,
        };
        if value.is_none() {
            findings.push(
                Finding::error(codes::RANGE, node.span, "number is out of range")
                    .help(format!("write a whole number from {MIN} to {MAX}")),
            );
        }
        value.map(Whole)
    }
}

impl FromNode for Units {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        let value = match node.value {
            Value::Int(value) => value,
            Value::Float(_) => -1,
            _ => {
                wrong_kind(node, "a number", findings);
                return None;
            }
        };
        let problem = match u64::try_from(value) {
            Ok(0) => "it is zero: no request could ever pass",
            Ok(value) if value <= BURST_MAX => return NonZeroU64::new(value).map(Units),
            Ok(_) => "it is above 2^32",
            Err(_) => "it is not a whole number above zero",
        };
        findings.push(
            Finding::error(
                codes::UNITS,
                node.span,
                format!("number of requests cannot be counted: {problem}"),
            )
            .help(format!("write a whole number from 1 to {BURST_MAX}")),
        );
        None
    }
}

impl FromNode for Share {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        let value = match node.value {
            Value::Float(value) => value,
            Value::Int(0) => 0.0,
            Value::Int(1) => 1.0,
            Value::Int(_) => f64::INFINITY,
            _ => {
                wrong_kind(node, "a number", findings);
                return None;
            }
        };
        if !(0.0..=1.0).contains(&value) {
            findings.push(
                Finding::error(codes::RANGE, node.span, "share is out of range")
                    .help("write a number from 0 to 1, for example 0.01 for one in a hundred"),
            );
            return None;
        }
        Some(Share(value))
    }
}

fn percent(text: &str) -> Result<u32, Problem> {
    let number = text.trim().strip_suffix('%').map(str::trim);
    let percent = number.and_then(|number| number.parse().ok());
    percent
        .filter(|percent| *percent <= PERCENT_MAX)
        .ok_or_else(|| {
            Problem::new(
                codes::RANGE,
                format!("`{text}` is not a share in percent"),
                format!("write a whole number to {PERCENT_MAX} and `%`: `75%`"),
            )
        })
}

fn byte_size(text: &str) -> Result<u64, Problem> {
    let wrong = |message: String| {
        Problem::new(
            codes::SIZE,
            message,
            "write bytes, or `KiB`, `MiB`, `GiB`: `64KiB`",
        )
    };
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(wrong(format!("`{unit}` is not a unit of size"))),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| wrong(format!("size `{text}` is not a whole number of bytes")))?;
    match number.checked_mul(factor) {
        Some(0) => Err(wrong("size is zero".into())),
        Some(bytes) => Ok(bytes),
        None => Err(wrong(format!("size `{text}` is too large"))),
    }
}

// === schemas ===

impl<const MIN: u64, const MAX: u64> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("whole_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

impl JsonSchema for Units {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "units".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": BURST_MAX })
    }
}

impl JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_in_both_systems() {
        for (text, bytes) in [
            ("64KiB", 65_536),
            ("1 MiB", 1 << 20),
            ("10MB", 10_000_000),
            ("1048576", 1 << 20),
            ("5B", 5),
        ] {
            assert_eq!(byte_size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "0", "-1", "64K", "1.5MiB", "99999999999999GiB"] {
            assert!(byte_size(text).is_err(), "{text}");
        }
    }
}
