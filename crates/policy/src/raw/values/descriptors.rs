//! Texts of descriptors, and units of time as rules for them name it.

use crate::codes;
use crate::findings::Problem;
use crate::grpc::WindowUnit;
use crate::raw::section::text_value;
use crate::suggest::{listing, nearest};

/// The longest key, value or name, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

text_value! {
    /// A key, value or name in a rule: at most 1,024 bytes without control characters.
    DescriptorText(String), "a text", ["remote_address"], descriptor_text
}

text_value! {
    /// A unit of time.
    UnitName(WindowUnit), "a unit of time", ["second", "minute"], unit
}

fn descriptor_text(text: &str) -> Result<String, Problem> {
    if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(Problem::new(
            codes::NAME,
            "text is too long for a descriptor, or has control characters",
            "write at most 1024 bytes of text",
        ));
    }
    Ok(text.to_owned())
}

/// In any case, as envoyproxy/ratelimit reads it.
fn unit(text: &str) -> Result<WindowUnit, Problem> {
    let written = text.to_ascii_lowercase();
    let words = || WindowUnit::ALL.into_iter().map(WindowUnit::as_str);
    let known = WindowUnit::ALL
        .into_iter()
        .find(|unit| unit.as_str() == written);
    known.ok_or_else(|| {
        let help = match nearest(&written, words()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("write {}", listing(words())),
        };
        Problem::new(
            codes::UNKNOWN_WORD,
            format!("`{text}` is not a unit of time"),
            help,
        )
    })
}
