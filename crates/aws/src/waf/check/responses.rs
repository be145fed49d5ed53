//! What follows from a rule: its action, and the answer of a Block.

use super::{Findings, codes};
use crate::waf::model::{ActionKind, CustomResponse, Rule, RuleSet, Statement, Text, Word};

const HEADERS_MAX: usize = 10;
const HEADER_NAME_MAX: usize = 64;
const HEADER_VALUE_MAX: usize = 255;

pub(super) fn check(set: &RuleSet, rule: &Rule, path: &str, found: &mut Findings) {
    action(rule, path, found);
    let Some(action) = &rule.action else {
        return;
    };
    let Some(response) = &action.response else {
        return;
    };
    let path = format!("{path}/Action/{}/CustomResponse", action.kind.as_str());
    if action.kind != ActionKind::Block {
        found.error(
            codes::RESPONSE_ACTION,
            &path,
            format!("a {} with an answer of its own", action.kind.as_str()),
            "remove the answer, or make the action a Block",
        );
    }
    answer(set, response, &path, found);
}

fn action(rule: &Rule, path: &str, found: &mut Findings) {
    let uses_group = matches!(
        rule.statement,
        Statement::ManagedRuleGroup(_) | Statement::RuleGroup(_)
    );
    let (what, fix) = match (uses_group, &rule.action, &rule.override_action) {
        (true, None, Some(_)) | (false, Some(_), None) => return,
        (_, Some(_), Some(_)) => (
            "both Action and OverrideAction",
            "keep OverrideAction where a rule group is used, else Action",
        ),
        (true, _, None) => (
            "a rule group is used without OverrideAction",
            "write `OverrideAction: {None: {}}` instead of an Action",
        ),
        (false, None, _) => (
            "no Action",
            "write an Action; OverrideAction is for rule groups",
        ),
    };
    found.error(codes::ACTION, path, what.to_owned(), fix);
}

fn answer(set: &RuleSet, response: &CustomResponse, path: &str, found: &mut Findings) {
    if !(200..=599).contains(&response.code) {
        found.error(
            codes::RESPONSE_CODE,
            format!("{path}/ResponseCode"),
            format!("status {}", response.code),
            "write 200 to 599; for limits 429",
        );
    }
    if let Some(Text::Known(key)) = &response.body_key
        && !set.bodies.iter().any(|(known, _)| known == key)
    {
        found.error(
            codes::BODY_KEY,
            format!("{path}/CustomResponseBodyKey"),
            format!("no body `{key}` in CustomResponseBodies"),
            "add the body, or name one that is there",
        );
    }
    let headers = format!("{path}/ResponseHeaders");
    let count = response.headers.len();
    if count > HEADERS_MAX {
        let what = format!("{count} header fields, above {HEADERS_MAX}");
        found.error(codes::HEADERS, &headers, what, "leave some out");
    }
    for (index, (name, value)) in response.headers.iter().enumerate() {
        if !name.known().is_none_or(is_header_name) {
            found.error(
                codes::HEADER_NAME,
                format!("{headers}/{index}/Name"),
                format!("the name `{name}` has other characters or a wrong length"),
                "write 1 to 64 characters of a-z, A-Z, 0-9, `.`, `_`, `$` and `-`",
            );
        }
        let length = value.known().map_or(1, |value| value.chars().count());
        if !(1..=HEADER_VALUE_MAX).contains(&length) {
            found.error(
                codes::HEADER_VALUE,
                format!("{headers}/{index}/Value"),
                format!("the value of `{name}` has {length} characters"),
                "write 1 to 255 characters",
            );
        }
    }
}

fn is_header_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._$-".contains(&byte);
    (1..=HEADER_NAME_MAX).contains(&name.len()) && name.bytes().all(allowed)
}
