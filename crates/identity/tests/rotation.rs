//! A user in front of an issuer that rotates, goes down and comes back; time is paused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use support::*;
use tokio::time::{advance, timeout};
use tollgate_identity::{
    Algorithm, Fetch, FetchError, Fetched, KeyHolder, KeyLocation, RefreshPace, TokenError,
    TokenVerdict, Verifier, jwks::FetchFuture, keep_keys,
};

/// Serves a set, or nothing, and keeps what it was asked for.
struct Served {
    body: Mutex<Option<Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl Fetch for Served {
    fn get<'a>(&'a self, url: &'a str, _etag: Option<&'a str>) -> FetchFuture<'a> {
        self.asked.lock().unwrap().push(url.to_owned());
        let body = self.body.lock().unwrap().clone();
        Box::pin(async move {
            let body = body.ok_or(FetchError {
                message: "down".into(),
            })?;
            Ok(Fetched::Document {
                body,
                max_age_s: None,
                etag: None,
            })
        })
    }
}

/// Where the policy says that the keys are.
const JWKS_URL: &str = "https://i/jwks";

struct World {
    served: Arc<Served>,
    verifier: Verifier,
}

impl World {
    fn start(keys: Option<Vec<u8>>) -> Self {
        let served = Arc::new(Served {
            body: Mutex::new(keys),
            asked: Mutex::default(),
        });
        let holder = KeyHolder::new("test".into());
        let verifier = verifier_of(vec![rules(ISSUER, Arc::clone(&holder))]);
        let location = KeyLocation::Url(JWKS_URL.into());
        let fetch = Arc::clone(&served) as Arc<dyn Fetch>;
        tokio::spawn(keep_keys(holder, location, fetch, RefreshPace::default()));
        Self { served, verifier }
    }

    fn serve(&self, keys: &[Value]) {
        *self.served.body.lock().unwrap() = Some(key_set(keys));
    }

    fn down(&self) {
        *self.served.body.lock().unwrap() = None;
    }

    fn asked(&self) -> Vec<String> {
        self.served.asked.lock().unwrap().clone()
    }

    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            advance(Duration::from_secs(1)).await;
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn verify(&self, token: &str) -> TokenVerdict {
        self.verifier.verify(token, NOW_S)
    }

    /// Lets the cooldown of the last fetch pass; whether the token came to wait for a fetch.
    async fn until_pending(&self, token: &str) -> bool {
        for _ in 0..=30 {
            if matches!(self.verify(token), TokenVerdict::KeysPending { .. }) {
                return true;
            }
            self.pass(1).await;
        }
        false
    }

    /// What a gateway does: waits a bounded time for awaited keys, then takes what there is.
    async fn verify_waiting(&self, token: &str) -> TokenVerdict {
        let holder = self.verifier.keys(0).unwrap();
        let generation = holder.generation();
        match self.verify(token) {
            TokenVerdict::KeysPending { .. } => {
                let _ = timeout(Duration::from_millis(200), holder.changed(generation)).await;
                self.verify(token)
            }
            verdict => verdict,
        }
    }
}

fn jwk(key: &SigningKey, kid: &str) -> Value {
    key.jwk_with(json!({ "kid": kid }))
}

fn token(key: &SigningKey, kid: &str) -> String {
    let header = json!({"alg": "EdDSA", "kid": kid}).to_string();
    sign_raw(
        key,
        Algorithm::EdDSA,
        &header,
        claims().to_string().as_bytes(),
    )
}

fn user_key(verdict: TokenVerdict) -> u128 {
    match verdict {
        TokenVerdict::Valid(user) => user.key.0,
        other => panic!("refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_passes_through_a_rotation_in_one_bucket() {
    let (old, new) = (SigningKey::ed25519(), SigningKey::ed25519());
    let world = World::start(Some(key_set(&[jwk(&old, "old")])));
    let (before, after) = (token(&old, "old"), token(&new, "new"));
    let key = user_key(world.verify_waiting(&before).await);
    world.pass(60).await;
    // The overlap: tokens of the new key come before any planned refresh.
    world.serve(&[jwk(&old, "old"), jwk(&new, "new")]);
    assert_eq!(user_key(world.verify_waiting(&after).await), key);
    assert_eq!(user_key(world.verify_waiting(&before).await), key);
    // The old key retires: its tokens end with the next refresh, the user goes on.
    world.serve(&[jwk(&new, "new")]);
    world.pass(601).await;
    assert_eq!(user_key(world.verify_waiting(&after).await), key);
    let refused = world.verifier.stats().refused;
    assert_eq!(
        refused.iter().map(|(_, n)| n).sum::<u64>(),
        0,
        "until here nobody was"
    );
    assert_eq!(
        world.verify_waiting(&before).await,
        TokenVerdict::Invalid(TokenError::UnknownKey)
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_seen_by_known_users() {
    let key = SigningKey::ed25519();
    let world = World::start(Some(key_set(&[jwk(&key, "k")])));
    let (one, other) = (token(&key, "k"), ed_token(&claims()));
    user_key(world.verify_waiting(&one).await);
    world.down();
    world.pass(7200).await;
    user_key(world.verify(&one));
    // An unknown key id waits for one fetch, then is refused; the next is refused at once.
    let cooled_down = world.until_pending(&other).await;
    assert!(cooled_down, "no cooldown lasts longer than 30 s");
    assert_eq!(
        world.verify_waiting(&other).await,
        TokenVerdict::Invalid(TokenError::UnknownKey)
    );
    assert_eq!(
        world.verify(&other),
        TokenVerdict::Invalid(TokenError::UnknownKey)
    );
    // After a day nobody can say whether the keys still stand.
    world.pass(24 * 3600).await;
    assert_eq!(
        world.verify(&one),
        TokenVerdict::KeysUnavailable { issuer: 0 }
    );
    assert_eq!(
        world.verify(&other),
        TokenVerdict::KeysUnavailable { issuer: 0 }
    );
    world.serve(&[jwk(&key, "k")]);
    world.pass(60).await;
    user_key(world.verify(&one));
}

#[tokio::test(start_paused = true)]
async fn before_the_first_answer_a_token_waits_and_is_never_let_through() {
    let key = SigningKey::ed25519();
    let world = World::start(None);
    let one = token(&key, "k");
    assert_eq!(world.verify(&one), TokenVerdict::KeysPending { issuer: 0 });
    assert_eq!(
        world.verify_waiting(&one).await,
        TokenVerdict::KeysUnavailable { issuer: 0 }
    );
    world.serve(&[jwk(&key, "k")]);
    world.pass(60).await;
    user_key(world.verify(&one));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_waiting_tokens_cause_one_fetch() {
    let key = SigningKey::ed25519();
    let world = World::start(Some(key_set(&[jwk(&key, "k")])));
    user_key(world.verify_waiting(&token(&key, "k")).await);
    world.pass(60).await;
    let fetches = world.verifier.stats().keys[0].fetches;
    let garbage: Vec<_> = (0..1000)
        .map(|n| token(&key, &format!("unknown{n}")))
        .collect();
    for token in &garbage {
        assert_eq!(world.verify(token), TokenVerdict::KeysPending { issuer: 0 });
    }
    world.pass(1).await;
    for token in &garbage {
        assert_eq!(
            world.verify(token),
            TokenVerdict::Invalid(TokenError::UnknownKey)
        );
    }
    assert_eq!(world.verifier.stats().keys[0].fetches, fetches + 1);
}

#[tokio::test(start_paused = true)]
async fn case_038_the_issuer_of_an_unverified_token_is_never_asked_for_keys() {
    let key = SigningKey::ed25519();
    let world = World::start(Some(key_set(&[jwk(&key, "k")])));
    user_key(world.verify_waiting(&token(&key, "k")).await);
    // The cooldown is over: whatever may cause a fetch now does.
    world.pass(60).await;
    for iss in [
        "https://evil.example",
        "https://evil.example/.well-known/openid-configuration",
        "http://127.0.0.1:1",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://login.example.com.evil.net",
        "https://login.example.com/../evil",
        "https://i",
    ] {
        let claims = claims_with(json!({ "iss": iss })).to_string();
        let header = json!({"alg": "EdDSA", "kid": "https://evil.example/k"}).to_string();
        let forged = sign_raw(&key, Algorithm::EdDSA, &header, claims.as_bytes());
        let refused = TokenVerdict::Invalid(TokenError::UnknownIssuer);
        assert_eq!(world.verify_waiting(&forged).await, refused, "{iss}");
        world.pass(1).await;
    }
    assert_eq!(world.asked(), [JWKS_URL], "the first fetch and no other");
    // A configured issuer's unknown key id does cause a fetch, from the configured place.
    let unknown = token(&key, "https://evil.example/k");
    world.verify_waiting(&unknown).await;
    assert_eq!(world.asked(), [JWKS_URL; 2]);
}
