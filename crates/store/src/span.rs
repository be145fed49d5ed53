//! From when until when something is in force, and which of several is.

use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// The last millisecond that can be named: the end of the year 9999.
pub const TIME_MS_MAX: u64 = 253_402_300_799_999;

/// From its first millisecond to before its end; without an end, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "WrittenSpan")]
pub struct Span {
    from_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
}

/// As stored, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSpan {
    from_ms: u64,
    until_ms: Option<u64>,
}

impl Span {
    /// Both in milliseconds since 1970, at most [`TIME_MS_MAX`]; the end is not part of it.
    ///
    /// # Errors
    /// [`StoreError::Span`] when it would be empty or end too late.
    pub fn new(from_ms: u64, until_ms: Option<u64>) -> Result<Self, StoreError> {
        let ends_well = until_ms.is_none_or(|until| from_ms < until && until <= TIME_MS_MAX);
        if from_ms <= TIME_MS_MAX && ends_well {
            Ok(Self { from_ms, until_ms })
        } else {
            Err(StoreError::Span { from_ms, until_ms })
        }
    }

    /// Its first millisecond, since 1970.
    #[must_use]
    pub fn from_ms(self) -> u64 {
        self.from_ms
    }

    /// The first millisecond after it; `None`: it does not end.
    #[must_use]
    pub fn until_ms(self) -> Option<u64> {
        self.until_ms
    }

    /// Whether a moment is in it.
    #[must_use]
    pub fn covers(self, at_ms: u64) -> bool {
        self.from_ms <= at_ms && self.until_ms.is_none_or(|until| at_ms < until)
    }

    /// Whether it can never be in force again, from `now_ms` on.
    pub(crate) fn is_over(self, now_ms: u64) -> bool {
        self.until_ms.is_some_and(|until| until <= now_ms)
    }
}

impl TryFrom<WrittenSpan> for Span {
    type Error = StoreError;

    fn try_from(written: WrittenSpan) -> Result<Self, StoreError> {
        Span::new(written.from_ms, written.until_ms)
    }
}

/// The one in force of several, which come in the order in which they were made: of those whose span covers
/// the moment, the one that began last, and of two that began together the one that was made last.
///
/// So a trial laid over a plan gives way to it when it ends.
pub(crate) fn in_force<T>(
    entries: impl IntoIterator<Item = T>,
    span: impl Fn(&T) -> Span,
    at_ms: u64,
) -> Option<T> {
    let covering = entries
        .into_iter()
        .filter(|entry| span(entry).covers(at_ms));
    // The last one of those that are equal.
    covering.max_by_key(|entry| span(entry).from_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_begins_with_its_first_and_ends_before_its_last() {
        let span = Span::new(10, Some(20)).unwrap();
        let covered: Vec<u64> = (8..23).filter(|at| span.covers(*at)).collect();
        assert_eq!(covered, (10..20).collect::<Vec<_>>());
        assert!(Span::new(10, None).unwrap().covers(u64::MAX));
        assert!(!span.is_over(19) && span.is_over(20));
    }

    #[test]
    fn an_empty_span_and_one_beyond_the_year_9999_are_refused() {
        for (from, until) in [
            (10, Some(10)),
            (10, Some(9)),
            (0, Some(TIME_MS_MAX + 1)),
            (TIME_MS_MAX + 1, None),
        ] {
            assert!(Span::new(from, until).is_err(), "{from} {until:?}");
        }
        assert!(Span::new(TIME_MS_MAX - 1, Some(TIME_MS_MAX)).is_ok());
        assert!(serde_json::from_str::<Span>("{\"from_ms\":2,\"until_ms\":1}").is_err());
    }

    #[test]
    fn what_began_last_is_in_force_and_gives_way_when_it_ends() {
        let spans = [
            Span::new(0, None).unwrap(),
            Span::new(10, Some(20)).unwrap(),
        ];
        let from = |at| in_force(spans, |span| *span, at).map(Span::from_ms);
        assert_eq!(
            [from(9), from(10), from(19), from(20)],
            [Some(0), Some(10), Some(10), Some(0)]
        );
    }
}
