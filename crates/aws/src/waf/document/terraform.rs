//! Terraform's `aws_wafv2_web_acl` and `aws_wafv2_rule_group`, in AWS' shape.

use hcl::eval::{Context, Evaluate};
use hcl::{Block, Body, Expression, Structure};
use serde_json::{Map, Value};

use crate::waf::error::WafError;
use crate::waf::model::{RuleSet, RuleSetKind};
use crate::waf::reader::{later, rule_set};

/// How deep brackets may lie in each other: the parser descends by recursion.
const DEPTH_MAX: usize = 128;

/// The longest reason, in characters: the parser shows the whole line, which may be long.
const REASON_MAX: usize = 600;

/// Blocks that may come several times: where, as what, and the name of the list.
const LISTS: [(&str, &str); 10] = [
    ("rule", "Rules"),
    ("text_transformation", "TextTransformations"),
    ("custom_key", "CustomKeys"),
    ("response_header", "ResponseHeaders"),
    ("insert_header", "InsertHeaders"),
    ("rule_label", "RuleLabels"),
    ("rule_action_override", "RuleActionOverrides"),
    ("excluded_rule", "ExcludedRules"),
    ("managed_rule_group_configs", "ManagedRuleGroupConfigs"),
    ("custom_response_body", "CustomResponseBodies"),
];

/// Arguments that hold rules as JSON text.
const RULES_AS_JSON: [&str; 2] = ["rule_json", "rules_json"];

pub(super) fn rule_sets(text: &str) -> Result<Vec<RuleSet>, WafError> {
    if depth(text) > DEPTH_MAX {
        return Err(WafError::WrongKind {
            path: String::new(),
            expected: "brackets at most 128 deep",
            found: "deeper ones".to_owned(),
        });
    }
    let body = hcl::parse(text).map_err(|error| WafError::Hcl {
        reason: error.to_string().chars().take(REASON_MAX).collect(),
    })?;
    let known = known(&body);
    let mut sets = Vec::new();
    for block in body.blocks() {
        let labels: Vec<&str> = block.labels.iter().map(hcl::BlockLabel::as_str).collect();
        let (kind, name) = match (block.identifier.as_str(), &labels[..]) {
            ("resource", ["aws_wafv2_web_acl", name]) => (RuleSetKind::WebAcl, name),
            ("resource", ["aws_wafv2_rule_group", name]) => (RuleSetKind::RuleGroup, name),
            _ => continue,
        };
        let id = format!("{}.{name}", labels[0]);
        let value = shape(&block.body, "", &id, &known)?;
        sets.push(rule_set(kind, &id, &id, &value)?);
    }
    Ok(sets)
}

/// How deep brackets lie in each other, counting also those inside of texts.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' => now += 1,
            b'}' | b']' | b')' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// What the file itself says of `var.NAME` and `local.NAME`.
fn known(body: &Body) -> Context<'static> {
    let mut variables = hcl::Map::new();
    for block in body.blocks() {
        if block.identifier.as_str() == "variable"
            && let Some(name) = block.labels.first()
            && let Some(default) = argument(&block.body, "default")
            && let Ok(value) = default.evaluate(&Context::new())
        {
            variables.insert(name.as_str().to_owned(), value);
        }
    }
    let mut context = Context::new();
    context.declare_var("var", variables);
    let mut locals = hcl::Map::new();
    for block in body.blocks() {
        if block.identifier.as_str() == "locals" {
            for attribute in block.body.attributes() {
                if let Ok(value) = attribute.expr.evaluate(&context) {
                    locals.insert(attribute.key.to_string(), value);
                }
            }
        }
    }
    context.declare_var("local", locals);
    context
}

fn argument<'a>(body: &'a Body, name: &str) -> Option<&'a Expression> {
    let mut found = body.attributes().filter(|found| found.key.as_str() == name);
    found.next().map(|found| &found.expr)
}

/// A block's body in AWS' shape.
fn shape(body: &Body, block: &str, path: &str, known: &Context<'_>) -> Result<Value, WafError> {
    let mut out = Map::new();
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str();
                if RULES_AS_JSON.contains(&name) {
                    return Err(deployment(path, name));
                }
                out.insert(pascal(name), value(&attribute.expr, known));
            }
            Structure::Block(inner) => insert(&mut out, inner, block, path, known)?,
        }
    }
    if block == "rate_based_statement" {
        // The provider's default; the API has none.
        let by_address = || Value::from("IP");
        out.entry("AggregateKeyType").or_insert_with(by_address);
    }
    Ok(Value::Object(out))
}

fn insert(
    out: &mut Map<String, Value>,
    inner: &Block,
    block: &str,
    path: &str,
    known: &Context<'_>,
) -> Result<(), WafError> {
    let name = inner.identifier.as_str();
    if name == "dynamic" {
        return Err(deployment(path, "dynamic"));
    }
    let several = match (block, name) {
        ("and_statement" | "or_statement", "statement") => Some("Statements"),
        _ => LISTS
            .iter()
            .find(|(one, _)| *one == name)
            .map(|found| found.1),
    };
    let key = several.map_or_else(|| pascal(name), str::to_owned);
    let path = match several {
        Some("CustomResponseBodies") | None => format!("{path}/{key}"),
        Some(_) => {
            let index = out.get(&key).and_then(Value::as_array).map_or(0, Vec::len);
            format!("{path}/{key}/{index}")
        }
    };
    let mut shaped = shape(&inner.body, name, &path, known)?;
    if several == Some("CustomResponseBodies") {
        let body_key = shaped.as_object_mut().and_then(|body| body.remove("Key"));
        let Some(Value::String(body_key)) = body_key else {
            return Err(WafError::Missing { path, key: "key" });
        };
        let bodies = out.entry(key).or_insert_with(|| Map::new().into());
        if let Some(bodies) = bodies.as_object_mut() {
            bodies.insert(body_key, shaped);
        }
        return Ok(());
    }
    match several {
        None => {
            out.insert(key, shaped);
        }
        Some(_) => {
            let list = out.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(list) = list.as_array_mut() {
                list.push(shaped);
            }
        }
    }
    Ok(())
}

fn deployment(path: &str, expression: &str) -> WafError {
    WafError::Later {
        path: path.to_owned(),
        expression: expression.to_owned(),
        hint: "write the blocks out, or read the web ACL as `aws wafv2 get-web-acl` gives it",
    }
}

/// The value of an expression, or the expression where the file alone does not give it.
fn value(expression: &Expression, known: &Context<'_>) -> Value {
    match expression.evaluate(known) {
        Ok(value) => serde_json::to_value(value).unwrap_or(Value::Null),
        Err(_) => later(written(expression)),
    }
}

fn written(expression: &Expression) -> String {
    match expression {
        Expression::TemplateExpr(template) => match &**template {
            hcl::expr::TemplateExpr::QuotedString(text) => text.clone(),
            hcl::expr::TemplateExpr::Heredoc(heredoc) => heredoc.template.clone(),
        },
        other => hcl::format::to_string(other)
            .map_or_else(|_| "expression".to_owned(), |text| text.trim().to_owned()),
    }
}

/// `ip_set_reference_statement` as `IPSetReferenceStatement`.
fn pascal(name: &str) -> String {
    // Alone it is a key or an ARN; in a longer name AWS writes `Asn`.
    if name == "asn" {
        return "ASN".to_owned();
    }
    name.split('_').map(word).collect()
}

fn word(word: &str) -> String {
    match word {
        "ip" | "arn" | "http" | "ja3" | "ja4" => word.to_ascii_uppercase(),
        _ => {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    }
}
