//! Why a file or a web ACL of it could not be used.

use tollgate_policy::YamlError;

/// What went wrong with a file or with a web ACL in it.
///
/// A `path` is the place in AWS' own shape of a web ACL, whatever the file's format: a name for the
/// resource, then keys and indices as in a JSON pointer
/// (`/Resources/Acl/Properties/Rules/0/Statement`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WafError {
    /// The file is larger than [`super::FILE_BYTES_MAX`].
    #[error("the file is larger than {} MiB", super::FILE_BYTES_MAX >> 20)]
    TooLarge,
    /// Not JSON.
    #[error("not valid JSON: {source}")]
    Json {
        /// With the line and the column.
        #[from]
        source: serde_json::Error,
    },
    /// Not YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// Not HCL.
    #[error("not valid Terraform: {reason}")]
    Hcl {
        /// With the line and an excerpt of it, shortened.
        reason: String,
    },
    /// The file reads well and has neither web ACL nor rule group.
    #[error(
        "no web ACL and no rule group in the file; looked for an object with `Rules`, the answer of \
         `aws wafv2 get-web-acl` or `get-rule-group`, `AWS::WAFv2::WebACL` and \
         `AWS::WAFv2::RuleGroup` in a template, `aws_wafv2_web_acl` and `aws_wafv2_rule_group` in \
         Terraform"
    )]
    NoWebAcl,
    /// A part that must be there is not.
    #[error("{path}: `{key}` is missing")]
    Missing {
        /// Where.
        path: String,
        /// The key that is missed.
        key: &'static str,
    },
    /// A part that AWS WAF does not have, or that this version does not know.
    #[error("{path}: unknown {what} `{found}`; known are {}", known.join(", "))]
    Unknown {
        /// Where.
        path: String,
        /// Of what kind it would be.
        what: &'static str,
        /// As written.
        found: String,
        /// What can stand there.
        known: Vec<&'static str>,
    },
    /// A part of the wrong kind.
    #[error("{path}: expected {expected}, found {found}")]
    WrongKind {
        /// Where.
        path: String,
        /// What can stand there.
        expected: &'static str,
        /// What does, shortened.
        found: String,
    },
    /// A number or a word that only deployment knows.
    #[error("{path}: `{expression}` is known only at deployment; {hint}")]
    Later {
        /// Where.
        path: String,
        /// As written in the file.
        expression: String,
        /// What to do.
        hint: &'static str,
    },
    /// Something that [`super::simulate`] has no model of.
    #[error("{path}: {what} cannot be simulated")]
    NotModelled {
        /// Where.
        path: String,
        /// What it is.
        what: String,
    },
    /// A setting of [`super::simulate`] that makes no model.
    #[error("{reason}")]
    Settings {
        /// What is wrong with it.
        reason: &'static str,
    },
}
