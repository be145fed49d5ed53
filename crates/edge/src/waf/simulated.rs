//! The compiled web ACL under the model of `tollgate_aws::waf::simulate`.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header, request};
use tollgate_aws::waf::model::{ContentType, RuleSet, RuleSetKind, Statement};
use tollgate_aws::waf::simulate::{Blocked, Settings, Simulator, Verdict as Simulated, WafRequest};
use tollgate_aws::waf::{WafError, read};
use tollgate_limiter::Nanos;

use super::{Block, RateRule, Seen, Verdict, Waf};
use crate::{EdgeError, Folder};

/// A simulator, and its rate-based rules in the order of the file.
struct Model {
    simulator: Simulator,
    rates: Vec<RateRule>,
}

/// The folder's web ACL, simulated.
///
/// # Errors
/// When the file has no web ACL, or one with a part that the model does not have.
pub fn simulated(folder: &Folder, settings: Settings) -> Result<Box<dyn Waf>, EdgeError> {
    let (path, text) = &folder.web_acl;
    let wrong = |why: String| EdgeError::WebAcl {
        path: path.clone(),
        why,
    };
    let sets = read("web-acl.json", text).map_err(|error| wrong(error.to_string()))?;
    let mut acls = sets.iter().filter(|set| set.kind == RuleSetKind::WebAcl);
    let acl = acls.next().ok_or_else(|| wrong("no web ACL".to_owned()))?;
    let simulator = Simulator::new(acl, settings).map_err(|error| match error {
        // Of the command line, not of the file.
        WafError::Settings { reason } => EdgeError::Settings { reason },
        other => wrong(other.to_string()),
    })?;
    Ok(Box::new(Model {
        simulator,
        rates: rates(acl),
    }))
}

fn rates(acl: &RuleSet) -> Vec<RateRule> {
    let rates = acl.rules.iter().filter_map(|rule| match &rule.statement {
        Statement::RateBased(rate) => Some(RateRule {
            name: rule.name.to_string(),
            limit: rate.limit,
            window_s: rate.window_s,
        }),
        _ => None,
    });
    rates.collect()
}

// === impl Model ===

impl Waf for Model {
    fn rate_rules(&self) -> Vec<RateRule> {
        self.rates.clone()
    }

    fn decide(&mut self, seen: &Seen<'_>, now: Nanos) -> Verdict {
        let fields = texts(seen.head);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let request = WafRequest {
            method: seen.head.method.as_str(),
            path: seen.head.uri.path(),
            query: seen.head.uri.query().unwrap_or_default(),
            headers: &fields,
            client_ip: seen.source,
        };
        let (mut counted, rates) = (Vec::new(), &self.rates);
        let outcome =
            self.simulator
                .decide_watched(&request, now.0 / 1_000_000, &mut |rule, instance| {
                    if let Some(index) = rates.iter().position(|rate| *rate.name == **rule) {
                        counted.push((index, instance.to_vec()));
                    }
                });
        let block = match outcome.verdict {
            Simulated::Allow { .. } => None,
            Simulated::Block(blocked) => Some(self.block(&blocked)),
        };
        Verdict { block, counted }
    }
}

impl Model {
    fn block(&self, blocked: &Blocked) -> Block {
        let is_rate = |name: &str| self.rates.iter().any(|rate| rate.name == name);
        Block {
            by_rate: blocked.rule.as_deref().is_some_and(is_rate),
            rule: blocked.rule.as_deref().map(str::to_owned),
            response: answer(blocked),
        }
    }
}

/// Header fields as text; bytes beyond UTF-8 become U+FFFD.
fn texts(head: &request::Parts) -> Vec<(&str, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields = head.headers.iter();
    fields
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect()
}

fn answer(blocked: &Blocked) -> Response<Bytes> {
    let (kind, body) = match &blocked.body {
        Some((ContentType::Json, body)) => ("application/json", body.clone()),
        Some((ContentType::Html, body)) => ("text/html", body.clone()),
        Some((ContentType::Plain, body)) => ("text/plain", body.clone()),
        None => ("text/plain", String::new()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(blocked.status).unwrap_or(StatusCode::FORBIDDEN);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in &blocked.headers {
        let name = HeaderName::try_from(name.as_str());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value.as_str())) {
            headers.append(name, value);
        }
    }
    response
}
