//! The whole deployment of a policy: function, store, web ACL, and what is said of them.

use serde_json::{Value, json};
use tollgate_policy::Policy;
use zeroize::Zeroizing;

use crate::function::{self, CLIENT_HEADER, Function, FunctionError, id_header};
use crate::rules::{LOCK_HEADER, LOCK_PLACEHOLDER, Rules, RulesError, web_acl};
use crate::store::{self, Secrets, StoreError};
use crate::target::{Target, TargetError};
use crate::templates::FolderError;

/// What the operator accepted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accepted {
    /// Claims that nobody verified.
    pub unverified: bool,
    /// Limits that WAF does not watch.
    pub gaps: bool,
}

/// A compiled deployment.
#[derive(Debug)]
pub struct Deployment<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// What it was compiled for.
    pub target: Target,
    /// The function.
    pub function: Function,
    /// The function's name: `tollgate-` and what its content hashes to, since AWS keeps a throttled
    /// function throttled by its name.
    pub function_name: String,
    /// The rules, and what they leave out.
    pub rules: Rules,
    /// The web ACL, with [`LOCK_PLACEHOLDER`] for the lock's secret.
    pub web_acl: Value,
    /// The field that carries the id.
    pub id_header: String,
}

/// Why a policy is not compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The target does not suit the policy.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The function cannot be made.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The rules cannot be made.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The store cannot hold the data.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else that AWS would refuse.
    #[error("{}", list(.0))]
    Refused(Vec<FolderError>),
    /// The web ACL is one that AWS would refuse.
    #[error("the web ACL would be refused: {findings}")]
    WebAcl {
        /// Each.
        findings: String,
    },
}

fn list(refused: &[FolderError]) -> String {
    let texts: Vec<String> = refused.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Compiles a policy for a target.
///
/// # Errors
/// The first thing that cannot be, with what to do.
pub fn compile(
    policy: &Policy,
    target: Target,
    accepted: Accepted,
) -> Result<Deployment<'_>, CompileError> {
    target.check(policy, accepted.unverified)?;
    let function = function::compile(policy, &target)?;
    let rules = Rules::of(policy, &target, accepted.gaps)?;
    let web_acl = web_acl(&rules, policy, &target);
    let function_name = format!("{}-{}", target.name, content_hash(&function.source));
    let deployment = Deployment {
        policy,
        id_header: id_header(policy),
        target,
        function,
        function_name,
        rules,
        web_acl,
    };
    deployment.check_web_acl()?;
    Ok(deployment)
}

impl Deployment<'_> {
    /// Data for the key-value store.
    ///
    /// # Errors
    /// What does not fit.
    pub fn store(&self, secrets: &Secrets) -> Result<Vec<(String, Zeroizing<String>)>, StoreError> {
        store::entries(&self.function, secrets)
    }

    /// What `tollgate edge run` reads: how the parts stand to one another.
    #[must_use]
    pub fn manifest(&self) -> Value {
        let behind = self.target.variant.sets_id();
        json!({
            "variant": self.target.variant.as_str(),
            "trust": self.target.trust.as_str(),
            "function": self.function_name,
            "id_header": self.id_header,
            "client_header": behind.then_some(CLIENT_HEADER),
            "lock_header": behind.then_some(LOCK_HEADER),
            "lock_secret_placeholder": behind.then_some(LOCK_PLACEHOLDER),
            // The policies of the templates forward what the viewer sent and what the function adds.
            "forwarded_headers": "all-viewer",
        })
    }

    /// Fields that the function adds: CloudFront drops those that no policy names.
    #[must_use]
    pub fn forwarded_headers(&self) -> Vec<String> {
        if !self.target.variant.sets_id() {
            return Vec::new();
        }
        vec![self.id_header.clone(), CLIENT_HEADER.to_owned()]
    }

    /// The web ACL as our own reader has it.
    ///
    /// # Errors
    /// When it cannot be read back: a fault of ours.
    pub fn web_acl_model(&self) -> Result<Vec<crate::waf::model::RuleSet>, CompileError> {
        let refused = |error: crate::waf::WafError| CompileError::WebAcl {
            findings: error.to_string(),
        };
        crate::waf::read("web-acl.json", &self.web_acl.to_string()).map_err(refused)
    }

    fn check_web_acl(&self) -> Result<(), CompileError> {
        let sets = self.web_acl_model()?;
        let findings = crate::waf::check::check(&sets, None);
        if crate::waf::check::has_errors(&findings) {
            let text = |one: &crate::waf::check::Finding| {
                format!("{} {}: {}", one.code, one.path, one.what)
            };
            let texts: Vec<String> = findings.iter().map(text).collect();
            return Err(CompileError::WebAcl {
                findings: texts.join("; "),
            });
        }
        Ok(())
    }
}

/// Twelve characters of a digest: a name, not a secret.
fn content_hash(text: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(text.as_bytes());
    data_encoding::HEXLOWER.encode(&digest[..6])
}
