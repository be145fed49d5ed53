//! A case as a file has it, read strictly: an unknown key is an error.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A file of cases under one policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Sections of the policy beside those of the stage.
    policy: String,
    /// Members of `identity` beside the stage's; an anonymous plan by default.
    #[serde(default)]
    identity: Option<String>,
    /// Seconds since 1970; the machine's time by default, which all frontends can be shown.
    #[serde(default)]
    clock_unix_s: Option<u64>,
    cases: Vec<RawCase>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    steps: Vec<Step>,
}

/// A policy, and requests in their order.
#[derive(Debug)]
pub struct Case {
    /// What it shows; no two have the same.
    pub name: String,
    /// Where it stands.
    pub file: PathBuf,
    /// Sections of the policy beside those of the stage.
    pub policy: String,
    /// Members of `identity` beside the stage's.
    pub identity: String,
    /// When it begins; now where nothing is said.
    pub clock_unix_s: Option<u64>,
    /// Its requests.
    pub steps: Vec<Step>,
}

/// One request, or the same several times.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Seconds that pass before it.
    #[serde(default)]
    pub after_s: f64,
    /// Claims of the caller's token: a `sub`, or a map. Nobody by default.
    #[serde(default, rename = "as")]
    pub claims: Value,
    /// What is wrong with the token.
    #[serde(default)]
    pub token: Signed,
    /// Shows the token of the step before once more.
    #[serde(default)]
    pub same_token: bool,
    /// `METHOD /path?query`, with `N x` before it to send it so often.
    pub send: String,
    /// Further header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Where the client is.
    #[serde(default = "somewhere")]
    pub from: IpAddr,
    /// Of each of them.
    pub expect: Expected,
}

/// What is to become of a request. What is not named is not compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Always.
    pub verdict: Verdict,
    /// What is left of limits by name, after the last one of the step.
    #[serde(default)]
    pub left: BTreeMap<String, u64>,
    /// `Retry-After`, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Fields of the answer that the client gets; `null`: not there.
    #[serde(default)]
    pub fields: BTreeMap<String, Option<String>>,
    /// Fields that the origin gets; `null`: not there.
    #[serde(default)]
    pub forwarded: BTreeMap<String, Option<String>>,
    /// The path that goes to the origin, with its query.
    #[serde(default)]
    pub target: Option<String>,
    /// Members of the problem document.
    #[serde(default)]
    pub problem: BTreeMap<String, Value>,
    /// Class and template of the bucket id.
    #[serde(default)]
    pub bucket: Option<Bucket>,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// By the issuer.
    #[default]
    Rightly,
    /// With a secret that is not the issuer's.
    ByAnother,
    /// Not at all: `alg: none`.
    NotAtAll,
    /// By the issuer, and the last letter of the signature changed.
    AndChanged,
    /// By the issuer, and the claims changed then.
    ForOthers,
}

/// Of whom and for what a bucket id is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The plan's class.
    pub class: String,
    /// `METHOD /template`.
    pub route: String,
}

/// A verdict, in the words that all frontends have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes on.
    Allow,
    /// 429.
    Limit,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 400.
    BadRequest,
    /// 503.
    Unavailable,
}

fn somewhere() -> IpAddr {
    IpAddr::from([203, 0, 113, 7])
}

/// What `identity` has besides where a file says nothing: a plan for anonymous callers.
const IDENTITY: &str = "  anonymous: {plan: anonymous}\n";

// === impl Verdict ===

impl Verdict {
    /// The verdict behind a status.
    ///
    /// # Panics
    /// On any other: an origin of the suite answers 200 only.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::Limit,
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            400 => Self::BadRequest,
            503 => Self::Unavailable,
            200 => Self::Allow,
            other => panic!("{other} is no verdict's status"),
        }
    }
}

/// All cases, in the order of their files.
#[must_use]
pub fn all_cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases: Vec<Case> = files.iter().flat_map(|file| of_file(file)).collect();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1], "two cases have one name");
    }
    cases
}

fn of_file(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let file: File =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases = file.cases.into_iter().map(|case| Case {
        name: case.name,
        file: path.to_owned(),
        policy: file.policy.clone(),
        identity: file.identity.clone().unwrap_or_else(|| IDENTITY.to_owned()),
        clock_unix_s: file.clock_unix_s,
        steps: case.steps,
    });
    cases.collect()
}
