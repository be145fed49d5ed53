//! What was counted: by each decider, by each rate-based rule, and the most that one key got through.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use tollgate_limiter::Nanos;

use crate::record::By;
use crate::waf::{RateRule, Verdict};

/// Admitted requests that are remembered for the measurement of what passes in a window.
const STAMPS_MAX: usize = 1_000_000;

/// Counts while serving.
pub(crate) struct Meter {
    rules: Vec<RuleMeter>,
    by: [u64; By::ALL.len()],
    stamps: usize,
    complete: bool,
}

struct RuleMeter {
    rule: RateRule,
    counted: u64,
    blocked: u64,
    most_admitted: u64,
    admitted: HashMap<Vec<u8>, VecDeque<Nanos>>,
}

/// What happened from start to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many requests each decided, in the order of [`By::ALL`].
    pub by: Vec<(By, u64)>,
    /// Each rate-based rule.
    pub rules: Vec<RuleSummary>,
    /// Whether every admitted request is in `most_admitted`; not once a million are remembered.
    pub complete: bool,
}

/// What happened at one rate-based rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSummary {
    /// The rule.
    pub rule: RateRule,
    /// Requests that it counted.
    pub counted: u64,
    /// Requests that it blocked.
    pub blocked: u64,
    /// The most requests of one key that passed in any window of the rule's length.
    pub most_admitted: u64,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(rules: Vec<RateRule>) -> Self {
        let rules = rules.into_iter().map(|rule| RuleMeter {
            rule,
            counted: 0,
            blocked: 0,
            most_admitted: 0,
            admitted: HashMap::new(),
        });
        Self {
            rules: rules.collect(),
            by: [0; By::ALL.len()],
            stamps: 0,
            complete: true,
        }
    }

    /// Takes in what WAF decided of one request.
    pub(crate) fn waf(&mut self, verdict: &Verdict, now: Nanos) {
        let blocked = verdict.block.as_ref();
        for (index, key) in &verdict.counted {
            let Some(meter) = self.rules.get_mut(*index) else {
                continue;
            };
            meter.counted += 1;
            if blocked.is_none() {
                self.complete &= self.stamps < STAMPS_MAX;
                if self.complete {
                    let freed = meter.admit(key, now);
                    self.stamps = self.stamps + 1 - freed;
                }
            }
        }
        if let Some(name) = blocked.and_then(|block| block.rule.as_ref())
            && let Some(meter) = self.rules.iter_mut().find(|meter| meter.rule.name == *name)
        {
            meter.blocked += 1;
        }
    }

    pub(crate) fn decided(&mut self, by: By) {
        self.by[by.index()] += 1;
    }

    pub(crate) fn summary(&self) -> Summary {
        let by = By::ALL.into_iter().map(|by| (by, self.by[by.index()]));
        let rules = self.rules.iter().map(|meter| RuleSummary {
            rule: meter.rule.clone(),
            counted: meter.counted,
            blocked: meter.blocked,
            most_admitted: meter.most_admitted,
        });
        Summary {
            by: by.collect(),
            rules: rules.collect(),
            complete: self.complete,
        }
    }
}

// === impl RuleMeter ===

impl RuleMeter {
    /// Notes an admitted request; gives how many older ones of its key have left the window.
    fn admit(&mut self, key: &[u8], now: Nanos) -> usize {
        let window = Nanos::from_secs(self.rule.window_s);
        let stamps = self.admitted.entry(key.to_vec()).or_default();
        stamps.push_back(now);
        let before = stamps.len();
        while let Some(first) = stamps.front()
            && first.0.saturating_add(window.0) <= now.0
        {
            stamps.pop_front();
        }
        self.most_admitted = self.most_admitted.max(stamps.len() as u64);
        before - stamps.len()
    }
}

// === impl Summary ===

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.by.iter().map(|(_, count)| count).sum();
        write!(f, "{total} requests; answered by")?;
        for (index, (by, count)) in self.by.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {by} {count}")?;
        }
        for rule in &self.rules {
            let RateRule {
                name,
                limit,
                window_s,
            } = &rule.rule;
            let over = rule.most_admitted.saturating_sub(*limit);
            write!(
                f,
                "\n{name}: {limit} in {window_s} s; counted {}, blocked {}; most admitted of one key \
                 in {window_s} s: {}",
                rule.counted, rule.blocked, rule.most_admitted
            )?;
            if over > 0 {
                write!(f, " ({over} over the limit)")?;
            }
        }
        if !self.complete {
            write!(
                f,
                "\nmore requests than are remembered: more may have been admitted"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(key: &str) -> Verdict {
        Verdict {
            block: None,
            counted: vec![(0, key.as_bytes().to_vec())],
        }
    }

    #[test]
    fn the_most_of_one_key_in_any_window_is_measured() {
        let rule = RateRule {
            name: "std".to_owned(),
            limit: 2,
            window_s: 60,
        };
        let mut meter = Meter::new(vec![rule]);
        for (key, at_s) in [
            ("a", 0),
            ("a", 30),
            ("b", 30),
            ("a", 59),
            ("a", 61),
            ("a", 200),
        ] {
            meter.waf(&counted(key), Nanos::from_secs(at_s));
            meter.decided(By::Origin);
        }
        let summary = meter.summary();
        assert_eq!(summary.rules[0].counted, 6);
        assert_eq!(summary.rules[0].most_admitted, 3);
        assert_eq!(
            summary.to_string(),
            "6 requests; answered by function 0, waf 0, lock 0, origin 6\n\
             std: 2 in 60 s; counted 6, blocked 0; most admitted of one key in 60 s: 3 \
             (1 over the limit)"
        );
    }
}
