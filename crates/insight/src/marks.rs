//! Whether a log is one that was read before, and how far: told by what it begins with.
//!
//! A log that was counted leaves *marks*: digests of its first 1, 2, … 16 lines, of its first 32, 64, … lines
//! and of all of them. Another file is the same log if it begins as the marks say. So a log is the same under
//! another name, compressed or not, and when lines were added to it; and a copy from when it was
//! shorter is known to be one.

use std::io::{self, BufRead};

use crate::lines::Lines;

/// Up to here there is a mark for each line.
const DENSE_LINES: u64 = 16;
/// The least number of common lines that are no coincidence. A log that begins with fewer lines of
/// another and goes on differently is another.
pub const DIVERGING_LINES_MIN: u64 = DENSE_LINES;

/// The marks of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beginning {
    /// How many lines, and the digest of them; in ascending order.
    marks: Vec<(u64, u64)>,
}

/// What a file is, beside logs that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognition {
    /// None of them.
    New,
    /// It begins with all lines of one.
    Known {
        /// Which.
        index: usize,
        /// How many lines that has.
        lines: u64,
    },
    /// It begins one, and ends before it.
    Counted,
    /// It begins as one, and goes on differently.
    Diverging {
        /// How many lines are surely common.
        lines: u64,
    },
}

// === impl Beginning ===

impl Beginning {
    /// Marks the last line of values, where one is to be.
    pub fn note<R: BufRead>(&mut self, lines: &Lines<R>) {
        let count = lines.values();
        if count <= DENSE_LINES || count.is_power_of_two() {
            self.mark(count, lines);
        }
    }

    /// Marks where the reader is, for [`Beginning::to_text`]; the mark before it is dropped if it was made
    /// by this.
    #[must_use]
    pub fn ended<R: BufRead>(&self, lines: &Lines<R>) -> Self {
        let mut ended = self.clone();
        ended.mark(lines.values(), lines);
        ended
    }

    fn mark<R: BufRead>(&mut self, count: u64, lines: &Lines<R>) {
        if self.lines() < count {
            self.marks.push((count, lines.digest().short()));
        }
    }

    /// How many lines are marked.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.marks.last().map_or(0, |(lines, _)| *lines)
    }

    /// As a text: `1:9f86d081884c7d65 2:…`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let marks = self.marks.iter();
        let marks = marks.map(|(lines, digest)| format!("{lines}:{digest:016x}"));
        marks.collect::<Vec<_>>().join(" ")
    }

    /// From its text; `None` if it is none.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let marks = text.split(' ').map(|mark| {
            let (lines, digest) = mark.split_once(':')?;
            Some((lines.parse().ok()?, u64::from_str_radix(digest, 16).ok()?))
        });
        let marks: Vec<(u64, u64)> = marks.collect::<Option<_>>()?;
        let ascends = marks.windows(2).all(|two| two[0].0 < two[1].0);
        (ascends && marks[0].0 > 0).then_some(Self { marks })
    }
}

/// One known log, while a file is held beside it.
struct Candidate<'b> {
    index: usize,
    /// Those to come.
    marks: &'b [(u64, u64)],
    /// Lines that are surely common.
    common: u64,
    diverges: bool,
}

/// Tells which of the known logs a file is. Reads no further than their marks go.
///
/// # Errors
/// When the file cannot be read.
pub fn recognize<R: BufRead>(lines: &mut Lines<R>, known: &[Beginning]) -> io::Result<Recognition> {
    let candidates = known.iter().enumerate();
    let mut candidates: Vec<_> = candidates
        .map(|(index, beginning)| Candidate {
            index,
            marks: &beginning.marks,
            common: 0,
            diverges: false,
        })
        .collect();
    let is_open = |candidate: &Candidate<'_>| !candidate.diverges && !candidate.marks.is_empty();
    let mut has_ended = false;
    while !has_ended && candidates.iter().any(is_open) {
        let before = lines.values();
        has_ended = lines.next_line()?.is_none();
        let count = lines.values();
        if count == before {
            continue;
        }
        let mut digest = None;
        for candidate in candidates.iter_mut().filter(|candidate| is_open(candidate)) {
            let Some(((at, expected), rest)) = candidate.marks.split_first() else {
                continue;
            };
            if *at != count {
                continue;
            }
            let digest = *digest.get_or_insert_with(|| lines.digest().short());
            if digest == *expected {
                candidate.marks = rest;
                candidate.common = count;
            } else {
                candidate.diverges = true;
            }
        }
    }
    Ok(judge(&candidates))
}

fn judge(candidates: &[Candidate<'_>]) -> Recognition {
    let longest = |diverges: bool, ended: bool| {
        let fits =
            move |of: &&Candidate<'_>| of.diverges == diverges && of.marks.is_empty() == ended;
        candidates.iter().filter(fits).max_by_key(|of| of.common)
    };
    // The file ended first: all that it has is in the other.
    if longest(false, false).is_some_and(|of| of.common > 0) {
        return Recognition::Counted;
    }
    if let Some(known) = longest(false, true) {
        return Recognition::Known {
            index: known.index,
            lines: known.common,
        };
    }
    match longest(true, false) {
        Some(of) if of.common >= DIVERGING_LINES_MIN => Recognition::Diverging { lines: of.common },
        _ => Recognition::New,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(lines: &[u8]) -> Vec<u8> {
        lines.iter().flat_map(|line| [b'a' + line, b'\n']).collect()
    }

    fn beginning(lines: &[u8]) -> Beginning {
        let text = text(lines);
        let mut lines = Lines::new(&text[..]);
        let mut beginning = Beginning::default();
        while lines.next_line().unwrap().is_some() {
            beginning.note(&lines);
        }
        let ended = beginning.ended(&lines);
        assert_eq!(Beginning::of_text(&ended.to_text()), Some(ended.clone()));
        ended
    }

    fn recognized(file: &[u8], known: &[Beginning]) -> Recognition {
        let text = text(file);
        recognize(&mut Lines::new(&text[..]), known).unwrap()
    }

    #[test]
    fn marks_are_few() {
        let marks = beginning(&[0; 1_000]);
        assert_eq!(marks.marks.len(), 16 + 5 + 1);
        assert_eq!(marks.lines(), 1_000);
        assert!(marks.to_text().len() < 500);
    }

    #[test]
    fn a_text_that_is_none_of_marks_is_refused() {
        for text in [
            "",
            "1",
            "1:",
            "1:x",
            "0:00",
            "2:00 1:00",
            "1:00 ",
            "1:00 1:00",
        ] {
            assert_eq!(Beginning::of_text(text), None, "{text}");
        }
    }

    #[test]
    fn logs_with_some_common_lines_are_others_until_it_is_no_coincidence() {
        let known = [beginning(&[0; 100])];
        for common in 0..100 {
            let mut file = vec![0; common];
            file.extend([1; 100]);
            let expected = match common {
                0..16 => Recognition::New,
                16..32 => Recognition::Diverging { lines: 16 },
                32..64 => Recognition::Diverging { lines: 32 },
                _ => Recognition::Diverging { lines: 64 },
            };
            assert_eq!(recognized(&file, &known), expected, "{common}");
        }
    }

    proptest! {
        #[test]
        fn a_log_is_itself_its_continuation_and_its_beginning(
            log in prop::collection::vec(0_u8..3, 1..200),
            more in prop::collection::vec(0_u8..3, 0..50),
            others in prop::collection::vec(prop::collection::vec(3_u8..6, 1..20), 0..3),
            at in any::<prop::sample::Index>(),
        ) {
            let mut known: Vec<Beginning> = others.iter().map(|other| beginning(other)).collect();
            known.push(beginning(&log));
            let (index, lines) = (known.len() - 1, log.len() as u64);
            let grown = [&log[..], &more].concat();
            prop_assert_eq!(recognized(&grown, &known), Recognition::Known { index, lines });
            let shorter = &log[..at.index(log.len())];
            if !shorter.is_empty() {
                prop_assert_eq!(recognized(shorter, &known), Recognition::Counted);
            }
            prop_assert_eq!(recognized(&[], &known), Recognition::New);
        }

        #[test]
        fn any_text_of_marks_is_read_or_refused(text in "[0-9a-f: ]{0,60}") {
            let _any = Beginning::of_text(&text);
        }
    }
}
