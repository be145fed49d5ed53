//! A limit of the policy as a rate that AWS WAF can watch.
//!
//! WAF knows four windows, counts requests in them, and takes no limit below ten. A window that it
//! knows is kept; of everything else the average is kept, never exceeded, and what may come at once
//! is what the chosen window lets through. Every difference is a figure of the report.

use std::num::NonZeroU64;
use std::time::Duration;

use tollgate_policy::{Amount, Limit, OnExceed, QuotaPeriod};

use crate::waf::check::{LIMIT_MAX, LIMIT_MIN, WINDOWS_S};

/// Over which averages are compared, in seconds.
const HOUR_S: u64 = 3_600;

/// What WAF will watch in place of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Requests in a window.
    pub limit: u64,
    /// The window, in seconds.
    pub window_s: u64,
    /// Requests that the policy admits at once.
    pub at_once: u64,
    /// Requests that the policy admits in an hour that begins with a full bucket.
    pub hour: u64,
    /// Whether WAF's window begins elsewhere than the policy's.
    pub calendar: bool,
}

/// Why WAF cannot watch a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Fewer than ten requests in the longest window.
    #[error("{requests} requests in ten minutes are fewer than the ten that WAF can count")]
    TooSlow {
        /// What there would be in 600 s.
        requests: u64,
    },
    /// A quota of an hour or more.
    #[error("WAF has no windows above ten minutes, and no calendar")]
    Quota,
    /// A quota beyond which is served on.
    #[error(
        "beyond it is served on, and WAF can only refuse: `on_exceed: block` would have a rule"
    )]
    ServesOn,
    /// Requests under way.
    #[error("WAF sees requests begin, not end")]
    Concurrency,
    /// A bucket that several routes share.
    #[error("an id names a user and one route: WAF cannot add routes up")]
    AcrossRoutes,
    /// The root in a cookie is for all routes.
    #[error("by its cookie a user has the limits of the plan on all routes, not those of this one")]
    ByCookie,
    /// A bucket that several users share.
    #[error("an id names one user: WAF cannot add up those of an account, or of everybody")]
    Shared,
}

impl Fit {
    /// The rate for a limit, whoever it is counted for.
    ///
    /// # Errors
    /// When WAF has none.
    pub fn of(limit: &Limit) -> Result<Fit, Unfit> {
        let cost = limit.cost;
        let rules = limit.quota.as_ref();
        if rules.is_some_and(|rules| rules.on_exceed != OnExceed::Block) {
            return Err(Unfit::ServesOn);
        }
        match &limit.amount {
            Amount::Rate { rate, burst } => {
                Fit::averaged(rate.count.get(), rate.period, cost, burst.get() / cost, 0)
            }
            Amount::Window { max, length } => {
                let length_s = length.as_secs() + u64::from(length.subsec_nanos() > 0);
                Fit::averaged(max.get(), *length, cost, max.get() / cost, length_s)
            }
            Amount::Quota {
                max,
                period: QuotaPeriod::Minute,
                ..
            } => {
                let minute = Duration::from_secs(60);
                let fit = Fit::averaged(max.get(), minute, cost, max.get() / cost, 60)?;
                Ok(Fit {
                    calendar: true,
                    ..fit
                })
            }
            Amount::Quota { .. } => Err(Unfit::Quota),
            Amount::Concurrency { .. } => Err(Unfit::Concurrency),
        }
    }

    /// The shortest window from `window_min_s` on that holds ten requests and, if one does, what
    /// may come at once.
    fn averaged(
        units: u64,
        period: Duration,
        cost: NonZeroU64,
        at_once: u64,
        window_min_s: u64,
    ) -> Result<Fit, Unfit> {
        let within = |seconds: u64| {
            let requests = u128::from(units) * u128::from(seconds) * 1_000_000_000
                / (period.as_nanos().max(1) * u128::from(cost.get()));
            u64::try_from(requests).unwrap_or(u64::MAX).min(LIMIT_MAX)
        };
        let longest = WINDOWS_S[WINDOWS_S.len() - 1];
        let fitting = || {
            let from = window_min_s.min(longest);
            let windows = WINDOWS_S.into_iter().filter(move |window| *window >= from);
            windows.filter(|window| within(*window) >= LIMIT_MIN)
        };
        let window = fitting().find(|window| within(*window) >= at_once);
        let Some(window_s) = window.or_else(|| fitting().next_back()) else {
            return Err(Unfit::TooSlow {
                requests: within(longest),
            });
        };
        Ok(Fit {
            limit: within(window_s),
            window_s,
            at_once,
            hour: within(HOUR_S).saturating_add(if window_min_s == 0 { at_once } else { 0 }),
            calendar: false,
        })
    }

    /// Whether the policy's window is WAF's own.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.at_once == self.limit
            && !self.calendar
            && self.hour == self.limit * HOUR_S / self.window_s
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tollgate_policy::{Policy, RouteId};

    use super::*;

    fn fit(limit: &str) -> Result<Fit, Unfit> {
        let text = format!(
            "tollgate: 1\norigin: http://127.0.0.1\nidentity: {{anonymous: {{plan: p}}}}\n\
             plans: {{p: {{limits: [{{name: l, {limit}}}]}}}}\n"
        );
        let policy = Policy::parse("p.yaml", &text, Path::new(".")).unwrap();
        Fit::of(&policy.limits(policy.default_plan(), RouteId::UNMATCHED)[0])
    }

    #[test]
    fn windows_of_waf_are_kept() {
        for (limit, requests, window_s) in [
            ("window: 600/min", 600, 60),
            ("window: 10/2min", 10, 120),
            ("window: 50/10min", 50, 600),
        ] {
            let fit = fit(limit).unwrap();
            assert_eq!(
                (fit.limit, fit.window_s, fit.is_exact()),
                (requests, window_s, true),
                "{limit}"
            );
        }
    }

    #[test]
    fn of_others_the_average_is_kept_and_never_exceeded() {
        for (limit, requests, window_s, at_once) in [
            ("rate: 10/s, burst: 100", 600, 60, 100),
            ("rate: 1/s, burst: 1", 60, 60, 1),
            ("rate: 1/s, burst: 250", 300, 300, 250),
            ("rate: 1/min, burst: 5", 10, 600, 5),
            ("rate: 3/min, burst: 1000", 30, 600, 1000),
            ("window: 10/s", 600, 60, 10),
            ("window: 100/90s", 133, 120, 100),
            ("window: 1000/h", 166, 600, 1000),
            ("rate: 10/s, burst: 100, cost: 7", 85, 60, 14),
            ("quota: 100/minute, on_exceed: block", 100, 60, 100),
            ("rate: 15/1500ms, burst: 15", 600, 60, 15),
            ("window: 15/1500ms", 600, 60, 15),
            ("window: 100/60500ms", 198, 120, 100),
            ("rate: 1/700ms, burst: 5", 85, 60, 5),
        ] {
            let fit = fit(limit).unwrap();
            assert_eq!(
                (fit.limit, fit.window_s, fit.at_once),
                (requests, window_s, at_once),
                "{limit}"
            );
            assert!(!fit.is_exact(), "{limit}");
            assert!(
                fit.limit * 3600 / fit.window_s <= fit.hour,
                "{limit}: {fit:?}"
            );
        }
    }

    #[test]
    fn what_waf_cannot_count_is_refused() {
        for (limit, unfit) in [
            ("rate: 1/h", Unfit::TooSlow { requests: 0 }),
            ("rate: 5/10min", Unfit::TooSlow { requests: 5 }),
            ("window: 50/h", Unfit::TooSlow { requests: 8 }),
            ("quota: 1000/day, on_exceed: block", Unfit::Quota),
            ("quota: 100000/hour, on_exceed: block", Unfit::Quota),
            ("concurrency: 20", Unfit::Concurrency),
        ] {
            assert_eq!(fit(limit), Err(unfit), "{limit}");
        }
    }
}
