//! What every frontend is given: a policy with its files, tokens, and a clock that stands still.

use std::cell::RefCell;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_engine::limiter::{Clock, FakeClock, SystemClock};
use tollgate_engine::{Engine, EngineOptions};
use tollgate_identity::{KeyRing, LimitClass, bucket_id};
use tollgate_policy::Policy;
use tollgate_testkit::{replace_claim, sign_hs256};

use crate::case::{Bucket, Case, Signed, Step};

/// Nobody is there: most frontends forward nothing themselves.
const ORIGIN: &str = "http://127.0.0.1:9";
const ISSUER: &str = "https://login.example.com";
const AUDIENCE: &str = "https://api.example.com";
const SECRET: &[u8; 43] = b"c2VjcmV0cy1hcmUta2VwdC1ieS10aG9zZS13aG8ta24";
const RING: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 - current\n";
/// A token is good for so long.
const TOKEN_LIFE_S: u64 = 3_600;
/// Who asks, or forwards: believed in what it says of the client.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A policy in a folder with its files, and the time.
pub struct Stage {
    folder: TempDir,
    text: String,
    /// The token that was shown last.
    shown: RefCell<Option<String>>,
    /// Shared by all who decide.
    pub clock: Arc<FakeClock>,
}

/// A request as it comes to a frontend.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// All fields, with the token and what the proxy in front says of the client.
    pub headers: HeaderMap,
    /// The client, as the proxy in front says.
    pub client: IpAddr,
    /// Who asks.
    pub peer: IpAddr,
}

// === impl Stage ===

impl Stage {
    /// The stage of a case.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, content) in [
            ("hs256.key", &SECRET[..]),
            ("buckets.keys", RING.as_bytes()),
        ] {
            write_private(&folder.path().join(name), content);
        }
        let text = format!(
            "tollgate: 1
origin: {ORIGIN}
identity:
  bucket_keys: buckets.keys
  trusted_proxies: [127.0.0.0/8]
  issuers:
    - issuer: {ISSUER}
      audience: {AUDIENCE}
      algorithms: [HS256]
      secret_file: hs256.key
      claims: {{account: accountId, plan: plan}}
{}{}",
            case.identity, case.policy
        );
        let now_ms = SystemClock::new().now().unix_ms;
        let at_ms = case.clock_unix_s.map_or(now_ms, |at_s| at_s * 1_000);
        Self {
            folder,
            text,
            shown: RefCell::new(None),
            clock: Arc::new(FakeClock::at_unix_ms(at_ms)),
        }
    }

    /// The policy's text; file names in it are relative to [`Stage::folder`].
    #[must_use]
    pub fn policy_text(&self) -> &str {
        &self.text
    }

    /// Where the policy's files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The policy as a file beside its own files, with these sections besides.
    #[must_use]
    pub fn policy_file(&self, sections: &str) -> PathBuf {
        let path = self.folder.path().join("tollgate.yaml");
        std::fs::write(&path, format!("{}\n{sections}", self.text)).unwrap();
        path
    }

    /// The policy, with these sections besides.
    #[must_use]
    pub fn policy(&self, sections: &str) -> Policy {
        self.parse(&format!("{}\n{sections}", self.text))
    }

    /// The policy of a gateway before an origin.
    #[must_use]
    pub fn policy_before(&self, origin: SocketAddr) -> Policy {
        self.parse(&self.text.replacen(ORIGIN, &format!("http://{origin}"), 1))
    }

    fn parse(&self, text: &str) -> Policy {
        Policy::parse("case.yaml", text, self.folder.path())
            .unwrap_or_else(|found| panic!("{found}\n{text}"))
    }

    /// An engine under it.
    #[must_use]
    pub fn engine(&self, sections: &str) -> Arc<Engine> {
        Engine::new(self.policy(sections), EngineOptions::default()).unwrap()
    }

    /// The ring of bucket ids, as its file has it.
    #[must_use]
    pub fn ring(&self) -> &'static str {
        RING
    }

    /// The issuer's secret, as its file has it.
    #[must_use]
    pub fn secret(&self) -> &'static [u8] {
        SECRET
    }

    /// Lets time pass.
    pub fn advance(&self, seconds: f64) {
        self.clock.advance(Duration::from_secs_f64(seconds));
    }

    /// The request of a step, and how often it is sent.
    #[must_use]
    pub fn request(&self, step: &Step) -> (u32, Request) {
        let (times, line) = match step.send.split_once(" x ") {
            Some((times, line)) => (times.parse().unwrap(), line),
            None => (1, step.send.as_str()),
        };
        let (method, target) = line.split_once(' ').unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in &step.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let token = match step.same_token {
            true => self.shown.borrow().clone(),
            false => self.token(&step.claims, step.token),
        };
        if let Some(token) = token {
            *self.shown.borrow_mut() = Some(token.clone());
            let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
            headers.insert(AUTHORIZATION, value);
        }
        let client = HeaderValue::from_str(&step.from.to_string()).unwrap();
        headers.insert("x-forwarded-for", client);
        let request = Request {
            method: method.parse().unwrap(),
            target: target.to_owned(),
            headers,
            client: step.from,
            peer: PROXY,
        };
        (times, request)
    }

    fn token(&self, claims: &Value, signed: Signed) -> Option<String> {
        let claims = claims_of(claims)?;
        let now_s = self.clock.now().unix_s();
        let mut all = json!({
            "iss": ISSUER, "aud": AUDIENCE, "iat": now_s, "exp": now_s + TOKEN_LIFE_S,
        });
        for (name, value) in claims.as_object().unwrap() {
            match value {
                // A time in seconds from now.
                Value::String(text) if text.starts_with(['+', '-']) => {
                    let from_now: i64 = text.parse().unwrap();
                    all[name] = json!(i64::try_from(now_s).unwrap() + from_now);
                }
                Value::Null => {
                    all.as_object_mut().unwrap().remove(name);
                }
                value => all[name] = value.clone(),
            }
        }
        let header = json!({ "alg": "HS256" });
        let token = sign_hs256(SECRET, &header, &all);
        Some(match signed {
            Signed::Rightly => token,
            Signed::ByAnother => sign_hs256(b"another secret of thirty-two bytes", &header, &all),
            Signed::NotAtAll => {
                let unsigned = sign_hs256(SECRET, &json!({ "alg": "none" }), &all);
                let end = unsigned.rfind('.').unwrap();
                unsigned[..=end].to_owned()
            }
            Signed::AndChanged => {
                let first = token.rfind('.').unwrap() + 1;
                let other = if token[first..].starts_with('A') {
                    "B"
                } else {
                    "A"
                };
                format!("{}{other}{}", &token[..first], &token[first + 1..])
            }
            Signed::ForOthers => replace_claim(&token, "sub", "somebody-else"),
        })
    }

    /// The bucket id that a step expects, made from nothing but the ring.
    #[must_use]
    pub fn bucket_id(&self, step: &Step, bucket: &Bucket) -> String {
        let claims = claims_of(&step.claims).unwrap();
        let account = claims["accountId"].as_str();
        let subject = claims["sub"].as_str().unwrap();
        let ring = KeyRing::parse(RING).unwrap();
        let root = ring.root(ISSUER, subject, account);
        let class = LimitClass::new(&bucket.class).unwrap();
        let (method, template) = bucket.route.split_once(' ').unwrap();
        bucket_id(&root, &class, method, template).to_string()
    }
}

// === impl Request ===

impl Request {
    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

/// The claims of a caller who has a token.
fn claims_of(claims: &Value) -> Option<Value> {
    match claims {
        Value::Null => None,
        Value::String(subject) => Some(json!({ "sub": subject })),
        claims => Some(claims.clone()),
    }
}

fn write_private(path: &Path, content: &[u8]) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(content).unwrap();
}
