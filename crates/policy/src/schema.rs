//! The JSON Schema of the policy file, from the documentation of its keys.

use schemars::generate::SchemaSettings;

use crate::raw::RawPolicy;

/// The JSON Schema (draft 2020-12) of `tollgate.yaml`, for editors and for other tools.
///
/// Every policy that is accepted fits it; what only makes sense across keys it cannot say.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawPolicy>();
    schema.insert("title".to_owned(), "Tollgate policy".into());
    schema.to_value()
}
