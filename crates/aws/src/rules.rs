//! The limits of a policy as rate-based rules: one for each limit, window and answer.
//!
//! A rule counts ids, which name a user and a route already, so that there is none per user or per
//! endpoint; classes with the same limit share one. AWS WAF has room for ten.

mod acl;
mod collect;

use std::collections::HashSet;

use tollgate_policy::{CountBy, PlanId, Policy, RouteId};

pub use acl::{LOCK_HEADER, LOCK_PLACEHOLDER, web_acl};

use crate::fit::{Fit, Unfit};
use crate::target::Target;
use crate::waf::check::RATE_BASED_PER_WEB_ACL_MAX as RATE_RULES_MAX;

/// What WAF is to watch, and what it cannot.
#[derive(Debug, Clone)]
pub struct Rules {
    /// In the order of their priority.
    pub rules: Vec<EdgeRule>,
    /// Limits that WAF cannot watch.
    pub gaps: Vec<Gap>,
    /// Classes whose routes always answer: no rule counts them.
    pub never_blocked: Vec<String>,
    /// Classes of users without a limit that WAF watches.
    pub unwatched: Vec<String>,
    /// All classes that an id can begin with.
    pub(crate) classes: Vec<String>,
}

/// One rate-based rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeRule {
    /// Unique in the web ACL: letters, digits and dashes.
    pub name: String,
    /// What is counted by.
    pub key: RuleKey,
    /// Which requests are counted.
    pub scope: RuleScope,
    /// Requests in a window.
    pub limit: u64,
    /// The window, in seconds: 60, 120, 300 or 600.
    pub window_s: u64,
    /// Whether the rule only counts.
    pub count_only: bool,
    /// The answer's body, by its key in the web ACL.
    pub body: String,
    /// Fields of the answer besides `retry-after`.
    pub headers: Vec<(String, String)>,
    /// The limits of the policy that it stands for; none for a limit of the target.
    pub limits: Vec<LimitSource>,
}

/// What a rule counts by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKey {
    /// The field with the id, alone or with the viewer's address.
    Id(CountBy),
    /// The cookie with the root, alone or with the viewer's address.
    Cookie(String, CountBy),
    /// The viewer's address.
    Address,
    /// The viewer's address as the function tells it, for a web ACL behind CloudFront.
    ToldAddress,
}

/// Which requests a rule counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleScope {
    /// Ids of these classes, in the field.
    Classes(Vec<String>),
    /// Roots of these classes, in the cookie of this name, without an id in the field.
    Cookies(String, Vec<String>),
    /// Requests without an id of a class there is, nor a root whose class is watched.
    NoId,
    /// Requests for a path.
    Path(String),
    /// Either of the two.
    NoIdOrPath(String),
}

/// A limit of the policy, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSource {
    /// The plan.
    pub plan: String,
    /// The limit.
    pub limit: String,
    /// What it says: `10/s burst 100`.
    pub says: String,
    /// The limit class.
    pub class: String,
    /// What WAF watches.
    pub fit: Fit,
    /// What else differs, in a sentence.
    pub note: Option<&'static str>,
}

/// A limit that WAF cannot watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The plan.
    pub plan: String,
    /// The limit.
    pub limit: String,
    /// What it says.
    pub says: String,
    /// The limit class.
    pub class: String,
    /// Why.
    pub why: Unfit,
}

/// Why the rules do not go into a web ACL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Limits that cannot be watched, without consent.
    #[error(
        "WAF cannot watch {}; say `--accept-gaps` if something behind it does, and it stands in \
         the report",
        list(gaps)
    )]
    Gaps {
        /// Each.
        gaps: Vec<Gap>,
    },
    /// More than a web ACL has room for.
    #[error(
        "the policy needs {rules} rate-based rules and a web ACL has room for {RATE_RULES_MAX} \
         (AWS, not adjustable): {names}; give plans the same limits, so that they share a rule, or \
         compile some of the plans for another distribution"
    )]
    TooMany {
        /// How many.
        rules: usize,
        /// Their names.
        names: String,
    },
}

fn list(gaps: &[Gap]) -> String {
    let one = |gap: &Gap| {
        format!(
            "`{}` of plan `{}` ({}): {}",
            gap.limit, gap.plan, gap.says, gap.why
        )
    };
    gaps.iter().map(one).collect::<Vec<_>>().join("; ")
}

// === impl EdgeRule ===

impl EdgeRule {
    /// Whether it admits no more than another limit would.
    fn is_within(&self, fit: &Fit) -> bool {
        !self.count_only
            && self.limit <= fit.limit
            && self.limit * fit.window_s <= fit.limit * self.window_s
    }
}

// === impl RuleKey ===

impl RuleKey {
    /// Whether each address of who shows an id has a count of its own.
    pub(crate) fn is_each_address(&self) -> bool {
        matches!(
            self,
            RuleKey::Id(CountBy::IdAndAddress) | RuleKey::Cookie(_, CountBy::IdAndAddress)
        )
    }
}

// === impl RuleScope ===

impl RuleScope {
    /// Whether ids of a class in the field are in it.
    fn names(&self, class: &str) -> bool {
        matches!(self, RuleScope::Classes(classes) if classes.iter().any(|known| known == class))
    }

    /// Whether classes of the other can be added to it.
    fn is_like(&self, other: &RuleScope) -> bool {
        match (self, other) {
            (RuleScope::Classes(_), RuleScope::Classes(_)) => true,
            (RuleScope::Cookies(name, _), RuleScope::Cookies(other, _)) => name == other,
            _ => false,
        }
    }

    fn take(&mut self, other: RuleScope) {
        let ((RuleScope::Classes(classes), RuleScope::Classes(more))
        | (RuleScope::Cookies(_, classes), RuleScope::Cookies(_, more))) = (self, other)
        else {
            return;
        };
        for class in more {
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
    }
}

// === impl Rules ===

impl Rules {
    /// The rules of a policy.
    ///
    /// # Errors
    /// When limits are left over and that was not accepted, or there are too many.
    pub fn of(policy: &Policy, target: &Target, accept_gaps: bool) -> Result<Rules, RulesError> {
        let rules = collect::collect(policy, target);
        if !accept_gaps && !rules.gaps.is_empty() {
            return Err(RulesError::Gaps { gaps: rules.gaps });
        }
        if rules.rules.len() > RATE_RULES_MAX {
            let names: Vec<&str> = rules.rules.iter().map(|rule| rule.name.as_str()).collect();
            return Err(RulesError::TooMany {
                rules: names.len(),
                names: names.join(", "),
            });
        }
        Ok(rules)
    }
}

#[cfg(test)]
mod tests;

/// Every class, once, with the plan and one route that has it.
fn classes(policy: &Policy) -> Vec<(PlanId, String, RouteId)> {
    let plans = (0_u16..).map(PlanId).take(policy.plans().len());
    let mut known = HashSet::new();
    let mut found = Vec::new();
    for plan in plans {
        for (route, _) in policy.routes().iter() {
            let class = policy.limit_class(plan, route);
            if known.insert(class) {
                found.push((plan, class.to_owned(), route));
            }
        }
    }
    found
}
