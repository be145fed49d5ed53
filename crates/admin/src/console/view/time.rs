//! Times of UTC and lengths of time, as people and machines read them.

use maud::{Markup, html};
use tollgate_engine::limiter::jiff::Timestamp;
use tollgate_engine::limiter::jiff::tz::TimeZone;
use tollgate_store::Span;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// A moment, to the second.
pub(in super::super) fn moment(at_ms: u64) -> Markup {
    stamped(at_ms, "%Y-%m-%d %H:%M:%S")
}

/// A moment, to the minute.
pub(in super::super) fn minute(at_ms: u64) -> Markup {
    stamped(at_ms, "%Y-%m-%d %H:%M")
}

fn stamped(at_ms: u64, form: &str) -> Markup {
    let machine = formatted(at_ms, "%Y-%m-%dT%H:%M:%SZ");
    html! { time datetime=(machine) { (formatted(at_ms, form)) } }
}

/// From when until when.
pub(in super::super) fn span(span: Span, now_ms: u64) -> Markup {
    let state = match (span.covers(now_ms), span.from_ms() > now_ms) {
        (true, _) => "in force",
        (_, true) => "later",
        _ => "over",
    };
    html! {
        td { (minute(span.from_ms())) }
        td { @match span.until_ms() {
            Some(until_ms) => (minute(until_ms)),
            None => "no end",
        } }
        td { (state) }
    }
}

/// A moment in a form of strftime; empty beyond what calendars have.
pub(in super::super) fn formatted(at_ms: u64, form: &str) -> String {
    let at = i64::try_from(at_ms).ok();
    let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(String::new, |at| {
        at.to_zoned(TimeZone::UTC).strftime(form).to_string()
    })
}

/// A length of time in its two largest units, rounded up.
pub(in super::super) fn length(ms: u64) -> String {
    let pair = |large_ms: u64, large: &str, small_ms: u64, small: &str| {
        let smalls = ms.div_ceil(small_ms);
        let (whole, rest) = (
            smalls / (large_ms / small_ms),
            smalls % (large_ms / small_ms),
        );
        match rest {
            0 => format!("{whole} {large}"),
            rest => format!("{whole} {large} {rest} {small}"),
        }
    };
    match ms {
        0..SECOND_MS => format!("{ms} ms"),
        SECOND_MS..MINUTE_MS => format!("{} s", ms.div_ceil(SECOND_MS)),
        MINUTE_MS..HOUR_MS => pair(MINUTE_MS, "min", SECOND_MS, "s"),
        HOUR_MS..DAY_MS => pair(HOUR_MS, "h", MINUTE_MS, "min"),
        _ => pair(DAY_MS, "d", HOUR_MS, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_for_people_and_for_machines() {
        assert_eq!(
            moment(1_700_000_000_000).into_string(),
            "<time datetime=\"2023-11-14T22:13:20Z\">2023-11-14 22:13:20</time>"
        );
        assert_eq!(formatted(u64::MAX, "%Y"), "");
    }

    #[test]
    fn a_length_is_in_its_two_largest_units_and_never_too_short() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_001, "2 s"),
            (60_000, "1 min"),
            (60_001, "1 min 1 s"),
            (HOUR_MS + 1, "1 h 1 min"),
            (2 * DAY_MS, "2 d"),
            (DAY_MS + 1, "1 d 1 h"),
            (DAY_MS - 1, "24 h"),
        ] {
            assert_eq!(length(ms), text);
        }
    }
}
