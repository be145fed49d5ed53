//! Quotas and time zones.

use std::num::NonZeroU64;

use jiff::tz::TimeZone;

use crate::codes;
use crate::findings::Problem;
use crate::limit::{BURST_MAX, QuotaPeriod};
use crate::raw::section::text_value;
use crate::suggest::{listing, nearest};

/// Units per calendar period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quota {
    pub(crate) max: NonZeroU64,
    pub(crate) period: QuotaPeriod,
}

text_value! {
    /// `<count>/<calendar period>`.
    QuotaText(Quota), "a quota", ["50000/month", "1000/day", "100/hour"], quota
}

text_value! {
    /// A time zone of the IANA database.
    ZoneName(TimeZone), "the name of a time zone", ["UTC", "Europe/Berlin", "America/New_York"], zone
}

fn quota(text: &str) -> Result<Quota, Problem> {
    let wrong = |message: String, help: String| Problem::new(codes::RATE, message, help);
    let Some((count, period)) = text.split_once('/') else {
        return Err(wrong(
            format!("quota `{text}` has no period"),
            format!("write `{text}/month`, `{text}/day` or `{text}/hour`"),
        ));
    };
    let (count, period) = (count.trim(), period.trim());
    let max = count.parse().ok().and_then(NonZeroU64::new);
    let Some(max) = max.filter(|max| max.get() <= BURST_MAX) else {
        return Err(wrong(
            format!("`{count}` is not a number of requests"),
            format!("write a whole number from 1 to {BURST_MAX}"),
        ));
    };
    let words = || QuotaPeriod::ALL.into_iter().map(QuotaPeriod::as_str);
    let known = QuotaPeriod::ALL
        .into_iter()
        .find(|known| known.as_str() == period);
    known.map(|period| Quota { max, period }).ok_or_else(|| {
        let help = match nearest(period, words()) {
            Some(word) => format!("write `{count}/{word}`"),
            None => format!(
                "a quota is per {}; for other lengths write `window: {text}`",
                listing(words())
            ),
        };
        wrong(format!("`{period}` is not a period of the calendar"), help)
    })
}

fn zone(text: &str) -> Result<TimeZone, Problem> {
    TimeZone::get(text).map_err(|_| {
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        let help = match nearest(text, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "write a name of the IANA database, for example `Europe/Berlin`".to_owned(),
        };
        Problem::new(codes::ZONE, format!("`{text}` is not a time zone"), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_read_with_a_calendar_period_and_nothing_else() {
        let read = quota("50000/month").unwrap();
        assert_eq!((read.max.get(), read.period), (50_000, QuotaPeriod::Month));
        assert_eq!(quota(" 7 / week ").unwrap().period, QuotaPeriod::Week);
        for broken in [
            "",
            "50",
            "/day",
            "0/day",
            "-1/day",
            "1.5/day",
            "1/10min",
            "1/d",
            "4294967297/day",
        ] {
            let problem = quota(broken).unwrap_err();
            assert_eq!(problem.code, codes::RATE, "{broken}");
        }
        assert_eq!(quota("5/mouth").unwrap_err().help, "write `5/month`");
    }

    #[test]
    fn zones_read_by_their_names() {
        assert_eq!(
            zone("Europe/Berlin").unwrap().iana_name(),
            Some("Europe/Berlin")
        );
        assert_eq!(
            zone("Europe/Berln").unwrap_err().help,
            "did you mean `Europe/Berlin`?"
        );
        assert_eq!(zone("").unwrap_err().code, codes::ZONE);
    }
}
