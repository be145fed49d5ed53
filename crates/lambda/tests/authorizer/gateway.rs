//! A model of API Gateway: it looks for an answer under the identity sources, asks the authorizer for one
//! that it does not have, keeps it for the TTL, and holds every request against it.
//!
//! Time is the model's own, so that it can pass: the function's is the machine's.

use std::collections::HashMap;

use serde_json::Value;
use tollgate_aws::authorizer::AuthorizerApi;
use tollgate_testkit::lambda::Invoked;

use crate::events::Call;
use crate::support::Bench;

/// What the client sees, and whether the authorizer was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Passed,
    /// Passed by an answer to an earlier request.
    PassedByCache,
    Refused(u16),
    RefusedByCache(u16),
}

pub(crate) struct Gateway<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) api: AuthorizerApi,
    /// In the notation of the API.
    pub(crate) sources: Vec<String>,
    pub(crate) ttl_s: u64,
    now_s: u64,
    kept: HashMap<Vec<String>, (u64, Value)>,
}

impl Seen {
    pub(crate) fn passed(self) -> bool {
        matches!(self, Self::Passed | Self::PassedByCache)
    }
}

impl<'a> Gateway<'a> {
    pub(crate) fn new(
        bench: &'a Bench,
        api: AuthorizerApi,
        sources: Vec<String>,
        ttl_s: u64,
    ) -> Self {
        Self {
            bench,
            api,
            sources,
            ttl_s,
            now_s: 0,
            kept: HashMap::new(),
        }
    }

    pub(crate) fn pass_time(&mut self, seconds: u64) {
        self.now_s += seconds;
    }

    pub(crate) fn call(&mut self, call: &Call) -> Seen {
        let key: Option<Vec<String>> = self
            .sources
            .iter()
            .map(|source| value_of(source, call).filter(|value| !value.is_empty()))
            .collect();
        // A source that is missing is 401, and nobody is asked.
        let Some(key) = key else {
            return Seen::RefusedByCache(401);
        };
        if let Some((until_s, answer)) = self.kept.get(&key)
            && self.now_s < *until_s
        {
            return match status(answer, call) {
                None => Seen::PassedByCache,
                Some(status) => Seen::RefusedByCache(status),
            };
        }
        match self.bench.invoke(&call.event(self.api)) {
            Invoked::Answered(answer) => {
                let seen = status(&answer, call).map_or(Seen::Passed, Seen::Refused);
                self.kept.insert(key, (self.now_s + self.ttl_s, answer));
                seen
            }
            Invoked::Failed(message) if message == "Unauthorized" => Seen::Refused(401),
            Invoked::Failed(_) | Invoked::Silent => Seen::Refused(500),
        }
    }
}

fn value_of(source: &str, call: &Call) -> Option<String> {
    let field = source
        .strip_prefix("method.request.header.")
        .or_else(|| source.strip_prefix("$request.header."));
    match (field, source) {
        (Some(name), _) => call.value(name).map(str::to_owned),
        (None, "context.httpMethod") => Some(call.method.clone()),
        (None, "context.resourcePath") => Some(call.template.clone()),
        (None, "$context.routeKey") => Some(call.route_key()),
        _ => panic!("no such identity source: {source}"),
    }
}

/// The status of a refusal, `None` where the answer lets the call pass.
fn status(answer: &Value, call: &Call) -> Option<u16> {
    if let Some(is_authorized) = answer["isAuthorized"].as_bool() {
        return (!is_authorized).then_some(403);
    }
    let statements = answer["policyDocument"]["Statement"].as_array().unwrap();
    let arn = call.arn();
    let applies = |effect: &str| {
        statements.iter().any(|statement| {
            let resource = statement["Resource"].as_str().unwrap();
            statement["Effect"] == effect && covers(resource.as_bytes(), arn.as_bytes())
        })
    };
    (applies("Deny") || !applies("Allow")).then_some(403)
}

/// `*` any text, `?` any character.
fn covers(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => covers(rest, text),
        (Some((b'*', rest)), Some((_, after))) => covers(rest, text) || covers(pattern, after),
        (Some((b'?', rest)), Some((_, after))) => covers(rest, after),
        (Some((one, rest)), Some((other, after))) => one == other && covers(rest, after),
        _ => false,
    }
}
