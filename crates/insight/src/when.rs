//! Times as logs write them, to milliseconds since 1970.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// Numbers from here on are milliseconds, below are seconds: 1973, or the year 5138.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A moment in any of the ways: seconds (with a fraction) or milliseconds since 1970, RFC 3339, or
/// `10/Oct/2026:13:55:36 -0700`; in brackets or not. `None` for others, and before 1970.
pub(crate) fn moment(text: &str) -> Option<u64> {
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = text.strip_suffix(']').unwrap_or(text);
    if text.as_bytes().get(2) == Some(&b'/') {
        return common_log(text.as_bytes());
    }
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return epoch(text);
    }
    let timestamp: Timestamp = text.parse().ok()?;
    u64::try_from(timestamp.as_millisecond()).ok()
}

/// `2026-10-10` and `13:55:36`, of UTC.
pub(crate) fn date_and_time(date: &str, time: &str) -> Option<u64> {
    let (date, time) = (date.as_bytes(), time.as_bytes());
    let [_, _, _, _, b'-', _, _, b'-', _, _] = date else {
        return None;
    };
    let [_, _, b':', _, _, b':', _, _] = time else {
        return None;
    };
    let date = Date::new(
        i16::try_from(digits(&date[..4])?).ok()?,
        small(&date[5..7])?,
        small(&date[8..])?,
    );
    let time = Time::new(
        small(&time[..2])?,
        small(&time[3..5])?,
        small(&time[6..])?,
        0,
    );
    unix_ms(DateTime::from_parts(date.ok()?, time.ok()?), Offset::UTC)
}

fn epoch(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    if whole >= MILLISECONDS_FROM {
        return Some(whole);
    }
    let mut milliseconds = 0;
    for place in 0..3 {
        let digit = fraction.as_bytes().get(place).copied().unwrap_or(b'0');
        milliseconds =
            milliseconds * 10 + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    whole.checked_mul(1_000)?.checked_add(milliseconds)
}

/// `10/Oct/2026:13:55:36 -0700`.
fn common_log(text: &[u8]) -> Option<u64> {
    let [
        _,
        _,
        b'/',
        _,
        _,
        _,
        b'/',
        _,
        _,
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b' ',
        sign,
        _,
        _,
        _,
        _,
    ] = text
    else {
        return None;
    };
    let month = MONTHS.iter().position(|month| *month == &text[3..6])?;
    let month = i8::try_from(month + 1).ok()?;
    let year = i16::try_from(digits(&text[7..11])?).ok()?;
    let date = Date::new(year, month, small(&text[..2])?).ok()?;
    let time = Time::new(
        small(&text[12..14])?,
        small(&text[15..17])?,
        small(&text[18..20])?,
        0,
    );
    let minutes = i32::from(small(&text[22..24])?) * 60 + i32::from(small(&text[24..])?);
    let seconds = match sign {
        b'+' => minutes * 60,
        b'-' => -minutes * 60,
        _ => return None,
    };
    let offset = Offset::from_seconds(seconds).ok()?;
    unix_ms(DateTime::from_parts(date, time.ok()?), offset)
}

fn unix_ms(local: DateTime, offset: Offset) -> Option<u64> {
    let timestamp = TimeZone::fixed(offset).to_timestamp(local).ok()?;
    u64::try_from(timestamp.as_millisecond()).ok()
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0_u32, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

fn small(text: &[u8]) -> Option<i8> {
    i8::try_from(digits(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_all_ways() {
        let at_ms = 1_791_640_536_000;
        assert_eq!(date_and_time("2026-10-10", "13:55:36"), Some(at_ms));
        for text in [
            "1791640536",
            "1791640536000",
            "1791640536.000",
            "2026-10-10T13:55:36Z",
            "2026-10-10T13:55:36.000+00:00",
            "10/Oct/2026:13:55:36 +0000",
            "[10/Oct/2026:06:55:36 -0700]",
            "10/Oct/2026:19:25:36 +0530",
        ] {
            assert_eq!(moment(text), Some(at_ms), "{text}");
        }
        assert_eq!(moment("1791640536.25"), Some(at_ms + 250));
        assert_eq!(moment("2026-10-10T13:55:36.250Z"), Some(at_ms + 250));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "-",
            ".",
            "[]",
            "1.2.3",
            "99999999999999999999",
            "2026-10-10",
            "1969-12-31T23:59:59Z",
            "31/Feb/2026:13:55:36 +0000",
            "10/Okt/2026:13:55:36 +0000",
            "10/Oct/2026:24:00:00 +0000",
            "10/Oct/2026:13:55:36 *0000",
            "10/Oct/2026:13:55:36",
            "1x/Oct/2026:13:55:36 +0000",
            "10/Oct/2026:13:55:36 +9999",
            "äö/Oct",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
        for (date, time) in [
            ("2026-13-10", "13:55:36"),
            ("2026-10-10", "25:55:36"),
            ("2026/10/10", "13:55:36"),
            ("", ""),
            ("2026-10-1", "13:55:36"),
            ("ää26-10-10", "13:55:36"),
        ] {
            assert_eq!(date_and_time(date, time), None, "{date} {time}");
        }
    }
}
