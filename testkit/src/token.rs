//! Tokens: minted with the issuer's keys, or wrong in one chosen way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

use crate::issuer::Issuer;
use crate::keys::{Algorithm, SigningKey};

/// How long a token is valid unless [`TokenBuilder::ttl`] says otherwise.
const TTL: Duration = Duration::from_secs(3_600);

/// Makes every token different from every other, as a real issuer's are.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A token in the making; [`TokenBuilder::mint`] signs it.
///
/// It starts out as what a well-behaved client holds: the issuer's own `iss`, [`Issuer::AUDIENCE`],
/// issued now, valid for an hour, signed by the current key of the issuer's first algorithm.
#[must_use = "a token exists only once it is minted"]
pub struct TokenBuilder<'a> {
    issuer: &'a Issuer,
    algorithm: Option<Algorithm>,
    signer: Option<Arc<SigningKey>>,
    issued_at_s: Option<i64>,
    ttl: Duration,
    claims: Vec<(String, Option<Value>)>,
    header: Vec<(String, Option<Value>)>,
}

impl<'a> TokenBuilder<'a> {
    pub(crate) fn new(issuer: &'a Issuer, subject: &str) -> TokenBuilder<'a> {
        TokenBuilder {
            issuer,
            algorithm: None,
            signer: None,
            issued_at_s: None,
            ttl: TTL,
            claims: vec![("sub".to_owned(), Some(json!(subject)))],
            header: Vec::new(),
        }
    }

    /// Sets the account claim ([`Issuer::ACCOUNT_CLAIM`]).
    pub fn account(self, account: &str) -> Self {
        self.claim(Issuer::ACCOUNT_CLAIM, account)
    }

    /// Sets the plan claim ([`Issuer::PLAN_CLAIM`]).
    pub fn plan(self, plan: &str) -> Self {
        self.claim(Issuer::PLAN_CLAIM, plan)
    }

    /// Sets the audience claim.
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// Expires this long after it was issued.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Issued at this Unix time in seconds, instead of now.
    pub fn issued_at(mut self, unix_s: i64) -> Self {
        self.issued_at_s = Some(unix_s);
        self
    }

    /// Sets any claim, also one that is set otherwise.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Leaves a claim out.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.push((name.to_owned(), None));
        self
    }

    /// Sets any header member, also `alg` and `kid`; the signature stays what the key makes.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Leaves a header member out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.push((name.to_owned(), None));
        self
    }

    /// Signs with the issuer's current key of this algorithm; the key is made at its first use.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Signs with the issuer's key of this id, published or not. Unknown ids are ignored.
    pub fn kid(mut self, kid: &str) -> Self {
        self.signer = self.issuer.key(kid).or(self.signer);
        self
    }

    /// Signs with a key that the issuer does not have, under the kid of its current one: a forgery.
    pub fn forged(mut self) -> Self {
        let current = self.signing_key();
        let stranger = SigningKey::generate(current.kid(), current.algorithm());
        self.signer = Some(Arc::new(stranger));
        self
    }

    /// The header and claims as they will be signed.
    #[must_use]
    pub fn parts(&self) -> (Value, Value) {
        self.parts_for(&self.signing_key())
    }

    /// Signs it.
    #[must_use]
    pub fn mint(self) -> String {
        let key = self.signing_key();
        let (header, claims) = self.parts_for(&key);
        key.sign_compact(&header, &claims)
    }

    fn signing_key(&self) -> Arc<SigningKey> {
        self.signer
            .clone()
            .unwrap_or_else(|| self.issuer.current_key(self.algorithm))
    }

    fn parts_for(&self, key: &SigningKey) -> (Value, Value) {
        let issued_at_s = self.issued_at_s.unwrap_or_else(unix_now_s);
        let ttl_s = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        let mut header = json!({
            "alg": key.algorithm().as_str(),
            "kid": key.kid(),
            "typ": "JWT",
        });
        let mut claims = json!({
            "iss": self.issuer.url(),
            "aud": Issuer::AUDIENCE,
            "iat": issued_at_s,
            "exp": issued_at_s.saturating_add(ttl_s),
            "jti": SERIAL.fetch_add(1, Ordering::Relaxed).to_string(),
        });
        override_members(&mut header, &self.header);
        override_members(&mut claims, &self.claims);
        (header, claims)
    }
}

fn override_members(object: &mut Value, members: &[(String, Option<Value>)]) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    for (name, value) in members {
        match value {
            Some(value) => object.insert(name.clone(), value.clone()),
            None => object.remove(name),
        };
    }
}

fn unix_now_s() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
}

/// A token with one claim changed and the signature of the original: what an attacker without a key can make.
///
/// What is not a compact JWS with a JSON object as payload comes back as it was.
#[must_use]
pub fn replace_claim(token: &str, name: &str, value: impl Into<Value>) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return token.to_owned();
    };
    let decoded = BASE64URL_NOPAD.decode(payload.as_bytes()).ok();
    let Some(mut claims) =
        decoded.and_then(|json| serde_json::from_slice::<Map<String, Value>>(&json).ok())
    else {
        return token.to_owned();
    };
    claims.insert(name.to_owned(), value.into());
    let payload = BASE64URL_NOPAD.encode(Value::Object(claims).to_string().as_bytes());
    format!("{header}.{payload}.{signature}")
}

/// A compact JWS signed with HMAC-SHA256 under `secret`, for issuers with a shared secret and for key-confusion tests.
#[must_use]
pub fn sign_hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(header.to_string().as_bytes()),
        BASE64URL_NOPAD.encode(claims.to_string().as_bytes())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
}
