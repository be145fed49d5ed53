//! A file to the web ACLs and rule groups in it.

mod cloudformation;
mod terraform;

use data_encoding::BASE64;
use serde_json::Value;
use tollgate_policy::yaml_value;

use super::error::WafError;
use super::model::{RuleSet, RuleSetKind};
use super::reader::rule_set;

/// The largest file, in bytes: CloudFormation itself stops at 1 MB.
pub const FILE_BYTES_MAX: usize = 8 << 20;

/// Reads every web ACL and rule group of a file. `name` decides what the file is: `.tf` and `.hcl`
/// are Terraform; anything else is JSON where it begins with `{` or `[`, and YAML where not.
///
/// JSON and YAML may be a template of CloudFormation or SAM, the answer of
/// `aws wafv2 get-web-acl` or `get-rule-group`, or the web ACL itself. In the answers `SearchString`
/// is Base64, as the AWS command line writes it, and is taken as it stands where it is not.
///
/// # Errors
/// The file cannot be read, has neither web ACL nor rule group, or has one with a part that is
/// missing, unknown, of the wrong kind, or known only at deployment.
///
/// ```
/// let text = r#"{"Name": "acl", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "Rules": []}"#;
/// let sets = tollgate_aws::waf::read("acl.json", text).unwrap();
/// assert_eq!(sets[0].title(), "acl");
/// ```
pub fn read(name: &str, text: &str) -> Result<Vec<RuleSet>, WafError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(WafError::TooLarge);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if name.ends_with(".tf") || name.ends_with(".hcl") {
        return found(terraform::rule_sets(text)?);
    }
    let tree: Value = if text.trim_start().starts_with(['{', '[']) {
        serde_json::from_str(text)?
    } else {
        yaml_value(text)?
    };
    if tree.get("Resources").is_some() {
        return found(cloudformation::rule_sets(&tree)?);
    }
    found(plain(tree)?)
}

fn found(sets: Vec<RuleSet>) -> Result<Vec<RuleSet>, WafError> {
    if sets.is_empty() {
        return Err(WafError::NoWebAcl);
    }
    Ok(sets)
}

/// A web ACL or rule group by itself, or wrapped as the API answers.
fn plain(mut tree: Value) -> Result<Vec<RuleSet>, WafError> {
    for (key, kind) in [
        ("WebACL", RuleSetKind::WebAcl),
        ("RuleGroup", RuleSetKind::RuleGroup),
    ] {
        if let Some(wrapped) = tree.get_mut(key) {
            name_base64(wrapped);
            return Ok(vec![rule_set(kind, &format!("/{key}"), "", wrapped)?]);
        }
    }
    if tree.get("Rules").is_none() {
        return Ok(Vec::new());
    }
    let kind = match tree.get("DefaultAction") {
        None if tree.get("Capacity").is_some() => RuleSetKind::RuleGroup,
        _ => RuleSetKind::WebAcl,
    };
    Ok(vec![rule_set(kind, "", "", &tree)?])
}

/// Puts what is Base64 under the key that says so.
fn name_base64(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(name_base64),
        Value::Object(entries) => {
            let encoded = entries
                .get("SearchString")
                .and_then(Value::as_str)
                .is_some_and(|text| BASE64.decode(text.as_bytes()).is_ok());
            if encoded && let Some(text) = entries.remove("SearchString") {
                entries.insert("SearchStringBase64".to_owned(), text);
            }
            entries.values_mut().for_each(name_base64);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
