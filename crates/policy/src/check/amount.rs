//! What a limit counts: exactly one of `rate`, `window`, `quota` and `concurrency`.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::limit::{Amount, BURST_MAX, QuotaPeriod, REFILL_MAX, Rate, WINDOW_MAX};
use crate::node::{At, Given};
use crate::raw::{RateText, RawLimit, Units};

impl Check<'_, '_> {
    /// The amount of `raw`, or what is wrong with it.
    pub(super) fn amount(&mut self, raw: &RawLimit) -> Option<Amount> {
        let kinds = [
            ("rate", raw.rate.as_ref().map(place)),
            ("window", raw.window.as_ref().map(place)),
            ("quota", raw.quota.as_ref().map(place)),
            ("concurrency", raw.concurrency.as_ref().map(place)),
        ];
        let mut given = kinds.iter().filter_map(|(key, at)| Some((key, (*at)?)));
        match (given.next(), given.next()) {
            (Some((first, _)), Some((second, at))) => {
                let message = format!("one limit has `{first}` and `{second}`");
                let span = at.unwrap_or(raw.span);
                self.conflict(span, message, "write two limits, each with its own name");
                return None;
            }
            (None, _) => {
                self.error(
                    Finding::error(codes::MISSING_KEY, raw.span, "a limit counts nothing")
                        .label("without `rate`, `window`, `quota` or `concurrency`")
                        .help("add for example `rate: 100/s`"),
                );
                return None;
            }
            (Some(_), None) => {}
        }
        if let (Some(burst), None) = (&raw.burst, &raw.rate) {
            let message = "a burst belongs to a rate".to_owned();
            self.conflict(burst.span, message, "remove `burst`, or write a `rate`");
        }
        if let (Some(zone), None) = (&raw.time_zone, &raw.quota) {
            let message = "a time zone belongs to a quota".to_owned();
            self.conflict(zone.span, message, "remove `time_zone`, or write a `quota`");
        }
        self.quota_keys_have_a_quota(raw);
        if let Some(Given::Value(rate)) = &raw.rate {
            return self.rate(rate, raw.burst.as_ref());
        }
        if let Some(Given::Value(window)) = &raw.window {
            return self.window(window.value.0, window.span);
        }
        if let Some(Given::Value(quota)) = &raw.quota {
            let zone = raw.time_zone.as_ref();
            return Some(Amount::Quota {
                max: quota.value.0.max,
                period: quota.value.0.period,
                zone: zone.map_or(TimeZone::UTC, |zone| zone.value.0.clone()),
                first_day: self.first_day(raw, quota.value.0.period),
            });
        }
        match &raw.concurrency {
            Some(Given::Value(most)) => Some(Amount::Concurrency { max: most.value.0 }),
            // Found wrong where it was read, and said there.
            _ => None,
        }
    }

    /// The day on which months begin.
    fn first_day(&mut self, raw: &RawLimit, period: QuotaPeriod) -> u8 {
        let Some(day) = &raw.billing_day else {
            return 1;
        };
        if period != QuotaPeriod::Month {
            let message = format!(
                "a billing day belongs to months, not to a quota a {}",
                period.as_str()
            );
            self.conflict(
                day.span,
                message,
                "remove `billing_day`, or write a quota a month",
            );
        }
        u8::try_from(day.value.0).unwrap_or(1)
    }

    /// A rate with its burst, which is the rate's count where none is written.
    pub(super) fn rate(
        &mut self,
        rate: &At<RateText>,
        burst: Option<&At<Units>>,
    ) -> Option<Amount> {
        let At {
            span,
            value: RateText(rate),
        } = *rate;
        let burst_span = burst.map_or(span, |burst| burst.span);
        let burst = burst.map_or(rate.count, |burst| burst.value.0);
        if burst.get() > BURST_MAX {
            let message = format!("burst would be {burst}, the count of the rate");
            self.error(
                Finding::error(codes::UNITS, span, message)
                    .label("above 2^32")
                    .help(format!("write a burst of at most {BURST_MAX}")),
            );
            return None;
        }
        let refill_ns = rate
            .period
            .as_nanos()
            .div_ceil(u128::from(rate.count.get()))
            * u128::from(burst.get());
        if refill_ns > REFILL_MAX.as_nanos() {
            let years = refill_ns / Duration::from_secs(365 * 86_400).as_nanos();
            let message = format!("a burst of {burst} at {rate} takes {years} years to refill");
            let most = (REFILL_MAX.as_nanos() * u128::from(burst.get()) / refill_ns).max(1);
            self.error(
                Finding::error(codes::UNITS, burst_span, message)
                    .label("above 146 years")
                    .help(format!(
                        "write a burst of at most {most}, or a quicker rate"
                    )),
            );
            return None;
        }
        Some(Amount::Rate { rate, burst })
    }

    fn window(&mut self, window: Rate, span: Span) -> Option<Amount> {
        let Rate { count, period } = window;
        let seconds = period.as_secs();
        let most = WINDOW_MAX.iter().find(|(least_s, _)| seconds >= *least_s);
        let (message, help) = match most {
            Some((_, max)) if count.get() <= *max => {
                return Some(Amount::Window {
                    max: count,
                    length: period,
                });
            }
            Some((_, max)) => (
                format!("a window of this length cannot count to {count}"),
                format!("write at most {max}, or `rate: {window}`"),
            ),
            None => (
                "a window is shorter than a second".to_owned(),
                format!("write `rate: {window}`"),
            ),
        };
        self.error(Finding::error(codes::RATE, span, message).help(help));
        None
    }

    pub(super) fn conflict(&mut self, span: Span, message: String, help: &str) {
        self.error(Finding::error(codes::CONFLICT, span, message).help(help));
    }
}

/// Where a value stands, if it could be read.
fn place<T>(given: &Given<At<T>>) -> Option<Span> {
    match given {
        Given::Value(at) => Some(at.span),
        Given::Misfit => None,
    }
}
