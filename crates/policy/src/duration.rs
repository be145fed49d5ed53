//! Durations as people write them: `250ms`, `10s`, `5min`, `1h`, `30d`.

use std::time::Duration;

/// The longest duration a policy may name: 366 days.
pub const DURATION_MAX: Duration = Duration::from_secs(crate::limit::RATE_PERIOD_SECONDS_MAX);

/// Units, from the largest, with their length in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Only a number: a unit is never guessed.
    #[error("`{text}` has no unit")]
    NoUnit {
        /// What was written.
        text: String,
    },
    /// Does not begin with a whole number.
    #[error("`{text}` does not begin with a whole number")]
    NoNumber {
        /// What was written.
        text: String,
    },
    /// The letters after the number are no unit.
    #[error("`{unit}` is not a unit of time")]
    UnknownUnit {
        /// The letters.
        unit: String,
    },
    /// More than 366 days.
    #[error("`{text}` is longer than 366 days")]
    TooLong {
        /// What was written.
        text: String,
    },
}

/// Reads `<whole number><unit>` with the units `ms`, `s`, `min`, `h`, `d`, `w`.
///
/// # Errors
/// [`DurationError`] says which part is wrong.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(DurationError::NoNumber { text: text.into() });
    }
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Err(DurationError::NoUnit { text: text.into() });
    }
    let factor =
        unit_millis(unit).ok_or_else(|| DurationError::UnknownUnit { unit: unit.into() })?;
    let too_long = || DurationError::TooLong { text: text.into() };
    let number: u64 = number.parse().map_err(|_| too_long())?;
    let duration = Duration::from_millis(number.checked_mul(factor).ok_or_else(too_long)?);
    if duration > DURATION_MAX {
        return Err(too_long());
    }
    Ok(duration)
}

/// The length of a unit, in the spellings that people use for it.
pub(crate) fn unit_millis(unit: &str) -> Option<u64> {
    let canonical = match unit {
        "ms" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "second" | "seconds" => "s",
        "min" | "minute" | "minutes" => "min",
        "h" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        _ => return None,
    };
    UNITS
        .iter()
        .find(|(name, _)| *name == canonical)
        .map(|(_, millis)| *millis)
}

/// The shortest exact text for a duration: the inverse of [`parse`].
#[must_use]
pub fn humane(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (unit, length) = UNITS
        .into_iter()
        .filter(|(name, _)| *name != "w")
        .find(|(_, length)| millis > 0 && millis.is_multiple_of(u128::from(*length)))
        .unwrap_or(("s", 1_000));
    format!("{}{unit}", millis / u128::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_reads_and_prints_back() {
        for (text, millis) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("5min", 300_000),
            ("1h", 3_600_000),
            ("30d", 30 * 86_400_000),
            ("0s", 0),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_millis(millis), "{text}");
            assert_eq!(humane(duration), text);
        }
        assert_eq!(parse("2w").unwrap(), Duration::from_secs(14 * 86_400));
        assert_eq!(parse("90 seconds").unwrap(), Duration::from_secs(90));
    }

    #[test]
    fn an_error_names_the_wrong_part() {
        assert!(matches!(parse("10"), Err(DurationError::NoUnit { .. })));
        assert!(matches!(parse("s"), Err(DurationError::NoNumber { .. })));
        assert!(matches!(parse("-1s"), Err(DurationError::NoNumber { .. })));
        assert!(matches!(
            parse("1.5h"),
            Err(DurationError::UnknownUnit { .. })
        ));
        assert!(matches!(parse("5m"), Err(DurationError::UnknownUnit { unit }) if unit == "m"));
        assert!(matches!(parse("367d"), Err(DurationError::TooLong { .. })));
        assert!(matches!(
            parse("99999999999999999999d"),
            Err(DurationError::TooLong { .. })
        ));
    }
}
