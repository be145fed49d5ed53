//! Rules of the model to what can be decided, or why they cannot.

use std::net::IpAddr;
use std::sync::Arc;

use super::condition::Condition;
use super::instances::Instances;
use super::transform::Steps;
use super::{Blocked, Settings, WafRequest};
use crate::waf::error::WafError;
use crate::waf::model::{self, ByteMatch, SizeConstraint};
use crate::waf::model::{
    Action, ActionKind, AggregateKeyType, Fallback, Field, ForwardedIp, Inspect, RateBased,
    RateKey, RuleSet, Statement, Text, Word,
};

/// AWS WAF's own answer to a blocked request.
const STATUS_DEFAULT: u16 = 403;
/// Labels of AWS' own rules, and labels with the name of their web ACL.
const FOREIGN_LABELS: &str = "awswaf:";

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) effect: Effect,
    pub(super) labels: Vec<Arc<str>>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Match(Condition),
    Rate(Box<Rate>),
}

#[derive(Debug, Clone)]
pub(super) enum Effect {
    Count,
    Allow,
    Block(Arc<Blocked>),
}

/// A rate-based rule.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    pub(super) instances: Instances,
    keys: Vec<Key>,
    forwarded: Option<(String, Fallback)>,
    scope_down: Option<Condition>,
}

#[derive(Debug, Clone)]
enum Key {
    Header(String, Steps),
    Cookie(String, Steps),
    Argument(String, Steps),
    Query(Steps),
    Path(Steps),
    Method,
    Ip,
    Forwarded,
}

/// A part of a key.
enum Part {
    There(Vec<u8>),
    Missing,
    /// The forwarding field holds no address, and the rule matches all the same.
    MatchAnyway,
}

pub(super) fn rule(
    set: &RuleSet,
    rule: &model::Rule,
    path: &str,
    settings: Settings,
) -> Result<Rule, WafError> {
    let name: Arc<str> = rule.name.to_string().into();
    let at = format!("{path}/Statement/{}", rule.statement.kind());
    let kind = match &rule.statement {
        Statement::RateBased(found) => Kind::Rate(Box::new(rate(found, &at, settings)?)),
        other => Kind::Match(condition(other, &at)?),
    };
    let action = rule.action.as_ref().ok_or_else(|| WafError::Missing {
        path: path.to_owned(),
        key: "Action",
    })?;
    let at = format!("{path}/Action");
    let effect = match action.kind {
        ActionKind::Count => Effect::Count,
        ActionKind::Allow => Effect::Allow,
        ActionKind::Block => {
            let named = Some(Arc::clone(&name));
            Effect::Block(Arc::new(blocked(set, action, named, &at)?))
        }
        other => return Err(not_modelled(&at, format!("the action {}", other.as_str()))),
    };
    let label = |label: &Text| known(label, path).map(Arc::from);
    let labels = rule.labels.iter().map(label).collect::<Result<_, _>>()?;
    Ok(Rule {
        name,
        kind,
        effect,
        labels,
    })
}

/// The answer of a Block.
pub(super) fn blocked(
    set: &RuleSet,
    action: &Action,
    rule: Option<Arc<str>>,
    path: &str,
) -> Result<Blocked, WafError> {
    let mut blocked = Blocked {
        rule,
        status: STATUS_DEFAULT,
        headers: Vec::new(),
        body: None,
    };
    let Some(response) = &action.response else {
        return Ok(blocked);
    };
    blocked.status = u16::try_from(response.code).unwrap_or(u16::MAX);
    for (name, value) in &response.headers {
        blocked.headers.push((name.to_string(), value.to_string()));
    }
    if let Some(key) = &response.body_key {
        let key = known(key, path)?;
        let body = set.bodies.iter().find(|(known, _)| *known == key);
        let (_, body) = body.ok_or_else(|| WafError::Missing {
            path: format!("{}/CustomResponseBodies", set.place),
            key: "CustomResponseBodyKey",
        })?;
        blocked.body = Some((body.content_type, body.content.to_string()));
    }
    Ok(blocked)
}

fn rate(found: &RateBased, path: &str, settings: Settings) -> Result<Rate, WafError> {
    let keys = match found.aggregate {
        AggregateKeyType::Ip => vec![Key::Ip],
        AggregateKeyType::ForwardedIp => vec![Key::Forwarded],
        AggregateKeyType::Constant => Vec::new(),
        AggregateKeyType::CustomKeys => {
            let numbered = found.keys.iter().enumerate();
            let keys = numbered.map(|(index, one)| key(one, &format!("{path}/CustomKeys/{index}")));
            keys.collect::<Result<_, _>>()?
        }
    };
    let forwarded = match &found.forwarded {
        Some(ForwardedIp { header, fallback }) => Some((known(header, path)?, *fallback)),
        None => None,
    };
    let scope_down = found.scope_down.as_ref().map(|scope| {
        let path = format!("{path}/ScopeDownStatement/{}", scope.kind());
        condition(scope, &path)
    });
    Ok(Rate {
        instances: Instances::new(
            found.limit,
            found.window_s,
            settings.evaluation_interval_ms,
            settings.lag_ms,
            settings.instances_max,
        ),
        keys,
        forwarded,
        scope_down: scope_down.transpose()?,
    })
}

fn key(found: &RateKey, path: &str) -> Result<Key, WafError> {
    let path = format!("{path}/{}", found.kind());
    let (name, transformations) = found.parts();
    let steps = Steps::new(transformations.unwrap_or_default(), &path)?;
    let name = match name {
        Some(name) => known(name, &path)?,
        None => String::new(),
    };
    Ok(match found {
        RateKey::Header { .. } => Key::Header(name, steps),
        RateKey::Cookie { .. } => Key::Cookie(name, steps),
        RateKey::QueryArgument { .. } => Key::Argument(name, steps),
        RateKey::QueryString { .. } => Key::Query(steps),
        RateKey::UriPath { .. } => Key::Path(steps),
        RateKey::HttpMethod => Key::Method,
        RateKey::Ip => Key::Ip,
        RateKey::ForwardedIp => Key::Forwarded,
        RateKey::LabelNamespace { .. }
        | RateKey::Ja3Fingerprint { .. }
        | RateKey::Ja4Fingerprint { .. }
        | RateKey::Asn => return Err(not_modelled(&path, format!("the key {}", found.kind()))),
    })
}

fn condition(found: &Statement, path: &str) -> Result<Condition, WafError> {
    let several = |all: &[Statement]| -> Result<Vec<Condition>, WafError> {
        let numbered = all.iter().enumerate();
        let inner = numbered.map(|(index, one)| {
            condition(one, &format!("{path}/Statements/{index}/{}", one.kind()))
        });
        inner.collect()
    };
    match found {
        Statement::ByteMatch(ByteMatch {
            inspect,
            positional,
            search,
        }) => {
            let (field, steps) = looked_at(inspect, path)?;
            Ok(Condition::Bytes {
                field,
                steps,
                positional: *positional,
                search: known(search, path)?.into_bytes(),
            })
        }
        Statement::SizeConstraint(SizeConstraint {
            inspect,
            comparison,
            size,
        }) => {
            let (field, steps) = looked_at(inspect, path)?;
            Ok(Condition::Size {
                field,
                steps,
                comparison: *comparison,
                size: *size,
            })
        }
        Statement::LabelMatch { scope, key } => {
            let key = known(key, path)?;
            if key.starts_with(FOREIGN_LABELS) {
                return Err(not_modelled(
                    path,
                    format!("the label `{key}` of other rules"),
                ));
            }
            Ok(Condition::Label { scope: *scope, key })
        }
        Statement::And(all) => several(all).map(Condition::And),
        Statement::Or(all) => several(all).map(Condition::Or),
        Statement::Not(inner) => {
            let inner = condition(inner, &format!("{path}/Statement/{}", inner.kind()))?;
            Ok(Condition::Not(Box::new(inner)))
        }
        other => Err(not_modelled(path, format!("a {}", other.kind()))),
    }
}

fn looked_at(inspect: &Inspect, path: &str) -> Result<(Field, Steps), WafError> {
    let steps = Steps::new(&inspect.transformations, path)?;
    match &inspect.field {
        Field::Body
        | Field::JsonBody
        | Field::HeaderOrder
        | Field::Ja3Fingerprint
        | Field::Ja4Fingerprint
        | Field::UriFragment => {
            let path = format!("{path}/FieldToMatch");
            Err(not_modelled(
                &path,
                format!("the field {:?}", inspect.field),
            ))
        }
        Field::SingleHeader(name) | Field::SingleQueryArgument(name) => {
            known(name, path)?;
            Ok((inspect.field.clone(), steps))
        }
        field => Ok((field.clone(), steps)),
    }
}

fn known(text: &Text, path: &str) -> Result<String, WafError> {
    match text {
        Text::Known(text) => Ok(text.clone()),
        Text::Later(expression) => Err(WafError::Later {
            path: path.to_owned(),
            expression: expression.clone(),
            hint: "write the value itself to simulate it",
        }),
    }
}

fn not_modelled(path: &str, what: String) -> WafError {
    WafError::NotModelled {
        path: path.to_owned(),
        what,
    }
}

// === impl Rate ===

impl Rate {
    /// Whether the request belongs to an instance that is limited now; counts it.
    pub(super) fn over(
        &mut self,
        request: &WafRequest<'_>,
        labels: &[Arc<str>],
        now_ms: u64,
        settings: Settings,
        watch: &mut dyn FnMut(&[u8]),
    ) -> bool {
        let in_scope = |scope: &Condition| scope.holds(request, labels);
        if !self.scope_down.as_ref().is_none_or(in_scope) {
            return false;
        }
        let mut instance = Vec::new();
        for key in &self.keys {
            match self.part(key, request) {
                Part::There(part) if part.is_empty() && settings.empty_is_missing => return false,
                Part::There(part) => {
                    // Lengths keep two keys from being read as one.
                    instance.extend(part.len().to_be_bytes());
                    instance.extend(part);
                }
                Part::Missing => return false,
                Part::MatchAnyway => return true,
            }
        }
        watch(&instance);
        let counted = settings.blocked_requests_count;
        self.instances.over(instance, now_ms, counted)
    }

    fn part(&self, key: &Key, request: &WafRequest<'_>) -> Part {
        let some = |value: Option<&str>, steps: &Steps| match value {
            Some(value) => Part::There(steps.apply(value).into_owned()),
            None => Part::Missing,
        };
        match key {
            Key::Header(name, steps) => some(request.header(name).as_deref(), steps),
            Key::Cookie(name, steps) => some(request.cookie(name), steps),
            Key::Argument(name, steps) => some(request.argument(name), steps),
            Key::Query(steps) => some(Some(request.query), steps),
            Key::Path(steps) => some(Some(request.path), steps),
            Key::Method => Part::There(request.method.as_bytes().to_vec()),
            Key::Ip => Part::There(octets(request.client_ip)),
            Key::Forwarded => self.forwarded(request),
        }
    }

    fn forwarded(&self, request: &WafRequest<'_>) -> Part {
        let Some((header, fallback)) = &self.forwarded else {
            return Part::Missing;
        };
        // AWS does not apply the rule at all where the field is not there.
        let Some(value) = request.header(header) else {
            return Part::Missing;
        };
        let first = value.split(',').next().unwrap_or_default().trim();
        match (first.parse::<IpAddr>(), fallback) {
            (Ok(address), _) => Part::There(octets(address)),
            (Err(_), Fallback::Match) => Part::MatchAnyway,
            (Err(_), Fallback::NoMatch) => Part::Missing,
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
