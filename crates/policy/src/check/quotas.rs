//! What happens as a quota comes to its end: `on_exceed`, `throttle`, `grace`, `notify_at`, `user_share`.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::limit::{Amount, OnExceed, Per, QuotaPeriod, QuotaRules, Throttle, percent_of};
use crate::node::At;
use crate::raw::{OnExceedWord, Percent, RateText, RawLimit};

/// Told of unless configured, for periods of a day and longer.
const NOTIFY_AT_DEFAULT: [u32; 3] = [75, 90, 100];
/// The most thresholds of one quota.
const NOTIFY_AT_MAX: usize = 16;

impl Check<'_, '_> {
    /// Keys of quotas on a limit that has none.
    pub(super) fn quota_keys_have_a_quota(&mut self, raw: &RawLimit) {
        if raw.quota.is_some() {
            return;
        }
        let keys: [(&str, Option<Span>); 6] = [
            ("billing_day", raw.billing_day.as_ref().map(|at| at.span)),
            ("on_exceed", raw.on_exceed.as_ref().map(|at| at.span)),
            ("throttle", raw.throttle.as_ref().map(|at| at.span)),
            ("grace", raw.grace.as_ref().map(|at| at.span)),
            (
                "notify_at",
                raw.notify_at
                    .as_ref()
                    .map(|list| list.first().map_or(raw.span, |at| at.span)),
            ),
            ("user_share", raw.user_share.as_ref().map(|at| at.span)),
        ];
        for (key, span) in keys {
            let Some(span) = span else { continue };
            let message = format!("`{key}` belongs to a quota");
            let help = format!("remove `{key}`, or write a `quota`");
            self.conflict(span, message, &help);
        }
    }

    /// The rules of a quota; `None` for other limits.
    pub(super) fn quota_rules(
        &mut self,
        raw: &RawLimit,
        amount: &Amount,
        per: Per,
    ) -> Option<QuotaRules> {
        let Amount::Quota { max, period, .. } = amount else {
            return None;
        };
        let on_exceed = self.on_exceed(raw);
        let grace_percent = self.grace(raw.grace.as_ref(), on_exceed);
        let notify_at = self.notify_at(raw.notify_at.as_deref(), *period);
        let user_share_percent = self.user_share(raw, *max, per);
        Some(QuotaRules {
            on_exceed,
            grace_percent,
            notify_at,
            user_share_percent,
        })
    }

    fn on_exceed(&mut self, raw: &RawLimit) -> OnExceed {
        let word = raw.on_exceed.as_ref().map(|at| at.value.0);
        match (word, &raw.throttle) {
            (Some(OnExceedWord::Throttle), Some(throttle)) => self.throttle(throttle),
            (Some(OnExceedWord::Throttle), None) => {
                let span = raw.on_exceed.as_ref().map_or(raw.span, |at| at.span);
                let finding = Finding::error(codes::MISSING_KEY, span, "a throttle has no rate");
                self.error(finding.help("add for example `throttle: 1/s`"));
                OnExceed::Notify
            }
            (word, Some(throttle)) => {
                let message = "a rate beyond the quota that nothing is slowed to".to_owned();
                let help = "add `on_exceed: throttle`, or remove `throttle`";
                self.conflict(throttle.span, message, help);
                without_rate(word)
            }
            (word, None) => without_rate(word),
        }
    }

    fn throttle(&mut self, rate: &At<RateText>) -> OnExceed {
        match self.rate(rate, None) {
            Some(Amount::Rate { rate, burst }) => OnExceed::Throttle(Throttle { rate, burst }),
            // Told already.
            _ => OnExceed::Notify,
        }
    }

    fn grace(&mut self, grace: Option<&At<Percent>>, on_exceed: OnExceed) -> u32 {
        let Some(At {
            span,
            value: Percent(percent),
        }) = grace
        else {
            return 0;
        };
        if *percent > 100 {
            let finding = Finding::error(codes::RANGE, *span, "grace is above `100%`");
            self.error(finding.help("write a larger quota"));
        }
        if on_exceed == OnExceed::Notify {
            let message = "a grace before nothing happens".to_owned();
            let help = "add `on_exceed: block` or `throttle`, or remove `grace`";
            self.conflict(*span, message, help);
        }
        *percent
    }

    fn notify_at(&mut self, written: Option<&[At<Percent>]>, period: QuotaPeriod) -> Arc<[u32]> {
        let Some(written) = written else {
            return match period {
                QuotaPeriod::Minute | QuotaPeriod::Hour => [].into(),
                QuotaPeriod::Day | QuotaPeriod::Week | QuotaPeriod::Month => {
                    NOTIFY_AT_DEFAULT.into()
                }
            };
        };
        if let Some(beyond) = written.get(NOTIFY_AT_MAX) {
            let message = format!("more than {NOTIFY_AT_MAX} thresholds");
            let finding = Finding::error(codes::TOO_MANY, beyond.span, message);
            self.error(finding.help("remove some"));
        }
        if let Some(zero) = written.iter().find(|at| at.value.0 == 0) {
            let finding = Finding::error(codes::RANGE, zero.span, "everybody is at `0%`");
            self.error(finding.help("write a share from `1%`"));
        }
        let mut percents: Vec<u32> = written.iter().map(|at| at.value.0).collect();
        percents.sort_unstable();
        percents.dedup();
        percents.into()
    }

    fn user_share(&mut self, raw: &RawLimit, max: NonZeroU64, per: Per) -> Option<u32> {
        let At {
            span,
            value: Percent(percent),
        } = raw.user_share.as_ref()?;
        if per != Per::Account {
            let message = "a user's share belongs to a quota of accounts".to_owned();
            self.conflict(*span, message, "add `per: account`, or remove `user_share`");
        }
        let cost = raw.cost.as_ref().map_or(1, |cost| cost.value.0.get());
        if !(1..=100).contains(percent) {
            let finding = Finding::error(codes::RANGE, *span, "share is out of range");
            self.error(finding.help("write one from `1%` to `100%`"));
        } else if cost > percent_of(max, *percent).get() {
            let message = "a share of less than one request: nobody could ever pass".to_owned();
            let finding = Finding::error(codes::UNITS, *span, message);
            self.error(finding.help("write a larger share, or a smaller `cost`"));
        }
        Some(*percent)
    }
}

fn without_rate(word: Option<OnExceedWord>) -> OnExceed {
    match word {
        Some(OnExceedWord::Block) => OnExceed::Block,
        _ => OnExceed::Notify,
    }
}
