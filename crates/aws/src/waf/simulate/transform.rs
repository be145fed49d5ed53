//! Text transformations.

use std::borrow::Cow;

use crate::waf::error::WafError;
use crate::waf::model::{Transformation, TransformationKind, Word};

/// A text transformation that the model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Lowercase,
    Uppercase,
    UrlDecode,
    CompressWhiteSpace,
    RemoveWhitespace,
    RemoveNulls,
    TrimLeft,
    TrimRight,
}

/// The transformations of a field, in the order of their priorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps(Vec<Step>);

// === impl Steps ===

impl Steps {
    pub(super) fn new(list: &[Transformation], path: &str) -> Result<Self, WafError> {
        let mut sorted = list.to_vec();
        sorted.sort_by_key(|transformation| transformation.priority);
        let mut steps = Vec::new();
        for Transformation { kind, .. } in sorted {
            match kind {
                TransformationKind::None => {}
                TransformationKind::Lowercase => steps.push(Step::Lowercase),
                TransformationKind::Uppercase => steps.push(Step::Uppercase),
                TransformationKind::UrlDecode => steps.push(Step::UrlDecode),
                TransformationKind::CompressWhiteSpace => steps.push(Step::CompressWhiteSpace),
                TransformationKind::RemoveWhitespace => steps.push(Step::RemoveWhitespace),
                TransformationKind::RemoveNulls => steps.push(Step::RemoveNulls),
                TransformationKind::Trim => steps.extend([Step::TrimLeft, Step::TrimRight]),
                TransformationKind::TrimLeft => steps.push(Step::TrimLeft),
                TransformationKind::TrimRight => steps.push(Step::TrimRight),
                other => {
                    return Err(WafError::NotModelled {
                        path: format!("{path}/TextTransformations"),
                        what: format!("the text transformation {}", other.as_str()),
                    });
                }
            }
        }
        Ok(Steps(steps))
    }

    pub(super) fn apply<'a>(&self, text: &'a str) -> Cow<'a, [u8]> {
        let mut bytes = Cow::Borrowed(text.as_bytes());
        for step in &self.0 {
            bytes = Cow::Owned(step.apply(&bytes));
        }
        bytes
    }
}

// === impl Step ===

impl Step {
    fn apply(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Step::Lowercase => bytes.to_ascii_lowercase(),
            Step::Uppercase => bytes.to_ascii_uppercase(),
            Step::UrlDecode => url_decode(bytes),
            Step::CompressWhiteSpace => compress(bytes),
            Step::RemoveWhitespace => without(bytes, is_white),
            Step::RemoveNulls => without(bytes, |byte| byte == 0),
            Step::TrimLeft => {
                let start = bytes.iter().position(|byte| !is_white(*byte));
                bytes[start.unwrap_or(bytes.len())..].to_vec()
            }
            Step::TrimRight => {
                let end = bytes.iter().rposition(|byte| !is_white(*byte));
                bytes[..end.map_or(0, |end| end + 1)].to_vec()
            }
        }
    }
}

/// Blank, tab, line feed, vertical tab, form feed, carriage return, no-break space.
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 0xa0)
}

fn without(bytes: &[u8], removed: impl Fn(u8) -> bool) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .filter(|byte| !removed(*byte))
        .collect()
}

/// White space as a blank, several as one.
fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match (is_white(*byte), out.last()) {
            (true, Some(b' ')) => {}
            (true, _) => out.push(b' '),
            (false, _) => out.push(*byte),
        }
    }
    out
}

/// `%2f` and `+`; what is no encoding stays.
fn url_decode(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            (byte, _) => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(kinds: &[TransformationKind], text: &str) -> String {
        let numbered = kinds.iter().enumerate();
        let list: Vec<_> = numbered
            .map(|(priority, kind)| Transformation {
                priority: priority as u64,
                kind: *kind,
            })
            .collect();
        let steps = Steps::new(&list, "").unwrap();
        String::from_utf8(steps.apply(text).into_owned()).unwrap()
    }

    #[test]
    fn each_does_what_its_name_says() {
        use TransformationKind as T;
        let table: [(&[T], &str, &str); 10] = [
            (&[T::None], " A%2f ", " A%2f "),
            (&[T::Lowercase], "AbC", "abc"),
            (&[T::Uppercase], "AbC", "ABC"),
            (&[T::UrlDecode], "a%2Fb+c%zz%4", "a/b c%zz%4"),
            (&[T::CompressWhiteSpace], "a \t\n b", "a b"),
            (&[T::RemoveWhitespace], " a \t b ", "ab"),
            (&[T::RemoveNulls], "a\0b", "ab"),
            (&[T::Trim], "  a b ", "a b"),
            (&[T::TrimLeft], "  a ", "a "),
            (&[T::TrimRight, T::Uppercase], " a  ", " A"),
        ];
        for (kinds, text, expected) in table {
            assert_eq!(applied(kinds, text), expected, "{kinds:?}");
        }
    }

    #[test]
    fn priorities_make_the_order_and_others_are_refused() {
        let one = |priority, kind| Transformation { priority, kind };
        let later = one(1, TransformationKind::UrlDecode);
        let first = one(0, TransformationKind::Lowercase);
        let steps = Steps::new(&[later, first], "").unwrap();
        assert_eq!(&*steps.apply("%41"), b"A");
        let refused = Steps::new(&[one(0, TransformationKind::CmdLine)], "/Rules/0");
        let error = refused.unwrap_err().to_string();
        assert_eq!(
            error,
            "/Rules/0/TextTransformations: the text transformation CMD_LINE cannot be simulated"
        );
    }
}
