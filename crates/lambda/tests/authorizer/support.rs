//! A function with a policy, an issuer and a ring; what it says, and the ids that its users have.

use std::path::Path;

use serde_json::Value;
use tollgate_aws::authorizer::AuthorizerApi;
use tollgate_identity::{KeyRing, LimitClass, bucket_id};
use tollgate_testkit::lambda::{Function, FunctionLaunch, Invoked};
use tollgate_testkit::{Issuer, TestkitError};

pub(crate) const RING: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 - current\n";
pub(crate) const BEFORE: &str = "edge: {before: {}}\n";

/// Routes and plans of every policy here.
const REST: &str = "routes:
  - GET /orders/{order_id}
  - POST /orders/{order_id}
  - GET /orders/{order_id}/lines
  - GET /items/{id}
  - ANY /any/{id}
plans:
  std: {class: std, limits: [{name: few, window: 2/h}]}
  gold: {class: gold, limits: [{name: more, window: 1000/h}]}
default_plan: std
";

/// What a function is started with.
#[derive(Clone)]
pub(crate) struct Setup<'a> {
    /// Further members of `identity`, each line with two spaces before it.
    pub(crate) identity: &'a str,
    /// Further sections.
    pub(crate) sections: &'a str,
    /// Further members of the issuer, after a comma.
    pub(crate) issuer: &'a str,
    pub(crate) files: &'a [(&'a str, &'a str)],
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

/// A function and the issuer of its users' tokens.
pub(crate) struct Bench {
    pub(crate) issuer: Issuer,
    pub(crate) function: Function,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            identity: "",
            sections: "",
            issuer: ", jwks: {file: jwks.json}",
            files: &[],
            variables: &[],
        }
    }
}

impl Setup<'_> {
    pub(crate) fn policy(&self, issuer: &Issuer) -> String {
        format!(
            "tollgate: 1\norigin: http://127.0.0.1:9\nidentity:\n  bucket_keys: environment\n  issuers:\n    \
             - {{issuer: '{}', audience: '{}', algorithms: [EdDSA], claims: {{account: accountId, plan: plan}}{}}}\n\
             {}{}{REST}",
            issuer.url(),
            Issuer::AUDIENCE,
            self.issuer,
            self.identity,
            self.sections,
        )
    }

    pub(crate) fn launch(&self, issuer: &Issuer) -> Result<Function, TestkitError> {
        let (policy, jwks) = (self.policy(issuer), issuer.jwks().to_string());
        let mut files = vec![("tollgate.yaml", &*policy), ("jwks.json", &*jwks)];
        files.extend_from_slice(self.files);
        let mut variables = vec![
            ("TOLLGATE_CONFIG", "tollgate.yaml"),
            ("TOLLGATE_BUCKET_KEYS", RING),
        ];
        variables.extend_from_slice(self.variables);
        FunctionLaunch {
            binary: Path::new(env!("CARGO_BIN_EXE_tollgate-lambda")),
            files: &files,
            variables: &variables,
        }
        .launch()
    }

    pub(crate) fn bench(&self) -> Bench {
        let issuer = Issuer::start().unwrap();
        let function = self.launch(&issuer).unwrap();
        Bench { issuer, function }
    }
}

impl Bench {
    pub(crate) fn token(&self, subject: &str) -> String {
        self.issuer.token(subject).mint()
    }

    /// The id of a user on a route, as its client makes it from its root.
    pub(crate) fn id(&self, subject: &str, method: &str, template: &str) -> String {
        let root = KeyRing::parse(RING)
            .unwrap()
            .root(self.issuer.url(), subject, None);
        let class = LimitClass::new("std").unwrap();
        bucket_id(&root, &class, method, template).to_string()
    }

    /// The root of a user, as a cookie holds it.
    pub(crate) fn root(&self, subject: &str) -> String {
        let ring = KeyRing::parse(RING).unwrap();
        let root = ring.root(self.issuer.url(), subject, None);
        root.presentable(&LimitClass::new("std").unwrap())
    }

    pub(crate) fn invoke(&self, event: &Value) -> Invoked {
        self.function.invoke(event)
    }

    /// The document that it answers with.
    pub(crate) fn document(&self, event: &Value) -> Value {
        match self.invoke(event) {
            Invoked::Answered(document) => document,
            other => panic!("{other:?}: {}", self.function.output()),
        }
    }
}

/// `Allow`, `Deny` or the message of a failure; with the reason of a refusal.
pub(crate) fn said(outcome: &Invoked) -> String {
    match outcome {
        Invoked::Failed(message) => message.clone(),
        Invoked::Silent => "silent".to_owned(),
        Invoked::Answered(document) => {
            let effect = document["policyDocument"]["Statement"][0]["Effect"].as_str();
            let effect = effect.unwrap_or(match document["isAuthorized"].as_bool() {
                Some(true) => "Allow",
                Some(false) => "Deny",
                None => "nothing",
            });
            match document["context"]["reason"].as_str() {
                Some(reason) => format!("{effect} {reason}"),
                None => effect.to_owned(),
            }
        }
    }
}

/// What an unauthenticated caller gets of each kind.
pub(crate) fn unauthorized(api: AuthorizerApi) -> &'static str {
    match api {
        AuthorizerApi::HttpV2 => "Deny unauthorized",
        _ => "Unauthorized",
    }
}
