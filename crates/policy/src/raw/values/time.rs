//! Durations and rates.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::codes;
use crate::duration::{self, DurationError};
use crate::findings::Problem;
use crate::limit::{RATE_PER_SECOND_MAX, Rate};
use crate::raw::section::text_value;

text_value! {
    /// A duration above zero, up to 366 days.
    Period(Duration), "a duration", ["250ms", "10s", "5min", "1h", "30d"], period
}

text_value! {
    /// A duration from zero, up to 366 days.
    Moment(Duration), "a duration", ["0s", "250ms", "10s", "5min"], moment
}

text_value! {
    /// `<count>/<period>`.
    RateText(Rate), "a rate", ["100/s", "5/min", "1/10min", "30/90s"], rate
}

const UNITS_HELP: &str =
    "units are ms, s, min, h, d and w, with a whole number before: `250ms`, `90s`, `5min`";

fn period(text: &str) -> Result<Duration, Problem> {
    let duration = moment(text)?;
    if duration.is_zero() {
        return Err(Problem::new(
            codes::DURATION,
            "duration is zero",
            "write a duration above zero, for example `10s`",
        ));
    }
    Ok(duration)
}

fn moment(text: &str) -> Result<Duration, Problem> {
    duration::parse(text).map_err(|error| {
        let help = match &error {
            DurationError::NoUnit { text } => {
                format!("write the unit: `{text}s`, `{text}ms` or `{text}min`")
            }
            DurationError::UnknownUnit { unit } if unit == "m" => {
                "write `min` for minutes".to_owned()
            }
            DurationError::TooLong { .. } => "write at most `366d`".to_owned(),
            _ => UNITS_HELP.to_owned(),
        };
        Problem::new(codes::DURATION, error.to_string(), help)
    })
}

fn rate(text: &str) -> Result<Rate, Problem> {
    let wrong = |message: String, help: String| Problem::new(codes::RATE, message, help);
    let Some((count, period)) = text.split_once('/') else {
        let number: String = text.chars().take_while(char::is_ascii_digit).collect();
        let number = if number.is_empty() { "100" } else { &number };
        return Err(wrong(
            format!("rate `{text}` has no period"),
            format!("write `{number}/s`, `{number}/min` or `{number}/10min`"),
        ));
    };
    let (count, period) = (count.trim(), period.trim());
    let Ok(count) = count.parse::<u64>() else {
        return Err(wrong(
            format!("rate does not begin with a whole number: `{count}`"),
            "write whole requests in a longer period: `1/10min` instead of a fraction per minute"
                .into(),
        ));
    };
    let Some(count) = NonZeroU64::new(count) else {
        return Err(wrong(
            "rate is zero: nobody would ever get through".into(),
            "write at least `1/366d`, or `mode: off` to leave the limit out".into(),
        ));
    };
    let period = match duration::unit_millis(period) {
        Some(millis) => Duration::from_millis(millis),
        None if period.starts_with(|c: char| c.is_ascii_digit()) => {
            moment(period).map_err(|problem| Problem {
                code: codes::RATE,
                ..problem
            })?
        }
        None => {
            let unit = if period == "m" { "min" } else { "s" };
            return Err(wrong(
                format!("`{period}` is not a period"),
                format!("write `{count}/{unit}`; units are ms, s, min, h, d and w"),
            ));
        }
    };
    if period.is_zero() {
        return Err(wrong(
            "period of the rate is zero".into(),
            "write a period above zero, for example `100/s`".into(),
        ));
    }
    let fastest = u128::from(RATE_PER_SECOND_MAX) * period.as_millis() / 1_000;
    if u128::from(count.get()) > fastest {
        return Err(wrong(
            format!("rate `{text}` is above {RATE_PER_SECOND_MAX} per second"),
            format!("write at most `{RATE_PER_SECOND_MAX}/s`"),
        ));
    }
    Ok(Rate { count, period })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_in_every_form() {
        for (text, count, seconds) in [
            ("100/s", 100, 1),
            ("5/min", 5, 60),
            ("1/10min", 1, 600),
            ("30/90s", 30, 90),
            ("7 / 1h", 7, 3600),
            ("1/366d", 1, 366 * 86_400),
            ("10000000/s", 10_000_000, 1),
        ] {
            let rate = rate(text).unwrap();
            assert_eq!(
                (rate.count.get(), rate.period.as_secs()),
                (count, seconds),
                "{text}"
            );
        }
        assert_eq!(rate("100/s").unwrap().to_string(), "100/s");
        assert_eq!(rate("1/10min").unwrap().to_string(), "1/10min");
        assert_eq!(rate("30/90s").unwrap().to_string(), "30/90s");
    }

    #[test]
    fn rates_out_of_range_are_refused() {
        for text in [
            "0/s",
            "100",
            "1/0s",
            "1/367d",
            "10000001/s",
            "10001/ms",
            "-1/s",
            "1.5/s",
            "1/m",
            "/s",
            "1/",
            "",
        ] {
            assert_eq!(rate(text).unwrap_err().code, codes::RATE, "{text}");
        }
    }
}
