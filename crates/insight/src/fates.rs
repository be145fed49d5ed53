//! What a status means in a log that does not say who refused.

use crate::entry::Fate;
use crate::error::InsightError;

/// Statuses of two digits more than there are: 000, which stands for none, to 999.
const STATUSES: usize = 1_000;

/// What each status means.
///
/// By default 429 is a limit's refusal; 401, 403, 000, 460 and 499 came to nothing (the latter three are
/// of clients that left: CloudFront's, ALB's and nginx'); all others were let through.
#[derive(Debug, Clone)]
pub struct Fates(Box<[Fate]>);

impl Default for Fates {
    fn default() -> Self {
        let mut fates = Self::none();
        for (status, fate) in fates.0.iter_mut().enumerate() {
            *fate = match status {
                429 => Fate::Limited,
                0 | 401 | 403 | 460 | 499 => Fate::Refused,
                _ => Fate::Admitted,
            };
        }
        fates
    }
}

impl Fates {
    /// All are let through.
    fn none() -> Self {
        Self(vec![Fate::Admitted; STATUSES].into())
    }

    /// Those of two lists, in words as `401,403,500-599`; others are let through. Where a status is in both,
    /// a limit refused it.
    ///
    /// # Errors
    /// [`InsightError::Unreadable`] for what is no list of statuses.
    pub fn of(limited: &str, refused: &str) -> Result<Self, InsightError> {
        let mut fates = Self::none();
        for (list, fate) in [(refused, Fate::Refused), (limited, Fate::Limited)] {
            for statuses in list.split(',').filter(|statuses| !statuses.is_empty()) {
                let (first, last) = range(statuses).ok_or(InsightError::Unreadable {
                    what: "the status",
                    text: statuses.to_owned(),
                    reason: "write 429 or 500-599",
                })?;
                fates.0[first..=last].fill(fate);
            }
        }
        Ok(fates)
    }

    /// What a status means; `None` if it is none.
    pub(crate) fn status(&self, text: &str) -> Option<Fate> {
        match text {
            "-" => Some(self.0[0]),
            text => self.0.get(number(text)?).copied(),
        }
    }
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last && last < STATUSES).then_some((first, last))
}

fn number(text: &str) -> Option<usize> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number && text.len() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_means_what_the_lists_say() {
        let fates = Fates::default();
        for (status, fate) in [
            ("200", Some(Fate::Admitted)),
            ("503", Some(Fate::Admitted)),
            ("429", Some(Fate::Limited)),
            ("403", Some(Fate::Refused)),
            ("000", Some(Fate::Refused)),
            ("-", Some(Fate::Refused)),
            ("999", Some(Fate::Admitted)),
            ("1000", None),
            ("+20", None),
            ("", None),
        ] {
            assert_eq!(fates.status(status), fate, "{status}");
        }
        let fates = Fates::of("429,503", "500-599").unwrap();
        assert_eq!(fates.status("503"), Some(Fate::Limited));
        assert_eq!(fates.status("504"), Some(Fate::Refused));
        assert_eq!(fates.status("403"), Some(Fate::Admitted));
        for list in ["1000", "x", "5-4", "-", "400-", "400,,x"] {
            assert!(Fates::of(list, "").is_err(), "{list}");
        }
    }
}
