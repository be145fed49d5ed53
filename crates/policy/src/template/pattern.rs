//! A segment of literals and parameters: `{a}.{b}`, `{id}:verb`, `v{n}`.

use std::cmp::{Ordering, Reverse};

/// Literals with a gap of at least one byte wherever two of them meet.
///
/// `v{n}` is `["v", ""]`, `{a}.{b}` is `["", ".", ""]`. Only the first and the last may be empty,
/// and there are at least two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pattern {
    literals: Vec<Vec<u8>>,
}

impl Pattern {
    /// From the literals around gaps; `None` where no literal has text, so that it is a parameter.
    pub(crate) fn new(literals: Vec<Vec<u8>>) -> Option<Pattern> {
        let has_text = literals.iter().any(|literal| !literal.is_empty());
        (literals.len() >= 2 && has_text).then_some(Pattern { literals })
    }

    /// Whether the whole of a segment fits.
    ///
    /// Taking every inner literal at its first possible place is enough: any other choice leaves
    /// less room for the rest.
    pub(crate) fn matches(&self, segment: &[u8]) -> bool {
        let [first, inner @ .., last] = self.literals.as_slice() else {
            return false;
        };
        let Some(mut rest) = segment.strip_prefix(first.as_slice()) else {
            return false;
        };
        for literal in inner {
            let Some(found) = rest
                .get(1..)
                .and_then(|after| memchr::memmem::find(after, literal))
            else {
                return false;
            };
            rest = &rest[1 + found + literal.len()..];
        }
        rest.len() > last.len() && rest.ends_with(last)
    }

    /// The literals, with a gap wherever two of them meet.
    pub(crate) fn literals(&self) -> &[Vec<u8>] {
        &self.literals
    }

    pub(crate) fn fold_case(&mut self) {
        self.literals
            .iter_mut()
            .for_each(|literal| literal.make_ascii_lowercase());
    }

    /// Writes literals and gaps in turn.
    pub(crate) fn fill<T: ?Sized>(
        &self,
        out: &mut T,
        literal: impl Fn(&mut T, &[u8]),
        gap: &mut impl FnMut(&mut T),
    ) {
        for (index, text) in self.literals.iter().enumerate() {
            if index > 0 {
                gap(out);
            }
            literal(out, text);
        }
    }

    /// Which of two patterns is tried first: more literal text, then a longer prefix, then fewer
    /// gaps, then the text itself, so that the order of a document never matters.
    pub(crate) fn specificity(&self, other: &Pattern) -> Ordering {
        let key = |pattern: &Pattern| {
            let text: usize = pattern.literals.iter().map(Vec::len).sum();
            (
                Reverse(text),
                Reverse(pattern.literals[0].len()),
                pattern.literals.len(),
            )
        };
        key(self)
            .cmp(&key(other))
            .then_with(|| self.literals.cmp(&other.literals))
    }
}
