//! Lines of bounded length, and a digest of all that came before.

use std::fmt;
use std::io::{self, BufRead};

use data_encoding::HEXLOWER;
use memchr::memchr;
use sha2::{Digest as _, Sha256};

/// The longest line, in bytes; what is longer is passed over.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// A SHA-256 of the first lines of a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// What comes next in a log.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'l> {
    /// A line of values.
    Values(&'l [u8]),
    /// A line of values that is longer than [`LINE_BYTES_MAX`].
    TooLong,
    /// A line that begins with `#`.
    Directive(&'l [u8]),
}

/// The lines of a log: those of values, which count and are digested, and those that begin with `#`.
/// Empty ones are passed over, and so are the two ways to end a line.
pub struct Lines<R> {
    from: R,
    line: Vec<u8>,
    /// Of all lines of values, each with one line feed.
    hasher: Sha256,
    values: u64,
    number: u64,
    /// Whether the last line counts though it has no end.
    is_whole: bool,
    is_unfinished: bool,
}

/// What [`Lines::line`] holds.
enum Kind {
    Values,
    TooLong,
    Directive,
}

// === impl Lines ===

impl<R: BufRead> Lines<R> {
    /// The lines of a text that may be still being written: a last line without its end does not count.
    pub fn new(from: R) -> Self {
        Self {
            from,
            line: Vec::new(),
            hasher: Sha256::new(),
            values: 0,
            number: 0,
            is_whole: false,
            is_unfinished: false,
        }
    }

    /// The lines of a text that nobody writes any more: its last line counts as it is.
    pub fn of_whole(from: R) -> Self {
        Self {
            is_whole: true,
            ..Self::new(from)
        }
    }

    /// How many lines of values there were.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.values
    }

    /// The number of the line that came last, as an editor counts.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the end was within a line, which did not count.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    /// The digest of the lines of values so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.hasher.clone().finalize().into())
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// When the text cannot be read; what came before can be used.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        Ok(self.advance()?.map(|kind| match kind {
            Kind::Values => Line::Values(&self.line),
            Kind::TooLong => Line::TooLong,
            Kind::Directive => Line::Directive(&self.line),
        }))
    }

    /// The next line of values that `look` is to see, if there is one.
    fn advance(&mut self) -> io::Result<Option<Kind>> {
        loop {
            // A line that is too long is digested as it comes: undone if it does not come to its end.
            let before = self.hasher.clone();
            let filled = match self.fill() {
                Ok(filled) => filled,
                Err(error) => {
                    self.hasher = before;
                    return Err(error);
                }
            };
            let Some((is_long, has_end)) = filled else {
                return Ok(None);
            };
            self.number += 1;
            if self.line.last() == Some(&b'\r') && !is_long {
                self.line.pop();
            }
            let is_directive = self.line.first() == Some(&b'#');
            if self.line.is_empty() || (is_directive && is_long) {
                continue;
            }
            if is_directive {
                return Ok(Some(Kind::Directive));
            }
            if !has_end && !self.is_whole {
                self.hasher = before;
                self.is_unfinished = true;
                return Ok(None);
            }
            if !is_long {
                self.hasher.update(&self.line);
            }
            self.hasher.update(b"\n");
            self.values += 1;
            let kind = if is_long { Kind::TooLong } else { Kind::Values };
            return Ok(Some(kind));
        }
    }

    /// Reads up to the end of a line: whether it is too long, of which the first bytes are kept, and whether
    /// it has an end. `None` at the end of the text.
    fn fill(&mut self) -> io::Result<Option<(bool, bool)>> {
        self.line.clear();
        let (mut is_long, mut is_any) = (false, false);
        loop {
            let bytes = self.from.fill_buf()?;
            if bytes.is_empty() {
                return Ok(is_any.then_some((is_long, false)));
            }
            is_any = true;
            let end = memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let room = LINE_BYTES_MAX - self.line.len();
            if !is_long && part.len() > room {
                is_long = true;
                self.line.extend_from_slice(&part[..room]);
                if self.line.first() != Some(&b'#') {
                    self.hasher.update(&self.line);
                    self.hasher.update(&part[room..]);
                }
            } else if is_long {
                if self.line.first() != Some(&b'#') {
                    self.hasher.update(part);
                }
            } else {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.from.consume(used);
            if end.is_some() {
                return Ok(Some((is_long, true)));
            }
        }
    }
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}

// === impl Digest ===

impl Digest {
    /// Enough of it to tell one log from another.
    pub(crate) fn short(self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(first)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &[u8], whole: bool, buffer: usize) -> (Vec<String>, Digest, u64, bool) {
        let from = BufReader::with_capacity(buffer, text);
        let mut lines = if whole {
            Lines::of_whole(from)
        } else {
            Lines::new(from)
        };
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            all.push(match line {
                Line::Values(line) => String::from_utf8_lossy(line).into_owned(),
                Line::Directive(line) => format!("<{}>", String::from_utf8_lossy(line)),
                Line::TooLong => "too long".to_owned(),
            });
        }
        (all, lines.digest(), lines.values(), lines.is_unfinished())
    }

    #[test]
    fn lines_are_those_of_values_whatever_stands_between() {
        for buffer in [1, 3, 4096] {
            let (all, digest, values, unfinished) = read(b"#a\n\nb\r\nc\n", false, buffer);
            assert_eq!(all, ["<#a>", "b", "c"]);
            assert_eq!((values, unfinished), (2, false));
            let (_, other, ..) = read(b"b\n\n\n#x\nc\r\n", false, buffer);
            assert_eq!(digest, other);
            let (_, other, ..) = read(b"bc\n", false, buffer);
            assert_ne!(digest, other);
        }
    }

    #[test]
    fn a_last_line_without_an_end_counts_only_of_a_whole_text() {
        let (_, first, ..) = read(b"a\n", false, 4096);
        let (all, digest, values, unfinished) = read(b"a\nb", false, 2);
        assert_eq!((all.len(), digest, values, unfinished), (1, first, 1, true));
        let (all, digest, values, unfinished) = read(b"a\nb", true, 2);
        assert_eq!((all.len(), values, unfinished), (2, 2, false));
        assert_eq!(digest, read(b"a\nb\n", false, 4096).1);
        assert!(!read(b"a\n", false, 2).3 && !read(b"", false, 2).3);
    }

    #[test]
    fn a_line_that_is_too_long_is_digested_and_not_kept() {
        let fits = vec![b'x'; LINE_BYTES_MAX];
        let long = vec![b'x'; 3 * LINE_BYTES_MAX + 1];
        let text = |line: &[u8]| [line, b"\nafter\n"].concat();
        for buffer in [1_000, LINE_BYTES_MAX + 1, 10 * LINE_BYTES_MAX] {
            assert_eq!(read(&text(&fits), false, buffer).0[1], "after");
            assert_eq!(read(&text(&fits), false, buffer).0[0].len(), LINE_BYTES_MAX);
            let (all, digest, values, _) = read(&text(&long), false, buffer);
            assert_eq!(
                (all, values),
                (vec!["too long".to_owned(), "after".to_owned()], 2)
            );
            let (_, other, ..) = read(&text(&[&long[..], b"y"].concat()), false, 1_000);
            assert_ne!(digest, other);
            assert_eq!(digest, read(&text(&long), false, 777).1);
            let mut comment = long.clone();
            comment[0] = b'#';
            assert_eq!(read(&text(&comment), false, buffer).0, ["after"]);
            // Unfinished: as if it were not there.
            let unfinished = [b"a\n", &long[..]].concat();
            assert_eq!(read(&unfinished, false, buffer).1, read(b"a\n", false, 9).1);
        }
    }
}
