//! `tollgate token check`: what the gateway would say of a token, and why.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};
use tollgate_engine::{Engine, EngineError, EngineOptions, Snapshot};
use tollgate_fetch::Keepers;
use tollgate_identity::token::{TOKEN_BYTES_MAX, unverified, verify_jws};
use tollgate_identity::{
    Algorithm, IssuerRules, KeyHolder, KeyRing, LocalKeys, TokenError, TokenVerdict, User,
    Verifier, VerifierConfig,
};
use tollgate_limiter::{Clock, SystemClock};
use tollgate_policy::Policy;

use crate::cli::TokenArgs;
use crate::failure::Failure;

/// How long an issuer's keys are waited for.
const KEYS_WAIT_MAX: Duration = Duration::from_secs(10);

/// Without a policy no token lives too long.
const LIFETIME_S_MAX: u64 = u64::MAX / 4;

/// As an issuer's without `leeway:` in a policy.
const LEEWAY_S: u64 = 60;

/// What tokens are checked against.
enum Against {
    /// A policy, with what fetches its issuers' keys.
    Policy(Box<PolicyKeys>),
    /// The claims and the signature, under the keys of a file.
    Keys {
        holder: Arc<KeyHolder>,
        issuer: Option<String>,
        audience: Option<String>,
    },
    /// The signature alone, under the keys of a file.
    Signature(LocalKeys),
}

pub(crate) struct PolicyKeys {
    snapshot: Arc<Snapshot>,
    /// Keys are fetched while something is waited for on it.
    runtime: tokio::runtime::Runtime,
    _keepers: Keepers,
}

pub(crate) fn run(args: &TokenArgs) -> Result<(), Failure> {
    let against = Against::of(args)?;
    let now_s = args
        .at
        .unwrap_or_else(|| SystemClock::new().now().unix_ms / 1_000);
    let out = &mut io::stdout().lock();
    let mut all_valid = true;
    let mut answer = |token: Result<&str, TokenError>| {
        let line = match token {
            Ok(token) => against.check(token, now_s),
            Err(reason) => invalid(reason),
        };
        all_valid &= line.get("verdict") == Some(&json!("valid"));
        writeln!(out, "{}", Value::Object(line))
    };
    let written = if args.tokens.is_empty() {
        each_line(&mut io::stdin().lock(), &mut answer)
    } else {
        let mut tokens = args.tokens.iter();
        tokens.try_for_each(|token| answer(Ok(token)))
    };
    match written {
        // A reader that has seen enough (`| head`) is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        other => other.map_err(Failure::system("read tokens and write verdicts"))?,
    }
    if all_valid {
        return Ok(());
    }
    Err(Failure::NotHeld("not every token is valid".into()))
}

/// Hands over each line without its end, also an empty one: a line out for a line in. Of a line
/// that is longer than any token only so much is kept as shows it.
fn each_line(
    input: &mut impl BufRead,
    answer: &mut impl FnMut(Result<&str, TokenError>) -> io::Result<()>,
) -> io::Result<()> {
    let longest = TOKEN_BYTES_MAX as u64 + 2;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(longest).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            line.pop_if(|last| *last == b'\r');
        } else if line.len() as u64 == longest {
            input.skip_until(b'\n')?;
        }
        match str::from_utf8(&line) {
            _ if line.len() > TOKEN_BYTES_MAX => answer(Err(TokenError::TooLarge))?,
            Ok(token) => answer(Ok(token))?,
            Err(_) => answer(Err(TokenError::Encoding))?,
        }
    }
}

// === impl Against ===

impl Against {
    fn of(args: &TokenArgs) -> Result<Self, Failure> {
        let Some(path) = &args.jwks else {
            return PolicyKeys::load(&args.policy.config).map(|keys| Self::Policy(Box::new(keys)));
        };
        let json = std::fs::read(path).map_err(Failure::system(format!(
            "read the key set {}",
            path.display()
        )))?;
        let keys = LocalKeys::parse(&json).map_err(|error| not_a_key_set(path, &error))?;
        for (why, count) in keys.ignored() {
            anstream::eprintln!("warning: {}: keys ignored: {count} ({why})", path.display());
        }
        if args.jws {
            return Ok(Self::Signature(keys));
        }
        if args.issuer.is_none() || args.audience.is_none() {
            anstream::eprintln!(
                "note: who issued a token and whom it is for are its own word, where --issuer and \
                 --audience are not given"
            );
        }
        Ok(Self::Keys {
            holder: KeyHolder::of_file(path.display().to_string(), keys),
            issuer: args.issuer.clone(),
            audience: args.audience.clone(),
        })
    }

    fn check(&self, token: &str, now_s: u64) -> Map<String, Value> {
        let verdict = match self {
            Self::Signature(keys) => match verify_jws(token, keys) {
                Ok(payload) => return signed(token, &payload),
                Err(reason) => TokenVerdict::Invalid(reason),
            },
            Self::Policy(keys) => keys.verdict(token, now_s),
            Self::Keys {
                holder,
                issuer,
                audience,
            } => {
                let rules = own_word(token, holder.clone(), issuer.as_ref(), audience.as_ref());
                verifier(rules).map_or(TokenVerdict::Invalid(TokenError::UnknownIssuer), |known| {
                    known.verify(token, now_s)
                })
            }
        };
        match verdict {
            TokenVerdict::Valid(user) => valid(token, &user),
            TokenVerdict::Invalid(reason) => with_own_word(token, invalid(reason)),
            TokenVerdict::KeysPending { .. }
            | TokenVerdict::KeysUnavailable { .. }
            | TokenVerdict::OverBudget => with_own_word(
                token,
                fields(json!({
                    "verdict": "undecided",
                    "reason": "keys_unavailable",
                    "description": "the issuer's keys could not be fetched",
                })),
            ),
        }
    }
}

// === impl PolicyKeys ===

impl PolicyKeys {
    pub(crate) fn load(config: &Path) -> Result<Self, Failure> {
        let policy = Policy::load(config).map_err(Failure::Policy)?;
        if !policy.warnings().is_empty() {
            anstream::eprint!("{}", policy.warnings().render(true));
        }
        // No bucket is named here: any keys will do.
        let options = EngineOptions {
            bucket_keys: Some(Arc::new(KeyRing::ephemeral().map_err(EngineError::from)?)),
            ..EngineOptions::default()
        };
        let snapshot = Engine::new(policy, options)?.snapshot();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::system("set up the fetching of keys"))?;
        let entered = runtime.enter();
        let mut keepers = Keepers::new()?;
        keepers.follow(&snapshot);
        drop(entered);
        Ok(Self {
            snapshot,
            runtime,
            _keepers: keepers,
        })
    }

    /// The verdict, once the keys that it takes are there or were waited for.
    pub(crate) fn verdict(&self, token: &str, now_s: u64) -> TokenVerdict {
        let verifier = self.snapshot.verifier();
        let waited = async {
            loop {
                match verifier.verify(token, now_s) {
                    TokenVerdict::KeysPending { issuer } => {
                        if let Some(keys) = verifier.keys(issuer) {
                            keys.changed(keys.generation()).await;
                        }
                    }
                    verdict => return verdict,
                }
            }
        };
        let bounded = async { tokio::time::timeout(KEYS_WAIT_MAX, waited).await };
        self.runtime
            .block_on(bounded)
            .unwrap_or(TokenVerdict::KeysUnavailable { issuer: 0 })
    }
}

// === what is said ===

fn valid(token: &str, user: &User) -> Map<String, Value> {
    let (_, claims) = own_words(token);
    let mut line = fields(json!({
        "verdict": "valid",
        "issuer": &*user.issuer,
        "subject": &*user.subject,
        "account": user.account.as_deref(),
        "plan": user.plan.as_deref(),
        "expires": user.expires_unix_s,
    }));
    line.extend(claims.map(|claims| ("claims".to_owned(), claims)));
    line
}

fn signed(token: &str, payload: &[u8]) -> Map<String, Value> {
    let (header, claims) = own_words(token);
    let mut line = fields(json!({ "verdict": "valid", "header": header }));
    let (name, value) = match claims {
        Some(claims) => ("claims", claims),
        None => match str::from_utf8(payload) {
            Ok(text) => ("payload", json!(text)),
            Err(_) => ("payload_base64url", json!(BASE64URL_NOPAD.encode(payload))),
        },
    };
    line.insert(name.to_owned(), value);
    line
}

fn invalid(reason: TokenError) -> Map<String, Value> {
    fields(json!({
        "verdict": "invalid",
        "reason": reason.code(),
        "description": reason.description(),
    }))
}

/// Adds what the token says of itself, as far as it can be read.
fn with_own_word(token: &str, mut line: Map<String, Value>) -> Map<String, Value> {
    let (header, claims) = own_words(token);
    let parts = [("unverified_header", header), ("unverified_claims", claims)];
    line.extend(
        parts
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    line
}

/// Header and payload, where they are JSON.
fn own_words(token: &str) -> (Option<Value>, Option<Value>) {
    let Ok((header, claims)) = unverified(token) else {
        return (None, None);
    };
    let object = |text: &[u8]| {
        let value: Value = serde_json::from_slice(text).ok()?;
        value.is_object().then_some(value)
    };
    (object(&header), object(&claims))
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            fields
        }
        _ => Map::new(),
    }
}

// === keys of a file ===

/// Rules that take a token's own word for its issuer and audience, where none is given. A token
/// that has none is refused for that.
fn own_word(
    token: &str,
    keys: Arc<KeyHolder>,
    issuer: Option<&String>,
    audience: Option<&String>,
) -> IssuerRules {
    let (_, claims) = own_words(token);
    // The claim's text, or the first of its texts; else a name that no token has.
    let said = |name: &str| {
        let value = claims.as_ref().and_then(|claims| claims.get(name));
        let text = value.and_then(|value| value.as_str().or_else(|| value.get(0)?.as_str()));
        text.filter(|text| !text.is_empty())
            .unwrap_or("\0")
            .to_owned()
    };
    IssuerRules {
        issuer: issuer.cloned().unwrap_or_else(|| said("iss")),
        audiences: vec![audience.cloned().unwrap_or_else(|| said("aud"))],
        algorithms: Algorithm::ALL
            .into_iter()
            .filter(|algorithm| !algorithm.is_symmetric())
            .collect(),
        leeway_s: LEEWAY_S,
        required_claims: Vec::new(),
        subject_claim: "sub".to_owned(),
        client_claim: None,
        account_claim: None,
        plan_claim: None,
        typ: None,
        max_lifetime_s: LIFETIME_S_MAX,
        secret: None,
        keys,
    }
}

fn verifier(rules: IssuerRules) -> Option<Verifier> {
    Verifier::new(VerifierConfig {
        issuers: vec![rules],
        cache_entries: 0,
        negative_ttl_s: 0,
        hash_key: [0; 16],
    })
    .ok()
}

fn not_a_key_set(path: &Path, error: &tollgate_identity::KeySetError) -> Failure {
    let source = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    Failure::system(format!("take the keys of {}", path.display()))(source)
}
