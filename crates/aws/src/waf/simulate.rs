//! Which of a series of requests the rules of a web ACL would block, and from when.
//!
//! A model, pure and deterministic: time comes in with each request. AWS describes rate-based rules
//! in words and says that they are not meant for precise limiting; where it leaves something open,
//! [`Settings`] has a choice and says so.
//!
//! - A rule counts requests of an instance (an address, or the values of its keys) in a window that
//!   slides, and looks at its counts about every ten seconds. An instance above the limit is blocked
//!   from then on and some time later, and is let through again as much later.
//! - A request without one of its rule's keys, or outside of its scope-down statement, is neither
//!   counted nor limited by that rule.
//! - A rule sees only requests that no earlier rule has ended.
//!
//! AWS weights recent requests more; here each counts as one. Counts are exact over windows that
//! begin and end at a look. AWS counts for each resource of a web ACL, and does not say whether
//! CloudFront's locations share a count: here one place counts everything.

mod compile;
mod condition;
mod instances;
mod request;
mod transform;

use std::sync::Arc;

use super::error::WafError;
use super::model::{ActionKind, ContentType, RuleSet};
use compile::{Kind, Rule};
pub use request::WafRequest;

/// What AWS leaves open or says only about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Between two looks at the counts, in milliseconds: 1,000 or more, a divisor of a minute. AWS
    /// says about ten seconds.
    pub evaluation_interval_ms: u64,
    /// From a look to its effect, for a block and for its end, in milliseconds, at most 62
    /// intervals. AWS says up to several minutes, usually below 30 seconds with the look.
    pub lag_ms: u64,
    /// Instances that a rule remembers, 1 or more. What comes when all are in use is neither counted
    /// nor limited, and is counted as untracked. AWS documents that at most 10,000 addresses of a
    /// rule are limited at once, and nothing about instances by custom keys.
    pub instances_max: usize,
    /// Whether a request that its rule blocks counts in that rule. AWS does not document it.
    pub blocked_requests_count: bool,
    /// Whether a key that is there and empty is no key. AWS does not document it.
    pub empty_is_missing: bool,
}

/// The rules of one web ACL, with their counts.
#[derive(Debug, Clone)]
pub struct Simulator {
    rules: Vec<Rule>,
    default: Option<Arc<Blocked>>,
    settings: Settings,
    now_ms: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Let through, or answered.
    pub verdict: Verdict,
    /// Rules with action Count that matched, in their order.
    pub counted: Vec<Arc<str>>,
    /// Labels that the request got, in their order.
    pub labels: Vec<Arc<str>>,
}

/// Let through, or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Let through, by a rule or by the default action.
    Allow {
        /// The rule, if one ended it.
        rule: Option<Arc<str>>,
    },
    /// Answered.
    Block(Arc<Blocked>),
}

/// The answer to a blocked request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The rule; none for the default action.
    pub rule: Option<Arc<str>>,
    /// 403 where the action has no answer of its own.
    pub status: u16,
    /// Header fields of the answer of its own.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Option<(ContentType, String)>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Settings {
            evaluation_interval_ms: 10_000,
            lag_ms: 20_000,
            instances_max: 100_000,
            blocked_requests_count: true,
            empty_is_missing: true,
        }
    }
}

impl Settings {
    fn check(self) -> Result<Settings, WafError> {
        let wrong = |reason| Err(WafError::Settings { reason });
        let interval = self.evaluation_interval_ms;
        if interval < 1_000 || 60_000 % interval != 0 {
            return wrong("an evaluation interval is 1 second or more and a divisor of a minute");
        }
        if self.lag_ms / interval > instances::LAG_INTERVALS_MAX {
            return wrong("a lag is at most 62 evaluation intervals");
        }
        if self.instances_max == 0 {
            return wrong("a rule remembers at least one instance");
        }
        Ok(self)
    }
}

// === impl Simulator ===

impl Simulator {
    /// The rules of a web ACL, which should have passed [`super::check`], without any count yet.
    ///
    /// # Errors
    /// A setting is out of its range; or a rule needs what the model does not have: rule groups,
    /// regular expressions, sets, countries, autonomous systems, fingerprints, bodies, attack
    /// patterns, CAPTCHA and Challenge, labels of others, keys by label, and text transformations
    /// other than `NONE`, `LOWERCASE`, `UPPERCASE`, `URL_DECODE`, `COMPRESS_WHITE_SPACE`,
    /// `REMOVE_WHITESPACE`, `REMOVE_NULLS` and the three `TRIM`s. The error has the path; leave the
    /// rule out of the set to simulate the others.
    pub fn new(set: &RuleSet, settings: Settings) -> Result<Self, WafError> {
        let settings = settings.check()?;
        let mut rules = Vec::new();
        for (index, rule) in set.by_priority() {
            rules.push(compile::rule(set, rule, &set.rule_path(index), settings)?);
        }
        let default = match &set.default_action {
            Some(action) if action.kind == ActionKind::Block => {
                let path = format!("{}/DefaultAction", set.place);
                Some(Arc::new(compile::blocked(set, action, None, &path)?))
            }
            _ => None,
        };
        Ok(Simulator {
            rules,
            default,
            settings,
            now_ms: 0,
        })
    }

    /// What becomes of a request at a time, in milliseconds from any beginning. A time before that
    /// of the last request is taken for the last one's.
    pub fn decide(&mut self, request: &WafRequest<'_>, now_ms: u64) -> Outcome {
        self.decide_watched(request, now_ms, &mut |_, _| ())
    }

    /// As [`Simulator::decide`]; `watch` is told of every rate-based rule that the request falls
    /// under, in their order, with the name and the bytes of the instance, of which only equality
    /// says anything.
    pub fn decide_watched(
        &mut self,
        request: &WafRequest<'_>,
        now_ms: u64,
        watch: &mut dyn FnMut(&Arc<str>, &[u8]),
    ) -> Outcome {
        self.now_ms = self.now_ms.max(now_ms);
        let mut counted = Vec::new();
        let mut labels: Vec<Arc<str>> = Vec::new();
        let verdict = self.verdict(request, &mut counted, &mut labels, watch);
        Outcome {
            verdict,
            counted,
            labels,
        }
    }

    /// Requests that no rule could count because it had no room for one more instance.
    #[must_use]
    pub fn untracked(&self) -> u64 {
        let untracked = self.rules.iter().map(|rule| match &rule.kind {
            Kind::Rate(rate) => rate.instances.untracked(),
            Kind::Match(_) => 0,
        });
        untracked.sum()
    }

    /// Instances that all rules remember now.
    #[must_use]
    pub fn instances(&self) -> usize {
        let instances = self.rules.iter().map(|rule| match &rule.kind {
            Kind::Rate(rate) => rate.instances.len(),
            Kind::Match(_) => 0,
        });
        instances.sum()
    }

    fn verdict(
        &mut self,
        request: &WafRequest<'_>,
        counted: &mut Vec<Arc<str>>,
        labels: &mut Vec<Arc<str>>,
        watch: &mut dyn FnMut(&Arc<str>, &[u8]),
    ) -> Verdict {
        for rule in &mut self.rules {
            let name = &rule.name;
            let matched = match &mut rule.kind {
                Kind::Match(condition) => condition.holds(request, labels),
                Kind::Rate(rate) => {
                    let watch = &mut |instance: &[u8]| watch(name, instance);
                    rate.over(request, labels, self.now_ms, self.settings, watch)
                }
            };
            if !matched {
                continue;
            }
            labels.extend(rule.labels.iter().cloned());
            match &rule.effect {
                compile::Effect::Count => counted.push(Arc::clone(&rule.name)),
                compile::Effect::Allow => {
                    let rule = Some(Arc::clone(&rule.name));
                    return Verdict::Allow { rule };
                }
                compile::Effect::Block(blocked) => return Verdict::Block(Arc::clone(blocked)),
            }
        }
        match &self.default {
            Some(blocked) => Verdict::Block(Arc::clone(blocked)),
            None => Verdict::Allow { rule: None },
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// Whether the request is answered instead of let through.
    #[must_use]
    pub fn is_block(&self) -> bool {
        matches!(self, Verdict::Block(_))
    }
}

#[cfg(test)]
mod tests;
