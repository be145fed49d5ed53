//! What the environment says, checked. The one place that knows a variable's name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tollgate_aws::authorizer::{AuthorizerApi, TTL_S_MAX};
use tollgate_engine::Counting;
use tollgate_identity::{KeyId, KeyRing};
use zeroize::Zeroizing;

use crate::error::StartError;

/// All variables of ours: what they are, for docs/aws-lambda.md and for the error that lists them.
pub(crate) const VARIABLES: [&str; 12] = [
    CONFIG,
    BUCKET_KEYS,
    API,
    ANSWER,
    CACHE_TTL,
    COUNT,
    USAGE_KEY,
    PRINCIPAL,
    NAME_KEY,
    BASE_PATH,
    START_WAIT,
    LOG,
];
const CONFIG: &str = "TOLLGATE_CONFIG";
const BUCKET_KEYS: &str = "TOLLGATE_BUCKET_KEYS";
const API: &str = "TOLLGATE_API";
const ANSWER: &str = "TOLLGATE_ANSWER";
const CACHE_TTL: &str = "TOLLGATE_CACHE_TTL";
const COUNT: &str = "TOLLGATE_COUNT";
const USAGE_KEY: &str = "TOLLGATE_USAGE_KEY";
const PRINCIPAL: &str = "TOLLGATE_PRINCIPAL";
const NAME_KEY: &str = "TOLLGATE_NAME_KEY";
const BASE_PATH: &str = "TOLLGATE_BASE_PATH";
const START_WAIT: &str = "TOLLGATE_START_WAIT";
const LOG: &str = "TOLLGATE_LOG";
/// What all of them begin with; another is a slip of the pen.
const PREFIX: &str = "TOLLGATE_";

/// Where the policy is in a zip.
const CONFIG_DEFAULT: &str = "/var/task/tollgate.yaml";
/// How long the first keys are waited for; Lambda gives a start 10 s in all.
const START_WAIT_S_DEFAULT: u64 = 3;
const START_WAIT_S_MAX: u64 = 8;
/// The runtime's own words on every refusal would be one line a request.
const LOG_DEFAULT: &str = "info,lambda_runtime=off";

/// How payload 2.0 is answered; API Gateway must be told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerForm {
    Simple,
    Iam,
}

/// What `usageIdentifierKey` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageKey {
    Off,
    Plan,
    User,
}

/// What `principalId` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrincipalName {
    Alias,
    Subject,
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: PathBuf,
    pub(crate) bucket_keys: Option<Arc<KeyRing>>,
    /// The only kind of event that is answered, where one is said.
    pub(crate) api: Option<AuthorizerApi>,
    pub(crate) answer: AnswerForm,
    /// How long API Gateway keeps answers.
    pub(crate) ttl_s: u32,
    pub(crate) counting: Counting,
    pub(crate) usage_key: UsageKey,
    pub(crate) principal: PrincipalName,
    pub(crate) name_key: Option<KeyId>,
    /// What a custom domain puts before the paths of the API.
    pub(crate) base_path: Option<String>,
    pub(crate) start_wait: Duration,
    pub(crate) log: String,
}

/// Our variables as text.
struct Texts(BTreeMap<String, Zeroizing<String>>);

// === impl Settings ===

impl Settings {
    /// Reads the variables of ours among `environment`.
    pub(crate) fn read(
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, StartError> {
        let texts = Texts::of(environment)?;
        let api = texts.choice(
            API,
            "rest-token, rest-request, http-1.0 or http-2.0",
            |text| {
                Some(match text {
                    "rest-token" => AuthorizerApi::RestToken,
                    "rest-request" => AuthorizerApi::RestRequest,
                    "http-1.0" => AuthorizerApi::HttpV1,
                    "http-2.0" => AuthorizerApi::HttpV2,
                    _ => return None,
                })
            },
        )?;
        let answer = texts.choice(ANSWER, "simple or iam", |text| match text {
            "simple" => Some(AnswerForm::Simple),
            "iam" => Some(AnswerForm::Iam),
            _ => None,
        })?;
        let counting = texts.choice(COUNT, "off or instance", |text| match text {
            "off" => Some(Counting::Nothing),
            "instance" => Some(Counting::Charge),
            _ => None,
        })?;
        let usage_key = texts.choice(USAGE_KEY, "off, plan or user", |text| match text {
            "off" => Some(UsageKey::Off),
            "plan" => Some(UsageKey::Plan),
            "user" => Some(UsageKey::User),
            _ => None,
        })?;
        let principal = texts.choice(PRINCIPAL, "alias or subject", |text| match text {
            "alias" => Some(PrincipalName::Alias),
            "subject" => Some(PrincipalName::Subject),
            _ => None,
        })?;
        let ttl_s = texts.choice(CACHE_TTL, "seconds, at most 3600", |text| {
            text.parse().ok().filter(|ttl_s| *ttl_s <= TTL_S_MAX)
        })?;
        let start_wait_s = texts.choice(START_WAIT, "seconds, at most 8", |text| {
            text.parse()
                .ok()
                .filter(|wait_s| *wait_s <= START_WAIT_S_MAX)
        })?;
        let base_path = texts.choice(BASE_PATH, "a path, as `/v1`", |text| {
            let path = text.strip_suffix('/').unwrap_or(text);
            (path.starts_with('/') && path.len() > 1).then(|| path.to_owned())
        })?;
        let name_key = texts.choice(NAME_KEY, "the kid of a key in the ring", KeyId::new)?;
        let bucket_keys = texts.get(BUCKET_KEYS).map(KeyRing::parse).transpose();
        Ok(Self {
            config: texts.get(CONFIG).unwrap_or(CONFIG_DEFAULT).into(),
            bucket_keys: bucket_keys.map_err(StartError::BucketKeys)?.map(Arc::new),
            api,
            answer: answer.unwrap_or(AnswerForm::Simple),
            ttl_s: ttl_s.unwrap_or(0),
            counting: counting.unwrap_or(Counting::Nothing),
            usage_key: usage_key.unwrap_or(UsageKey::Off),
            principal: principal.unwrap_or(PrincipalName::Alias),
            name_key,
            base_path,
            start_wait: Duration::from_secs(start_wait_s.unwrap_or(START_WAIT_S_DEFAULT)),
            log: texts.get(LOG).unwrap_or(LOG_DEFAULT).to_owned(),
        })
    }
}

// === impl Texts ===

impl Texts {
    fn of(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, StartError> {
        let mut texts = BTreeMap::new();
        for (name, value) in environment {
            let name = name.to_string_lossy();
            if !name.starts_with(PREFIX) {
                continue;
            }
            if !VARIABLES.contains(&&*name) {
                return Err(StartError::UnknownVariable(name.into_owned()));
            }
            let value = value.into_string();
            let value = value.map_err(|_| StartError::NotText(name.clone().into_owned()))?;
            texts.insert(name.into_owned(), Zeroizing::new(value));
        }
        Ok(Self(texts))
    }

    /// A variable; one that is empty counts as one that is not set, which templates cannot always do.
    fn get(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name).map(|text| text.as_str());
        text.filter(|text| !text.is_empty())
    }

    fn choice<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StartError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(StartError::Variable {
                name,
                value: text.to_owned(),
                expected,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, StartError> {
        let pairs = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Settings::read(pairs)
    }

    #[test]
    fn nothing_set_is_the_careful_choice() {
        let settings = read(&[("PATH", "/bin")]).unwrap();
        assert_eq!(settings.config, PathBuf::from("/var/task/tollgate.yaml"));
        assert_eq!((settings.api, settings.ttl_s), (None, 0));
        assert_eq!(settings.counting, Counting::Nothing);
        assert_eq!(settings.principal, PrincipalName::Alias);
        assert_eq!(settings.usage_key, UsageKey::Off);
        assert_eq!(settings.start_wait, Duration::from_secs(3));
    }

    #[test]
    fn what_says_nothing_is_told_with_what_would() {
        for (name, value) in [
            (API, "rest"),
            (ANSWER, "policy"),
            (CACHE_TTL, "3601"),
            (CACHE_TTL, "-1"),
            (COUNT, "yes"),
            (USAGE_KEY, "account"),
            (PRINCIPAL, "sub"),
            (NAME_KEY, "K1"),
            (BASE_PATH, "v1"),
            (START_WAIT, "9"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{name}` is `{value}`; expected ")),
                "{error}"
            );
        }
        let error = read(&[("TOLLGATE_CACHE", "1")]).unwrap_err();
        assert!(matches!(error, StartError::UnknownVariable(name) if name == "TOLLGATE_CACHE"));
    }

    #[test]
    fn an_error_about_the_ring_shows_no_secret() {
        let error = read(&[(BUCKET_KEYS, "k1 s3cr3t - - current")]).unwrap_err();
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
}
