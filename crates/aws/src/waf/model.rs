//! A web ACL or a rule group: rules in an order, each a statement with what follows from it.

mod statement;
mod words;

use std::fmt;

pub use statement::{
    ByteMatch, Field, ForwardedIp, Inspect, IpSetReference, KeyPattern, MatchScope, RateBased,
    RateKey, RuleGroupUse, SizeConstraint, Statement, Transformation,
};
pub use words::{
    ActionKind, AggregateKeyType, Comparison, ContentType, Fallback, LabelScope, OverrideAction,
    Position, Positional, Scope, Sensitivity, TransformationKind, Word,
};

/// A web ACL or a rule group, as written: limits are checked by [`super::check`], not by reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    /// Which of the two.
    pub kind: RuleSetKind,
    /// Where it stands in its file: `/Resources/Acl/Properties`, `aws_wafv2_web_acl.main`, or
    /// nothing where the file is the web ACL. Paths of findings begin with it.
    pub place: String,
    /// What others in the file call it: a logical id, a Terraform address, or nothing.
    pub id: String,
    /// Its name; none where AWS is to make one.
    pub name: Option<Text>,
    /// What it can be attached to, if the file says so.
    pub scope: Option<Scope>,
    /// What happens to requests that no rule ends; only of web ACLs.
    pub default_action: Option<Action>,
    /// In the order of the file; AWS WAF looks at them by rising priority.
    pub rules: Vec<Rule>,
    /// Bodies of answers by their keys.
    pub bodies: Vec<(String, ResponseBody)>,
    /// The capacity that is set aside, in WCU; only of rule groups.
    pub capacity: Option<u64>,
}

/// What a [`RuleSet`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSetKind {
    /// Attached to a resource by itself.
    WebAcl,
    /// Used by web ACLs.
    RuleGroup,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Unique in its set, 1 to 128 letters, digits, `_` and `-`.
    pub name: Text,
    /// Unique in its set; lower ones are looked at first.
    pub priority: u64,
    /// What has to hold.
    pub statement: Statement,
    /// What happens then; of every rule but those that use a rule group.
    pub action: Option<Action>,
    /// What becomes of the actions of a used rule group.
    pub override_action: Option<OverrideAction>,
    /// Labels that a matching request gets.
    pub labels: Vec<Text>,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Which kind.
    pub kind: ActionKind,
    /// An answer of one's own. Only a `Block` may have one; it is kept for others so that the check
    /// can find it.
    pub response: Option<CustomResponse>,
}

/// An answer instead of AWS WAF's 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomResponse {
    /// Status, 200 to 599.
    pub code: u64,
    /// Key of one of the set's bodies.
    pub body_key: Option<Text>,
    /// Header fields, at most 10: name and value, which is the same for every request.
    pub headers: Vec<(Text, Text)>,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseBody {
    /// What it is.
    pub content_type: ContentType,
    /// At most 4,096 bytes.
    pub content: Text,
}

/// A text, or the expression that gives it at deployment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// As it will be.
    Known(String),
    /// An expression of the file: `Set.Arn`, `${AWS::StackName}-acl`, `aws_wafv2_ip_set.x.arn`.
    Later(String),
}

// === impl RuleSet ===

impl RuleSet {
    /// What people call it: its name, else how the file calls it.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None if self.id.is_empty() => "web ACL".to_owned(),
            None => self.id.clone(),
        }
    }

    /// The path of the rule at `index`.
    #[must_use]
    pub fn rule_path(&self, index: usize) -> String {
        format!("{}/Rules/{index}", self.place)
    }

    /// Rules in the order in which AWS WAF looks at them.
    #[must_use]
    pub fn by_priority(&self) -> Vec<(usize, &Rule)> {
        let mut rules: Vec<_> = self.rules.iter().enumerate().collect();
        rules.sort_by_key(|(_, rule)| rule.priority);
        rules
    }

    /// Whether `arn` points to this one.
    #[must_use]
    pub fn is_meant_by(&self, arn: &Text) -> bool {
        match arn {
            Text::Later(expression) if !self.id.is_empty() => expression
                .strip_prefix(self.id.as_str())
                .is_some_and(|rest| rest.eq_ignore_ascii_case(".arn")),
            _ => false,
        }
    }
}

// === impl Action ===

impl Action {
    /// An action without an answer of its own.
    #[must_use]
    pub fn of(kind: ActionKind) -> Self {
        Action {
            kind,
            response: None,
        }
    }
}

// === impl Text ===

impl Text {
    /// The text, where it is known before deployment.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self {
            Text::Known(text) => Some(text),
            Text::Later(_) => None,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::Known(text.to_owned())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Known(text) => f.write_str(text),
            Text::Later(expression) if expression.contains("${") => f.write_str(expression),
            Text::Later(expression) => write!(f, "${{{expression}}}"),
        }
    }
}
