//! Web ACLs, rule groups, their rules, and what follows from a rule.

use serde_json::Value;

use super::{At, statement};
use crate::waf::error::WafError;
use crate::waf::model::{
    Action, ActionKind, CustomResponse, OverrideAction, ResponseBody, Rule, RuleSet, RuleSetKind,
    Text, Word,
};

const RULE_KEYS: &[&str] = &[
    "Name",
    "Priority",
    "Statement",
    "Action",
    "OverrideAction",
    "RuleLabels",
    "VisibilityConfig",
    "CaptchaConfig",
    "ChallengeConfig",
];

/// Reads one web ACL or rule group. Keys that this version does not know are left out at this level
/// alone: AWS adds settings there that change nothing of the rules.
///
/// # Errors
/// A part is missing, unknown or of the wrong kind.
pub(in crate::waf) fn rule_set(
    kind: RuleSetKind,
    place: &str,
    id: &str,
    value: &Value,
) -> Result<RuleSet, WafError> {
    let at = At {
        value,
        path: place.to_owned(),
    };
    at.object()?;
    let rules = at.items("Rules")?;
    let bodies = match at.get("CustomResponseBodies") {
        None => Vec::new(),
        Some(bodies) => response_bodies(&bodies)?,
    };
    Ok(RuleSet {
        kind,
        place: place.to_owned(),
        id: id.to_owned(),
        name: at.get("Name").map(|name| name.text()).transpose()?,
        scope: match at.get("Scope") {
            Some(scope) if scope.text()?.known().is_some() => Some(scope.word()?),
            _ => None,
        },
        default_action: at
            .get("DefaultAction")
            .map(|found| action(&found))
            .transpose()?,
        rules: rules.iter().map(rule).collect::<Result<_, _>>()?,
        bodies,
        capacity: match (kind, at.get("Capacity")) {
            (RuleSetKind::RuleGroup, Some(capacity)) => Some(capacity.number()?),
            _ => None,
        },
    })
}

fn response_bodies(at: &At<'_>) -> Result<Vec<(String, ResponseBody)>, WafError> {
    let mut bodies = Vec::new();
    for key in at.object()?.keys() {
        let Some(body) = at.get(key) else { continue };
        let read = ResponseBody {
            content_type: body.need("ContentType")?.word()?,
            content: body.need("Content")?.text()?,
        };
        bodies.push((key.clone(), read));
    }
    Ok(bodies)
}

fn rule(at: &At<'_>) -> Result<Rule, WafError> {
    at.only("key of a rule", RULE_KEYS)?;
    let label = |label: &At<'_>| label.need("Name")?.text();
    Ok(Rule {
        name: at.need("Name")?.text()?,
        priority: at.need("Priority")?.number()?,
        statement: statement::statement(&at.need("Statement")?)?,
        action: at.get("Action").map(|found| action(&found)).transpose()?,
        override_action: at
            .get("OverrideAction")
            .map(|found| override_action(&found))
            .transpose()?,
        labels: at
            .items("RuleLabels")?
            .iter()
            .map(label)
            .collect::<Result<_, _>>()?,
    })
}

fn action(at: &At<'_>) -> Result<Action, WafError> {
    let (word, settings) = at.one_of("action", ActionKind::WORDS)?;
    let kind = ActionKind::parse(word).ok_or_else(|| at.wrong("an action"))?;
    let response = settings
        .get("CustomResponse")
        .map(|found| response(&found))
        .transpose()?;
    Ok(Action { kind, response })
}

fn override_action(at: &At<'_>) -> Result<OverrideAction, WafError> {
    let (word, _) = at.one_of("override action", OverrideAction::WORDS)?;
    OverrideAction::parse(word).ok_or_else(|| at.wrong("an override action"))
}

fn response(at: &At<'_>) -> Result<CustomResponse, WafError> {
    at.only(
        "key of a custom response",
        &["ResponseCode", "CustomResponseBodyKey", "ResponseHeaders"],
    )?;
    let header = |header: &At<'_>| -> Result<(Text, Text), WafError> {
        Ok((header.need("Name")?.text()?, header.need("Value")?.text()?))
    };
    let headers = at.items("ResponseHeaders")?;
    Ok(CustomResponse {
        code: at.need("ResponseCode")?.number()?,
        body_key: at
            .get("CustomResponseBodyKey")
            .map(|key| key.text())
            .transpose()?,
        headers: headers.iter().map(header).collect::<Result<_, _>>()?,
    })
}
