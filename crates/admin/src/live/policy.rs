//! The policy as something that is put in force and kept.

use serde::Serialize;
use utoipa::ToSchema;

/// A policy and since when it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PolicyInForce {
    /// What tells it from others: SHA-256 of its text, in hex.
    #[schema(example = "b22edff472d991b475a48064fad696cdca571c9dd4d79c6ee11d4b75364311d9")]
    pub version: String,
    /// Since when, in milliseconds since 1970.
    #[schema(example = 1_796_083_200_000_u64)]
    pub since_ms: u64,
    /// Who put it in force through this API; none for a file that was changed by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "deploy")]
    pub by: Option<String>,
    /// Whether its file has another text: somebody has changed it, and it is not taken over, for now or because
    /// it is no good.
    pub stale: bool,
    /// Its text, without the files that it names.
    #[schema(example = "tollgate: 1\norigin: http://127.0.0.1:9000\n")]
    pub text: String,
}

/// A policy that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PolicyVersion {
    /// What tells it from others.
    #[schema(example = "b22edff472d991b475a48064fad696cdca571c9dd4d79c6ee11d4b75364311d9")]
    pub version: String,
    /// From when, in milliseconds since 1970.
    #[schema(example = 1_796_083_200_000_u64)]
    pub since_ms: u64,
    /// Who put it in force through this API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "deploy")]
    pub by: Option<String>,
}

/// Another policy to be put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// Its text.
    pub text: String,
    /// The version that the writer has seen; `None`: whatever it is.
    pub expected: Option<String>,
    /// Who.
    pub by: String,
}

/// An earlier policy to be put in force again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollBack {
    /// Which.
    pub to: String,
    /// The version that the writer has seen in force; `None`: whatever it is.
    pub expected: Option<String>,
    /// Who.
    pub by: String,
}
