//! The oracle: a log of admitted costs, and what each limit says of it.

use jiff::Timestamp;
use tollgate_limiter::{Limit, Now, Period};

/// What a limit is, in the words of its definition.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// `burst` at once, one every `interval_ns`.
    Rate { interval_ns: u64, burst: u64 },
    /// `max` by the estimate over aligned windows.
    Window { max: u64, length_ns: u64 },
    /// `max` while the calendar shows the same.
    Quota {
        max: u64,
        period: Period,
        zone: &'static str,
    },
    /// `max` in each span of a length since 1970.
    FixedWindow { max: u64, length_s: u32 },
    /// `max` at once.
    Concurrency { max: u64 },
}

/// One admitted request.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Now,
    cost: u64,
}

/// One bucket.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    rule: Rule,
    admitted: Vec<Entry>,
    /// Units under way, for concurrency.
    under_way: u64,
}

impl Rule {
    /// The limit that is to be as this rule says.
    pub(crate) fn limit(&self) -> Limit {
        use std::time::Duration;
        use tollgate_limiter::Calendar;
        match *self {
            Rule::Rate { interval_ns, burst } => {
                Limit::rate(1, Duration::from_nanos(interval_ns), burst)
            }
            Rule::Window { max, length_ns } => Limit::window(max, Duration::from_nanos(length_ns)),
            Rule::Quota { max, period, zone } => {
                let zone = jiff::tz::TimeZone::get(zone).unwrap();
                Limit::quota(max, Calendar::new(period, zone))
            }
            Rule::FixedWindow { max, length_s } => Limit::fixed_window(max, length_s),
            Rule::Concurrency { max } => Limit::concurrency(max),
        }
        .unwrap()
    }

    pub(crate) fn capacity(&self) -> u64 {
        match *self {
            Rule::Rate { burst, .. } => burst,
            Rule::Window { max, .. }
            | Rule::Quota { max, .. }
            | Rule::FixedWindow { max, .. }
            | Rule::Concurrency { max } => max,
        }
    }
}

impl Log {
    pub(crate) fn new(rule: Rule) -> Self {
        Self {
            rule,
            admitted: Vec::new(),
            under_way: 0,
        }
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// May `cost` units pass at `now`?
    pub(crate) fn admits(&self, now: Now, cost: u64) -> bool {
        if cost == 0 {
            return true;
        }
        match self.rule {
            Rule::Rate { interval_ns, burst } => {
                // In no span that ends now may more have passed than burst + length / interval.
                let interval = u128::from(interval_ns);
                let mut passed = u128::from(cost);
                let since = |entry: &Entry| u128::from(now.mono.0 - entry.at.mono.0);
                passed * interval <= u128::from(burst) * interval
                    && self.admitted.iter().rev().all(|entry| {
                        passed += u128::from(entry.cost);
                        passed * interval <= u128::from(burst) * interval + since(entry)
                    })
            }
            Rule::Window { max, length_ns } => {
                let length = u128::from(length_ns);
                let spent = self.window(now, length_ns) + u128::from(cost) * length;
                spent <= u128::from(max) * length
            }
            Rule::Quota { max, period, zone } => self.shown(now, period, zone) + cost <= max,
            Rule::FixedWindow { max, length_s } => self.in_window(now, length_s) + cost <= max,
            Rule::Concurrency { max } => self.under_way + cost <= max,
        }
    }

    /// Units that may pass at once at `now`.
    pub(crate) fn remaining(&self, now: Now) -> u64 {
        (0..=self.rule.capacity())
            .rev()
            .find(|cost| self.admits(now, *cost))
            .unwrap()
    }

    /// True while what was admitted takes anything of the capacity, be it a part of a unit.
    pub(crate) fn spent_anything(&self, now: Now) -> bool {
        match self.rule {
            Rule::Rate { .. } => !self.admits(now, self.rule.capacity()),
            Rule::Window { length_ns, .. } => self.window(now, length_ns) > 0,
            Rule::Quota { period, zone, .. } => self.shown(now, period, zone) > 0,
            Rule::FixedWindow { length_s, .. } => self.in_window(now, length_s) > 0,
            Rule::Concurrency { .. } => self.under_way > 0,
        }
    }

    pub(crate) fn admit(&mut self, now: Now, cost: u64) {
        if cost == 0 {
            return;
        }
        if let Rule::Concurrency { .. } = self.rule {
            self.under_way += cost;
        }
        // What can matter no more is forgotten, so that a long run stays quick.
        match self.rule {
            Rule::Rate { burst, .. } if self.admits(now, burst) => self.admitted.clear(),
            Rule::Window { length_ns, .. } => {
                let recent = |entry: &Entry| now.mono.0 - entry.at.mono.0 <= 2 * length_ns;
                self.admitted.retain(recent);
            }
            _ => {}
        }
        self.admitted.push(Entry { at: now, cost });
    }

    pub(crate) fn release(&mut self, cost: u64) {
        self.under_way -= cost;
    }

    /// The estimate of the last window, times its length.
    fn window(&self, now: Now, length_ns: u64) -> u128 {
        let window = now.mono.0 / length_ns;
        let sum = |window: Option<u64>| -> u128 {
            let in_it = |entry: &&Entry| Some(entry.at.mono.0 / length_ns) == window;
            let costs = self.admitted.iter().filter(in_it);
            costs.map(|entry| u128::from(entry.cost)).sum()
        };
        let left = length_ns - now.mono.0 % length_ns;
        sum(window.checked_sub(1)) * u128::from(left) + sum(Some(window)) * u128::from(length_ns)
    }

    /// What was admitted in the span of a length that `now` lies in.
    fn in_window(&self, now: Now, length_s: u32) -> u64 {
        let number = |at: Now| at.unix_ms / (u64::from(length_s) * 1_000);
        let in_it = |entry: &&Entry| number(entry.at) == number(now);
        let costs = self.admitted.iter().rev().take_while(in_it);
        costs.map(|entry| entry.cost).sum()
    }

    /// What was admitted while clock and calendar showed what they show now.
    fn shown(&self, now: Now, period: Period, zone: &str) -> u64 {
        let label = |at: Now| {
            let at = Timestamp::from_millisecond(i64::try_from(at.unix_ms).unwrap()).unwrap();
            let at = at.in_tz(zone).unwrap();
            let date = at.date();
            let week = date.iso_week_date();
            let offset = at.offset().seconds();
            match period {
                Period::Minute => format!("{date} {} {} {offset}", at.hour(), at.minute()),
                Period::Hour => format!("{date} {} {offset}", at.hour()),
                Period::Day => date.to_string(),
                Period::Week => format!("{} {}", week.year(), week.week()),
                Period::Month => format!("{} {}", date.year(), date.month()),
            }
        };
        let own = label(now);
        let same = |entry: &&Entry| label(entry.at) == own;
        let costs = self.admitted.iter().rev().take_while(same);
        costs.map(|entry| entry.cost).sum()
    }
}
