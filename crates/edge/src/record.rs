//! The line that is written for each request.

use std::fmt;

use http::{StatusCode, request};
use serde_json::{Map, Value, json};

/// Who decided what the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The function answered, or failed.
    Function,
    /// WAF blocked.
    Waf,
    /// WAF blocked what did not come through CloudFront.
    Lock,
    /// The request reached the origin.
    Origin,
}

/// By which of the two addresses a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// CloudFront's.
    Viewer,
    /// That of what stands behind CloudFront.
    Behind,
}

/// What is known of a request when its answer begins.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) at_ms: u64,
    pub(crate) entry: Entry,
    pub(crate) client: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) by: By,
    /// The bucket id that WAF saw, or would have.
    pub(crate) id: Option<String>,
    pub(crate) rule: Option<String>,
    /// What went wrong in the function or on the way to the origin.
    pub(crate) error: Option<String>,
    pub(crate) log: Vec<String>,
}

// === impl By ===

impl By {
    /// All, in the order of a summary.
    pub const ALL: [By; 4] = [By::Function, By::Waf, By::Lock, By::Origin];

    pub(crate) fn index(self) -> usize {
        match self {
            By::Function => 0,
            By::Waf => 1,
            By::Lock => 2,
            By::Origin => 3,
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            By::Function => "function",
            By::Waf => "waf",
            By::Lock => "lock",
            By::Origin => "origin",
        })
    }
}

// === impl Record ===

impl Record {
    pub(crate) fn new(entry: Entry, client: String, head: &request::Parts, at_ms: u64) -> Self {
        Self {
            at_ms,
            entry,
            client,
            method: head.method.to_string(),
            target: head.uri.to_string(),
            by: By::Origin,
            id: None,
            rule: None,
            error: None,
            log: Vec::new(),
        }
    }

    /// The line, without its end.
    pub(crate) fn line(&self, status: StatusCode) -> String {
        let class = self.id.as_ref().and_then(|id| id.split_once('.'));
        let entry = match self.entry {
            Entry::Viewer => "cloudfront",
            Entry::Behind => "behind",
        };
        let mut line = json!({
            "at_ms": self.at_ms,
            "entry": entry,
            "client": self.client,
            "method": self.method,
            "target": self.target,
            "status": status.as_u16(),
            "by": self.by.to_string(),
        });
        let more = [
            ("id", self.id.as_deref()),
            ("class", class.map(|(class, _)| class)),
            ("rule", self.rule.as_deref()),
            ("error", self.error.as_deref()),
        ];
        let mut fields = Map::new();
        for (name, text) in more {
            if let Some(text) = text {
                fields.insert(name.to_owned(), text.into());
            }
        }
        if !self.log.is_empty() {
            fields.insert("log".to_owned(), json!(self.log));
        }
        if let Value::Object(line) = &mut line {
            line.append(&mut fields);
        }
        line.to_string()
    }
}
