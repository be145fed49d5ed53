//! Which kind of file an input is, by what it holds.

use serde_json::Value;
use tollgate_policy::yaml_value;

use super::found::Found;
use super::{Input, export, key_csv, template, terraform};

/// What is said of a file that is none of ours.
pub(super) const UNKNOWN: &str = "no usage plans, keys or usage of API Gateway are in it";
/// What would be taken instead.
pub(super) const KNOWN: &str = "give what `aws apigateway get-usage-plans`, `get-usage-plan-keys`, \
    `get-api-keys --include-values` or `get-usage` prints, the CSV file of keys, or a template of \
    CloudFormation, SAM or Terraform that has them";

/// Reads one input into `found`.
pub(super) fn read(input: &Input<'_>, found: &mut Found) {
    let Input { file, plan, text } = *input;
    let begin = text.trim_start_matches('\u{feff}').trim_start();
    if begin.is_empty() {
        found.problem(file, "the file is empty", KNOWN);
    } else if begin.starts_with(['{', '[']) {
        match serde_json::from_str::<Value>(begin) {
            Ok(value) => json(file, plan, &value, found),
            // The parser's own words could show a part of the text.
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let what = format!("not valid JSON at line {line}, column {column}");
                found.problem(file, what, "export it again");
            }
        }
    } else if key_csv::is_csv(text) {
        key_csv::read(file, text, found);
    } else if terraform::is_hcl(file, text) {
        terraform::read(file, text, found);
    } else {
        match yaml_value(text) {
            Ok(value) => json(file, plan, &value, found),
            Err(error) => found.problem(file, error.to_string(), KNOWN),
        }
    }
}

fn json(file: &str, plan: Option<&str>, value: &Value, found: &mut Found) {
    if value["Resources"].is_object() {
        template::read(file, value, found);
    } else if let Some(module) = terraform::shown(value) {
        terraform::read_shown(file, module, found);
    } else if value.is_object() {
        export::read(file, plan, value, found);
    } else {
        found.problem(file, UNKNOWN, KNOWN);
    }
}
