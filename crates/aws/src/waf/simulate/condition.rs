//! Match statements and logic over a request.

use std::borrow::Cow;
use std::sync::Arc;

use super::request::{WafRequest, selected};
use super::transform::Steps;
use crate::waf::model::{Comparison, Field, LabelScope, Positional};

/// A condition without anything that the model does not have.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Bytes {
        field: Field,
        steps: Steps,
        positional: Positional,
        search: Vec<u8>,
    },
    Size {
        field: Field,
        steps: Steps,
        comparison: Comparison,
        size: u64,
    },
    Label {
        scope: LabelScope,
        key: String,
    },
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

// === impl Condition ===

impl Condition {
    /// Whether it holds. A field that is not there matches nothing, whatever is asked of it.
    pub(super) fn holds(&self, request: &WafRequest<'_>, labels: &[Arc<str>]) -> bool {
        match self {
            Condition::Bytes {
                field,
                steps,
                positional,
                search,
            } => {
                let found = |value: &Cow<'_, str>| stands(&steps.apply(value), *positional, search);
                values(field, request).iter().any(found)
            }
            Condition::Size {
                field,
                steps,
                comparison,
                size,
            } => {
                let fits = |value: &Cow<'_, str>| {
                    let length = u64::try_from(steps.apply(value).len()).unwrap_or(u64::MAX);
                    compares(length, *comparison, *size)
                };
                values(field, request).iter().any(fits)
            }
            Condition::Label { scope, key } => labels.iter().any(|label| match scope {
                LabelScope::Label => **label == **key,
                LabelScope::Namespace => label.starts_with(key.as_str()),
            }),
            Condition::And(all) => all.iter().all(|one| one.holds(request, labels)),
            Condition::Or(all) => all.iter().any(|one| one.holds(request, labels)),
            Condition::Not(inner) => !inner.holds(request, labels),
        }
    }
}

fn values<'a>(field: &'a Field, request: &WafRequest<'a>) -> Vec<Cow<'a, str>> {
    let one = |value: &'a str| vec![Cow::Borrowed(value)];
    match field {
        Field::SingleHeader(name) => {
            let value = name.known().and_then(|name| request.header(name));
            value.into_iter().collect()
        }
        Field::SingleQueryArgument(name) => {
            let value = name.known().and_then(|name| request.argument(name));
            value.into_iter().map(Cow::Borrowed).collect()
        }
        Field::AllQueryArguments => {
            let pairs = request.arguments();
            pairs
                .flat_map(|(name, value)| [name, value])
                .map(Cow::Borrowed)
                .collect()
        }
        Field::UriPath => one(request.path),
        Field::QueryString => one(request.query),
        Field::Method => one(request.method),
        Field::Headers { pattern, scope } => {
            selected(request.headers.iter().copied(), pattern, *scope)
        }
        Field::Cookies { pattern, scope } => selected(request.cookies(), pattern, *scope),
        // Refused when the rules are compiled.
        Field::Body
        | Field::JsonBody
        | Field::HeaderOrder
        | Field::Ja3Fingerprint
        | Field::Ja4Fingerprint
        | Field::UriFragment => Vec::new(),
    }
}

fn compares(length: u64, comparison: Comparison, size: u64) -> bool {
    match comparison {
        Comparison::Eq => length == size,
        Comparison::Ne => length != size,
        Comparison::Le => length <= size,
        Comparison::Lt => length < size,
        Comparison::Ge => length >= size,
        Comparison::Gt => length > size,
    }
}

fn stands(value: &[u8], positional: Positional, search: &[u8]) -> bool {
    match positional {
        Positional::Exactly => value == search,
        Positional::StartsWith => value.starts_with(search),
        Positional::EndsWith => value.ends_with(search),
        Positional::Contains => places(value, search).next().is_some(),
        Positional::ContainsWord => {
            let is_word = |byte: Option<&u8>| {
                byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            };
            places(value, search).any(|at| {
                let before = at.checked_sub(1).and_then(|before| value.get(before));
                !is_word(before) && !is_word(value.get(at + search.len()))
            })
        }
    }
}

/// Where `search` begins in `value`; nowhere if it is empty.
fn places<'a>(value: &'a [u8], search: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = value.windows(search.len().max(1)).enumerate();
    windows.filter_map(move |(at, window)| (window == search).then_some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_where_they_have_to() {
        let table = [
            (Positional::Exactly, "/a", true),
            (Positional::Exactly, "/a/", false),
            (Positional::StartsWith, "/a/b", true),
            (Positional::StartsWith, "x/a", false),
            (Positional::EndsWith, "x/a", true),
            (Positional::Contains, "x/ay", true),
            (Positional::Contains, "/", false),
            (Positional::ContainsWord, "-/a-", true),
            (Positional::ContainsWord, "x/a-", false),
            (Positional::ContainsWord, "-/ab", false),
        ];
        for (positional, value, expected) in table {
            let found = stands(value.as_bytes(), positional, b"/a");
            assert_eq!(found, expected, "{positional:?} {value}");
        }
    }
}
