//! Path templates: OpenAPI's `{name}`, and the shapes that real documents have besides.
//!
//! A segment is a literal, a whole parameter (`{id}`), or a pattern of both (`{a}.{b}`,
//! `{id}:verb`, `v{n}`). A tail takes the rest of the path: `{path+}` one segment or more,
//! `{path*}` and `**` none or more. `*` alone is a parameter without a name. A parameter takes at
//! least one character and never a slash.

mod parse;
mod pattern;

use std::sync::Arc;

use crate::paths::{PathRules, TrailingSlash, push_encoded};
pub(crate) use pattern::Pattern;

/// The longest template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 2048;
/// The most segments of a template; it bounds how deep a lookup goes.
pub const TEMPLATE_SEGMENTS_MAX: usize = 64;

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Does not begin with `/`.
    #[error("template does not begin with a slash")]
    NotAbsolute,
    /// More than [`TEMPLATE_BYTES_MAX`].
    #[error("template is longer than 2048 bytes")]
    TooLong,
    /// More than [`TEMPLATE_SEGMENTS_MAX`].
    #[error("template has more than 64 segments")]
    TooManySegments,
    /// `{` without `}`, or the reverse.
    #[error("braces do not match")]
    UnbalancedBraces,
    /// A tail before the last segment.
    #[error("tail `{tail}` is not the last segment")]
    TailNotLast {
        /// As written.
        tail: String,
    },
    /// A tail with other text in its segment.
    #[error("tail `{tail}` is not a whole segment")]
    TailNotWhole {
        /// As written.
        tail: String,
    },
    /// `.` or `..` as a segment: such paths are resolved before they are matched.
    #[error("segment `{segment}` is resolved before matching")]
    DotSegment {
        /// As written.
        segment: String,
    },
    /// A literal that stands only in paths that are refused.
    #[error("segment `{segment}` can match no accepted path")]
    Unmatchable {
        /// As written.
        segment: String,
    },
}

/// What was left out of, or changed in, a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateNote {
    /// `#fragment` was cut off: it never reaches a server.
    FragmentCut,
    /// `?query` or `{?query}` was cut off: a route is a path.
    QueryCut,
    /// Repeated slashes were collapsed, as they are in requests.
    SlashesCollapsed,
    /// A segment begins with `:`, which other routers take for a parameter.
    ColonLiteral,
}

/// A checked path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: Arc<str>,
    segments: Vec<Segment>,
    trailing_slash: bool,
}

/// One segment of a template; literals are decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Literal(Vec<u8>),
    Pattern(Pattern),
    Param,
    Tail(Tail),
}

/// How many segments a tail takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tail {
    /// One or more.
    Some,
    /// None or more.
    Any,
}

// === impl Template ===

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] where no path could ever match, or the text says nothing clear.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        parse::parse(text).map(|(template, _)| template)
    }

    /// Reads a template, and says what was changed in it.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_with_notes(text: &str) -> Result<(Template, Vec<TemplateNote>), TemplateError> {
        parse::parse(text)
    }

    /// As written, without a fragment or query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The template without its parameter names: two templates of one shape match the same paths.
    #[must_use]
    pub fn shape(&self, rules: PathRules) -> String {
        let mut shape = String::new();
        for segment in self.segments(rules) {
            shape.push('/');
            segment.push_shape(&mut shape);
        }
        if shape.is_empty() {
            "/".to_owned()
        } else {
            shape
        }
    }

    /// A concrete path in canonical form, with `value(index)` for each parameter and tail in turn.
    ///
    /// An empty value gives a path that does not match the template.
    pub fn path(&self, mut value: impl FnMut(usize) -> String) -> String {
        let mut path = String::new();
        let mut index = 0;
        let mut next = |path: &mut String| {
            push_text(path, value(index).as_bytes());
            index += 1;
        };
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(literal) => push_text(&mut path, literal),
                Segment::Pattern(pattern) => pattern.fill(&mut path, push_text, &mut next),
                Segment::Param | Segment::Tail(_) => next(&mut path),
            }
        }
        if self.trailing_slash || path.is_empty() {
            path.push('/');
        }
        path
    }

    /// Segments as the rules see them: folded, and with the empty last one where it counts.
    pub(crate) fn segments(&self, rules: PathRules) -> Vec<Segment> {
        let mut segments = self.segments.clone();
        if !rules.case_sensitive {
            segments.iter_mut().for_each(Segment::fold_case);
        }
        if self.trailing_slash && rules.trailing_slash == TrailingSlash::Strict {
            segments.push(Segment::Literal(Vec::new()));
        }
        segments
    }
}

// === impl Segment ===

impl Segment {
    fn fold_case(&mut self) {
        match self {
            Segment::Literal(literal) => literal.make_ascii_lowercase(),
            Segment::Pattern(pattern) => pattern.fold_case(),
            Segment::Param | Segment::Tail(_) => {}
        }
    }

    fn push_shape(&self, shape: &mut String) {
        match self {
            Segment::Literal(literal) => push_text(shape, literal),
            Segment::Pattern(pattern) => {
                pattern.fill(shape, push_text, &mut |shape| shape.push_str("{}"))
            }
            Segment::Param => shape.push_str("{}"),
            Segment::Tail(Tail::Some) => shape.push_str("{+}"),
            Segment::Tail(Tail::Any) => shape.push_str("{*}"),
        }
    }
}

/// Text as it stands in a canonical path.
fn push_text(out: &mut String, text: &[u8]) {
    for &byte in text {
        if crate::paths::is_path_byte(byte) {
            out.push(char::from(byte));
        } else {
            push_encoded(out, byte);
        }
    }
}

#[cfg(test)]
mod tests;
