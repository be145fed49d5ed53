//! The JSON Schema of the policy file, from the documentation of its keys.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::raw::RawPolicy;

/// The JSON Schema (draft 2020-12) of `tollgate.yaml`, for editors and for other tools.
///
/// Every policy that is accepted fits it; what only makes sense across keys it cannot say.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<RawPolicy>();
    schema.insert("title".to_owned(), "Tollgate policy".into());
    let mut schema = schema.to_value();
    forbid_null(&mut schema);
    rename(&mut schema);
    schema
}

/// Sections by the names that people know: not `RawPlan`, but `Plan`.
fn rename(schema: &mut Value) {
    let public = |name: &str| name.strip_prefix("Raw").unwrap_or(name).to_owned();
    match schema {
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref") {
                *target = target.replace("/Raw", "/");
            }
            if let Some(Value::Object(sections)) = members.get_mut("$defs") {
                let named = std::mem::take(sections).into_iter();
                *sections = named
                    .map(|(name, section)| (public(&name), section))
                    .collect();
            }
            members.values_mut().for_each(rename);
        }
        _ => {}
    }
}

/// A key that may be left out may not be written with nothing: takes the null out of what schemars
/// makes of an `Option`.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        Value::Object(members) => {
            if let Some(Value::Array(kinds)) = members.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    let kind = kind.clone();
                    members.insert("type".to_owned(), kind);
                }
            }
            if let Some(Value::Array(words)) = members.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            if let Some(Value::Array(forms)) = members.get_mut("anyOf") {
                forms.retain(|form| form.get("type") != Some(&Value::from("null")));
                if let [Value::Object(form)] = forms.as_mut_slice() {
                    let form = std::mem::take(form);
                    members.remove("anyOf");
                    members.extend(form);
                }
            }
            members.values_mut().for_each(forbid_null);
        }
        _ => {}
    }
}
