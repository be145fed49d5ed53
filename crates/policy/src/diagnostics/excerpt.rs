//! The few lines of a file that a finding shows.
//!
//! A finding keeps these and not the file, which may be an API description of many megabytes in a
//! single line.

use std::ops::Range;

/// A line is shown whole up to this many bytes, and in part beyond.
const LINE_BYTES_MAX: usize = 512;

/// A position in a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Lines with the offending text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    pub(crate) first_line: usize,
    /// Whether the line is shown from its beginning.
    pub(crate) whole: bool,
    /// Of the offending text, in bytes of `text`.
    pub(crate) span: Range<usize>,
}

/// Where a span is, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    pub(crate) excerpt: Excerpt,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// From a line and a column in bytes, both from 1, as JSON's reader counts them.
    pub(crate) fn at_line_bytes(text: &str, line: usize, column: usize) -> Span {
        let start = line_start(text, line) + column.saturating_sub(1);
        Span {
            start,
            end: start + 1,
        }
    }

    /// From a line and a column in characters, both from 1.
    pub(crate) fn at_line(text: &str, line: usize, column: usize) -> Span {
        let start = line_start(text, line);
        let rest = text.get(start..).unwrap_or("");
        let this = rest.split('\n').next().unwrap_or("");
        let within = this
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(this.len(), |(at, _)| at);
        Span {
            start: start + within,
            end: start + within + 1,
        }
    }
}

/// Where a line begins; the end of the text where there are fewer.
fn line_start(text: &str, line: usize) -> usize {
    match line.checked_sub(2) {
        None => 0,
        Some(breaks) => memchr::memchr_iter(b'\n', text.as_bytes())
            .nth(breaks)
            .map_or(text.len(), |at| at + 1),
    }
}

/// Finds a span in its text. A span over several lines is shown at its first.
pub(crate) fn place(text: &str, span: Span) -> Place {
    let start = floor_boundary(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
    let start = start.min(line_end);
    let end = floor_boundary(text, span.end).clamp(start, line_end);
    let line = memchr::memchr_iter(b'\n', &text.as_bytes()[..line_start]).count() + 1;
    let column = text[line_start..start].chars().count() + 1;
    let from = floor_boundary(
        text,
        line_start.max(start.saturating_sub(LINE_BYTES_MAX / 2)),
    );
    let to = floor_boundary(text, line_end.min(from + LINE_BYTES_MAX))
        .max(end.min(from + LINE_BYTES_MAX));
    let to = floor_boundary(text, to);
    // A mark needs something to stand under, also where the line ends.
    let mut shown = text[from..to].to_owned();
    let span = start - from..end.min(to) - from;
    let span = if span.is_empty() {
        span.start..next_boundary(&mut shown, span.start)
    } else {
        span
    };
    Place {
        line,
        column,
        excerpt: Excerpt {
            text: shown,
            whole: from == line_start,
            first_line: line,
            span,
        },
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The end of the character at `at`; a space is added where there is none.
fn next_boundary(text: &mut String, at: usize) -> usize {
    if at >= text.len() {
        text.push(' ');
    }
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_found_with_line_and_column() {
        let text = "a: 1\né: [x, bad]\nc: 3\n";
        let start = text.find("bad").unwrap();
        let place = place(text, Span::new(start, start + 3));
        assert_eq!((place.line, place.column), (2, 8));
        assert_eq!(place.excerpt.text, "é: [x, bad]");
        assert_eq!(&place.excerpt.text[place.excerpt.span], "bad");
    }

    #[test]
    fn a_span_at_the_end_of_a_line_or_file_has_a_mark() {
        for (text, span) in [
            ("a:\nb", Span::new(2, 2)),
            ("", Span::new(0, 0)),
            ("ab", Span::new(9, 12)),
        ] {
            let place = place(text, span);
            assert_eq!(place.excerpt.span.len(), 1, "{text:?}");
            assert!(place.excerpt.span.end <= place.excerpt.text.len());
        }
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let text = format!("{}bad{}", "é".repeat(100_000), "é".repeat(100_000));
        let start = text.find("bad").unwrap();
        let place = place(&text, Span::new(start, start + 3));
        assert!(place.excerpt.text.len() <= LINE_BYTES_MAX);
        assert_eq!(&place.excerpt.text[place.excerpt.span], "bad");
        assert_eq!(place.column, 100_001);
    }

    #[test]
    fn line_and_column_give_the_span_back() {
        let text = "a: 1\né: [x]\n";
        assert_eq!(Span::at_line(text, 2, 4), Span::new(9, 10));
        assert_eq!(Span::at_line(text, 99, 1).start, text.len());
    }
}
