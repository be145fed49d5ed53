//! API keys: which field may carry one, and whose names no issuer may have.

use super::Check;
use super::header_names::Families;
use crate::identity::ApiKeysConfig;
use crate::node::At;
use crate::raw::{HeaderName, RawApiKeys};

const HEADER_DEFAULT: &str = "x-api-key";

impl Check<'_, '_> {
    pub(super) fn api_keys(&mut self, raw: RawApiKeys) -> ApiKeysConfig {
        if let Some(At { span, value }) = &raw.header {
            self.free_header(&value.0, *span, Families::Taken, HEADER_DEFAULT);
        }
        let written = raw.header.map(
            |At {
                 value: HeaderName(name),
                 ..
             }| name,
        );
        ApiKeysConfig {
            header: written.unwrap_or_else(|| HEADER_DEFAULT.to_owned()),
            file: self.file(&raw.file.0),
        }
    }
}
