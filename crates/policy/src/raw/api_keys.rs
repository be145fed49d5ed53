//! `identity.api_keys`: the field that carries a key, and the file of hashes.

use super::section::section;
use super::values::{FilePath, HeaderName};
use crate::node::At;

section! {
    /// Callers with an API key; the file has only the hashes of the keys.
    RawApiKeys("the section of API keys") {
        /// The header field that carries the key. A request with a key and a bearer token is 400. Default: `x-api-key`.
        header: Option<At<HeaderName>>,
        /// File with a line for each key, mode 0600; `tollgate api-keys new` makes one.
        file: FilePath,
    }
}
