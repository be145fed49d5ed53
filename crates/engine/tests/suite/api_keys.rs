//! API keys: users of a file, beside those of issuers.

use std::path::PathBuf;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_engine::{
    AnswerContext, Decision, Engine, Principal, Rejection, Unauthenticated, Verdict,
};
use tollgate_identity::{ApiKeyError, ApiKeysText, CredentialError, NewApiKey};

use crate::support::{Ask, Bench, REST, START_UNIX_S, options, parse, policy_text};

/// A gateway with a file of keys; the bench's issuer is there as well.
struct Keyed {
    bench: Bench,
    file: PathBuf,
    text: ApiKeysText,
    _folder: TempDir,
}

/// Nobody's key, of the right shape.
const UNKNOWN: &str = "tgk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

impl Keyed {
    fn new() -> Self {
        Self::with("", REST)
    }

    /// With more lines of `identity`, and another rest.
    fn with(identity: &str, rest: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("api-keys.txt");
        let text = ApiKeysText::empty();
        write(&file, &text);
        let identity = format!("  api_keys: {{file: {}}}\n{identity}", file.display());
        Self {
            bench: Bench::with_identity(rest, &identity),
            file,
            text,
            _folder: folder,
        }
    }

    /// A new key, in force at once.
    fn key(&mut self, new: &NewApiKey<'_>) -> String {
        let key = self.text.add(new).unwrap().expose().to_string();
        self.reload();
        key
    }

    fn key_of(&mut self, subject: &str) -> String {
        self.key(&NewApiKey {
            subject,
            account: None,
            plan: None,
            not_after_s: None,
        })
    }

    /// What the gateway does when the file changes.
    fn reload(&self) {
        write(&self.file, &self.text);
        let policy = self.bench.engine.snapshot().policy().clone();
        self.bench.engine.reload(policy).unwrap();
    }

    fn reason(&self, ask: &Ask) -> Option<ApiKeyError> {
        match self.bench.decide(ask).verdict {
            Verdict::Unauthenticated(Unauthenticated::InvalidApiKey(error)) => Some(error),
            _ => None,
        }
    }
}

fn write(file: &PathBuf, text: &ApiKeysText) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, text.as_bytes()).unwrap();
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
}

fn get() -> Ask {
    Ask::new("GET", "/orders")
}

fn with_key(key: &str) -> Ask {
    get().header("x-api-key", key)
}

fn rejected(decision: &Decision) -> Option<CredentialError> {
    match decision.verdict {
        Verdict::BadRequest(Rejection::Credential(error)) => Some(error),
        _ => None,
    }
}

#[test]
fn each_subject_has_a_bucket_and_its_keys_share_it() {
    let mut keyed = Keyed::new();
    let (one, two, other) = (
        keyed.key_of("job"),
        keyed.key_of("job"),
        keyed.key_of("eve"),
    );
    assert_eq!(keyed.bench.allowed(&with_key(&one), 2), 2);
    assert_eq!(keyed.bench.allowed(&with_key(&two), 5), 1);
    assert_eq!(keyed.bench.allowed(&with_key(&other), 5), 3);
    let stats = keyed.bench.engine.snapshot().api_key_stats().unwrap();
    assert_eq!((stats.keys, stats.valid), (3, 12));
}

#[test]
fn the_same_subject_of_an_issuer_is_another_user() {
    let mut keyed = Keyed::new();
    let key = keyed.key_of("job");
    assert_eq!(keyed.bench.allowed(&with_key(&key), 5), 3);
    let token = keyed.bench.user("job");
    assert_eq!(keyed.bench.allowed(&get().bearer(&token), 5), 3);
    let Principal::User(user) = keyed.bench.decide(&with_key(&key)).principal else {
        panic!("not a user");
    };
    assert_eq!(&*user.issuer, "urn:tollgate:api-key");
    let id = |ask: &Ask| {
        let decision = keyed.bench.decide(ask);
        decision.snapshot.bucket_id(&decision).unwrap()
    };
    assert_ne!(id(&with_key(&key)), id(&get().bearer(&token)));
}

#[test]
fn the_plan_of_the_line_counts_else_the_default_plan() {
    let mut keyed = Keyed::new();
    for (plan, expected) in [
        (None, "standard"),
        (Some("gold"), "gold"),
        (Some("nowhere"), "standard"),
    ] {
        let new = NewApiKey {
            subject: "job",
            account: None,
            plan,
            not_after_s: None,
        };
        let key = keyed.key(&new);
        let decision = keyed.bench.decide(&with_key(&key));
        assert_eq!(decision.plan_name(), Some(expected), "{plan:?}");
    }
}

#[test]
fn an_unknown_key_is_401_and_names_itself_nowhere() {
    let keyed = Keyed::new();
    let decision = keyed.bench.decide(&with_key(UNKNOWN));
    assert!(matches!(decision.principal, Principal::Unknown));
    let answer = decision.answer(&AnswerContext::default()).unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.headers()[WWW_AUTHENTICATE],
        "Bearer realm=\"tollgate\""
    );
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["detail"], "the API key is not known");
    assert!(!format!("{answer:?} {decision:?}").contains(&UNKNOWN[4..]));
    assert_eq!(
        keyed.reason(&with_key("short")),
        Some(ApiKeyError::Malformed)
    );
    assert_eq!(keyed.reason(&with_key("")), Some(ApiKeyError::Malformed));
}

#[test]
fn failed_keys_spend_the_networks_budget_and_good_ones_pass() {
    let budget = "  failed_verifications: {rate: 6/min, burst: 3}\n";
    let mut keyed = Keyed::with(budget, REST);
    let key = keyed.key_of("job");
    assert_eq!(keyed.bench.allowed(&with_key(&key), 1), 1);
    assert_eq!(keyed.reason(&with_key(UNKNOWN)), Some(ApiKeyError::Unknown));
    assert_eq!(
        keyed.reason(&with_key("short")),
        Some(ApiKeyError::Malformed)
    );
    assert_eq!(keyed.reason(&with_key(UNKNOWN)), Some(ApiKeyError::Unknown));
    // A new token of that network waits; a known key does not.
    let token = keyed.bench.user("bob");
    for ask in [with_key(UNKNOWN), get().bearer(&token)] {
        let decision = keyed.bench.decide(&ask);
        assert!(matches!(decision.verdict, Verdict::Limit { .. }));
        let violated = decision.violated().unwrap();
        assert_eq!(&*violated.limit.name, "failed-verifications");
    }
    let stats = keyed.bench.engine.snapshot().api_key_stats().unwrap();
    assert_eq!(stats.over_budget, 1);
    assert_eq!(keyed.bench.allowed(&with_key(&key), 1), 1);
    keyed.bench.advance(10_000);
    assert_eq!(keyed.reason(&with_key(UNKNOWN)), Some(ApiKeyError::Unknown));
}

#[test]
fn a_key_expires_on_the_second() {
    let mut keyed = Keyed::new();
    let key = keyed.key(&NewApiKey {
        subject: "job",
        account: None,
        plan: None,
        not_after_s: Some(START_UNIX_S + 60),
    });
    keyed.bench.advance(59_999);
    assert_eq!(keyed.bench.allowed(&with_key(&key), 1), 1);
    keyed.bench.advance(1);
    assert_eq!(keyed.reason(&with_key(&key)), Some(ApiKeyError::Expired));
}

#[test]
fn two_keys_or_a_key_and_a_token_are_400() {
    let mut keyed = Keyed::new();
    let key = keyed.key_of("job");
    let token = keyed.bench.user("bob");
    let reject = |ask: Ask| rejected(&keyed.bench.decide(&ask));
    let twice = with_key(&key).header("x-api-key", &key);
    assert_eq!(reject(twice), Some(CredentialError::SeveralKeys));
    let joined = with_key(&format!("{key}, {key}"));
    assert_eq!(reject(joined), Some(CredentialError::JoinedKeys));
    for authorization in [&*format!("Bearer {token}"), "bearer x", "Bearer ", ""] {
        let both = with_key(&key).header("authorization", authorization);
        assert_eq!(reject(both), Some(CredentialError::TokenAndKey));
    }
    let both = with_key("").bearer(&token);
    assert_eq!(reject(both), Some(CredentialError::TokenAndKey));
    let malformed = with_key(&key).header("authorization", "Bearer a b");
    assert_eq!(reject(malformed), Some(CredentialError::Syntax));
    // What is for the origin alone is no second caller.
    let basic = with_key(&key).header("authorization", "Basic YTpi");
    assert_eq!(keyed.bench.allowed(&basic, 1), 1);
}

#[test]
fn a_revoked_key_is_refused_from_the_reload_on_and_the_count_stays() {
    let mut keyed = Keyed::new();
    let (old, new) = (keyed.key_of("job"), keyed.key_of("job"));
    assert_eq!(keyed.bench.allowed(&with_key(&old), 2), 2);
    let digest = keyed.text.keys().next().unwrap().digest;
    keyed.text.revoke_digest(&digest).unwrap();
    keyed.reload();
    assert_eq!(keyed.reason(&with_key(&old)), Some(ApiKeyError::Unknown));
    assert_eq!(keyed.bench.allowed(&with_key(&new), 5), 1);
    // The last one too.
    keyed.text.revoke_subject("job").unwrap();
    keyed.reload();
    assert_eq!(keyed.reason(&with_key(&new)), Some(ApiKeyError::Unknown));
}

#[test]
fn a_file_that_cannot_be_read_keeps_the_policy_in_force() {
    let mut keyed = Keyed::new();
    let key = keyed.key_of("job");
    std::fs::write(&keyed.file, "nonsense\n").unwrap();
    let policy = keyed.bench.engine.snapshot().policy().clone();
    let error = keyed.bench.engine.reload(policy).unwrap_err().to_string();
    assert!(error.contains("api-keys.txt: line 1: "), "{error}");
    assert_eq!(keyed.bench.allowed(&with_key(&key), 1), 1);
}

#[test]
fn an_invalid_key_may_be_made_anonymous_by_the_policy() {
    let keyed = Keyed::with("  invalid_token: anonymous\n", REST);
    let decision = keyed.bench.decide(&with_key(UNKNOWN));
    assert_eq!(decision.plan_name(), Some("anonymous"));
    assert!(matches!(decision.principal, Principal::Anonymous(_)));
}

#[test]
fn keys_need_no_issuer_and_a_caller_without_one_is_told_so() {
    let mut keyed = Keyed::new();
    let key = keyed.key_of("job");
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1:9\nidentity: {{api_keys: {{file: {}, header: X-Key}}}}\n{REST}",
        keyed.file.display()
    );
    let engine = Engine::new(parse(&text), options()).unwrap();
    keyed.bench = Bench {
        engine,
        ..Bench::usual()
    };
    let ask = get().header("x-key", &key);
    assert_eq!(keyed.bench.allowed(&ask, 5), 3);
    // The field of the default name means nothing here.
    let answer = keyed.bench.decide(&with_key(&key));
    let answer = answer.answer(&AnswerContext::default()).unwrap();
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["detail"], "an API key is required");
}

#[test]
fn without_api_keys_in_the_policy_the_field_is_the_origins_own() {
    let key = tollgate_testkit::SigningKey::generate("k1", tollgate_testkit::Algorithm::EdDsa);
    let engine = Engine::new(parse(&policy_text(&key, REST)), options()).unwrap();
    let bench = Bench {
        engine,
        key,
        ..Bench::usual()
    };
    let ask = with_key("anything").header("x_api_key", "else");
    let decision = bench.decide(&ask.bearer(&bench.user("bob")));
    assert!(matches!(decision.verdict, Verdict::Allow));
    assert!(decision.snapshot.api_key_stats().is_none());
}

#[test]
fn the_origin_sees_the_key_only_where_it_sees_authorization() {
    let forwarded = |keyed: &Keyed, key: &str| -> HeaderMap {
        let ask = with_key(key)
            .header("x_api_key", "other")
            .header("x-api_key", "third");
        let decision = keyed.bench.decide(&ask);
        let mut headers = ask.headers();
        decision.forward_headers(&mut headers);
        headers
    };
    let mut keyed = Keyed::new();
    let key = keyed.key(&NewApiKey {
        subject: "job",
        account: Some("acme"),
        plan: None,
        not_after_s: None,
    });
    let headers = forwarded(&keyed, &key);
    let text = json!({
        "key": headers["x-api-key"].to_str().unwrap(),
        "subject": headers["x-tollgate-subject"].to_str().unwrap(),
        "account": headers["x-tollgate-account"].to_str().unwrap(),
    });
    assert_eq!(
        text,
        json!({"key": key, "subject": "job", "account": "acme"})
    );
    assert_eq!(headers.len(), 4, "{headers:?}");

    let mut keyed = Keyed::with("", &format!("{REST}forward: {{authorization: false}}\n"));
    let key = keyed.key_of("job");
    let headers = forwarded(&keyed, &key);
    let left: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(left, ["x-tollgate-subject", "x-tollgate-plan"]);
}

#[test]
fn a_key_comes_before_a_token_that_only_a_cookie_holds() {
    let mut keyed = Keyed::with("  token_cookie: session\n", REST);
    let key = keyed.key_of("job");
    let cookie = format!("session={}", keyed.bench.user("bob"));
    let both = with_key(&key).header("cookie", &cookie);
    assert_eq!(keyed.bench.allowed(&both, 9), 3);
    let mut sent = both.headers();
    keyed.bench.decide(&both).forward_headers(&mut sent);
    assert!(!sent.contains_key("cookie"), "the origin sees one caller");
    let bob = get().header("cookie", &cookie);
    assert_eq!(keyed.bench.allowed(&bob, 1), 1, "his bucket is untouched");
}
