//! An issuer that rotates, goes down, serves garbage and hangs; time is paused.

use std::{
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use tokio::{task::JoinHandle, time::advance};

use super::*;
use crate::jwks::FetchFuture;

mod fleet;

const ED_A: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const EC_B: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"b","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// What the issuer does until told otherwise.
#[derive(Clone)]
enum Mood {
    Serves(&'static str),
    ServesFor(&'static str, u64),
    ServesTagged(&'static str),
    Discovers(String, &'static str),
    Fails,
    Hangs,
}

struct Issuer {
    mood: Mutex<Mood>,
    asked: AtomicU64,
    conditional: AtomicU64,
}

impl Fetch for Issuer {
    fn get<'a>(&'a self, url: &'a str, etag: Option<&'a str>) -> FetchFuture<'a> {
        self.asked.fetch_add(1, SeqCst);
        self.conditional
            .fetch_add(u64::from(etag.is_some()), SeqCst);
        let mood = self.mood.lock().unwrap().clone();
        let document = |body: &str, max_age_s, etag: Option<&str>| {
            let body = body.as_bytes().to_vec();
            Ok(Fetched::Document {
                body,
                max_age_s,
                etag: etag.map(Into::into),
            })
        };
        let answer = match mood {
            Mood::Hangs => return Box::pin(pending()),
            Mood::Fails => Err(FetchError {
                message: "connection refused".into(),
            }),
            Mood::Serves(body) => document(body, None, None),
            Mood::ServesFor(body, max_age_s) => document(body, Some(max_age_s), None),
            Mood::ServesTagged(_) if etag == Some("\"1\"") => {
                Ok(Fetched::NotModified { max_age_s: None })
            }
            Mood::ServesTagged(body) => document(body, None, Some("\"1\"")),
            Mood::Discovers(discovery, _) if url.ends_with("/openid-configuration") => {
                document(&discovery, None, None)
            }
            Mood::Discovers(_, body) => document(body, None, None),
        };
        Box::pin(async { answer })
    }
}

struct World {
    issuer: Arc<Issuer>,
    holder: Arc<KeyHolder>,
    task: JoinHandle<Infallible>,
}

impl World {
    async fn start(mood: Mood) -> Self {
        Self::start_at(mood, KeyLocation::Url("https://i/jwks".into())).await
    }

    async fn start_at(mood: Mood, location: KeyLocation) -> Self {
        let issuer = Arc::new(Issuer {
            mood: Mutex::new(mood),
            asked: AtomicU64::new(0),
            conditional: AtomicU64::new(0),
        });
        let holder = KeyHolder::new("test".into());
        let keeping = keep_keys(
            Arc::clone(&holder),
            location,
            Arc::clone(&issuer) as Arc<dyn Fetch>,
            RefreshPace::default(),
        );
        let task = tokio::spawn(keeping);
        let world = Self {
            issuer,
            holder,
            task,
        };
        world.pass(0).await;
        world
    }

    fn mood(&self, mood: Mood) {
        *self.issuer.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> u64 {
        self.issuer.asked.load(SeqCst)
    }

    /// Lets seconds pass, one by one, so that everything due happens in its order.
    async fn pass(&self, seconds: u64) {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        for _ in 0..seconds {
            advance(Duration::from_secs(1)).await;
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn has(&self, kid: &str) -> bool {
        self.holder
            .load()
            .keys
            .as_ref()
            .is_some_and(|keys| keys.named(kid).is_some())
    }
}

#[tokio::test(start_paused = true)]
async fn keys_come_at_once_and_again_at_the_interval() {
    let world = World::start(Mood::Serves(ED_A)).await;
    assert!(world.has("a"));
    assert_eq!((world.asked(), world.holder.generation()), (1, 1));
    world.pass(539).await;
    assert_eq!(world.asked(), 1, "jitter takes at most a tenth");
    world.pass(62).await;
    assert_eq!(world.asked(), 2);
    assert_eq!(world.holder.generation(), 1, "the same keys are no news");
}

#[tokio::test(start_paused = true)]
async fn case_033_a_flood_of_unknown_key_ids_causes_one_fetch_a_cooldown() {
    let world = World::start(Mood::Serves(ED_A)).await;
    for _ in 0..300 {
        for _ in 0..100 {
            world.holder.request_refresh();
        }
        world.pass(1).await;
    }
    let asked = world.asked();
    assert!((2..=11).contains(&asked), "{asked} fetches in 300 s");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_id_brings_the_rotated_set() {
    let world = World::start(Mood::Serves(ED_A)).await;
    world.mood(Mood::Serves(EC_B));
    assert!(!world.holder.request_refresh(), "the cooldown runs");
    world.pass(31).await;
    assert_eq!(world.asked(), 1, "nobody asked");
    let generation = world.holder.generation();
    assert!(world.holder.request_refresh());
    world.holder.changed(generation).await;
    assert!(world.has("b") && !world.has("a"));
    assert_eq!(world.asked(), 2);
    assert!(!world.holder.request_refresh());
}

#[tokio::test(start_paused = true)]
async fn case_034_an_unusable_set_never_replaces_a_good_one() {
    let world = World::start(Mood::Serves(ED_A)).await;
    for bad in [
        "",
        "<html>",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
    ] {
        let failures = world.holder.status().failures;
        world.mood(Mood::Serves(bad));
        world.pass(700).await;
        assert!(world.has("a"), "{bad}");
        let status = world.holder.status();
        assert!(
            status.failures > failures && status.last_error.is_some(),
            "{bad}"
        );
    }
    let before = world.asked();
    for _ in 0..90 {
        world.holder.request_refresh();
        world.pass(1).await;
    }
    assert!(
        world.asked() - before <= 4,
        "the cooldown holds for unusable sets too"
    );
    world.mood(Mood::Serves(EC_B));
    world.pass(700).await;
    assert!(world.has("b"));
    assert_eq!(world.holder.status().last_error, None);
}

#[tokio::test(start_paused = true)]
async fn case_035_the_last_good_set_serves_until_it_is_too_old() {
    let world = World::start(Mood::Serves(ED_A)).await;
    world.mood(Mood::Fails);
    world.pass(24 * 3600 - 1).await;
    assert!(world.has("a"));
    // Backing off to the interval: about 144 plus the first doublings.
    assert!((100..200).contains(&world.asked()), "{}", world.asked());
    let generation = world.holder.generation();
    world.pass(2).await;
    assert!(!world.has("a"));
    assert!(world.holder.status().stale);
    assert!(
        world.holder.generation() > generation,
        "no cached verdict outlives the keys"
    );
    // Without keys it is asked more often, but not in a loop.
    let asked = world.asked();
    world.pass(100).await;
    assert!((2..=5).contains(&(world.asked() - asked)));
    world.mood(Mood::Serves(ED_A));
    world.pass(34).await;
    assert!(world.has("a") && !world.holder.status().stale);
}

#[tokio::test(start_paused = true)]
async fn case_036_an_issuer_down_at_the_start_is_retried_soon() {
    let world = World::start(Mood::Fails).await;
    assert_eq!(world.holder.generation(), 0);
    assert_eq!(
        world.holder.status().last_error.as_deref(),
        Some("connection refused")
    );
    assert!(!world.holder.is_awaited(), "failing, not awaited");
    world.pass(10).await;
    assert!(world.asked() >= 3);
    world.mood(Mood::Serves(ED_A));
    world.pass(20).await;
    assert!(world.has("a"));
}

#[tokio::test(start_paused = true)]
async fn case_037_a_hanging_issuer_is_left_after_five_seconds() {
    let world = World::start(Mood::Hangs).await;
    assert!(world.holder.is_awaited());
    let waiting = tokio::spawn({
        let holder = Arc::clone(&world.holder);
        async move { holder.changed(0).await }
    });
    world.pass(4).await;
    assert!(!waiting.is_finished());
    world.pass(2).await;
    assert!(waiting.is_finished(), "those who wait are told");
    assert_eq!(
        world.holder.status().last_error.as_deref(),
        Some("no answer within 5 s")
    );
    world.mood(Mood::Serves(ED_A));
    world.pass(2).await;
    assert!(world.has("a"));
}

#[tokio::test(start_paused = true)]
async fn case_039_discovery_of_another_issuer_is_refused() {
    let document = |issuer: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://keys/j"}}"#);
    let location = KeyLocation::Discovery {
        issuer: "https://i".into(),
    };
    let world = World::start_at(Mood::Discovers(document("https://evil"), ED_A), location).await;
    assert!(!world.has("a"));
    assert_eq!(
        world.holder.status().last_error.as_deref(),
        Some("the discovery document is of another issuer")
    );
    world.mood(Mood::Discovers(document("https://i"), ED_A));
    world.pass(3).await;
    assert!(world.has("a"));
    let asked = world.asked();
    world.pass(601).await;
    assert_eq!(world.asked(), asked + 1, "the discovered URL is remembered");
}

#[tokio::test(start_paused = true)]
async fn case_040_max_age_is_believed_within_bounds() {
    let world = World::start(Mood::ServesFor(ED_A, 0)).await;
    world.pass(600).await;
    assert!(
        (10..=12).contains(&world.asked()),
        "{} fetches in 600 s",
        world.asked()
    );
    world.mood(Mood::ServesFor(ED_A, 315_360_000));
    world.pass(61).await;
    let asked = world.asked();
    world.pass(1200).await;
    assert!(
        (2..=3).contains(&(world.asked() - asked)),
        "never later than the interval"
    );
}

#[tokio::test(start_paused = true)]
async fn case_043_a_set_that_was_replaced_is_not_believed_at_once() {
    let world = World::start(Mood::Serves(ED_A)).await;
    world.mood(Mood::Serves(EC_B));
    world.pass(601).await;
    assert!(world.has("b"));
    world.mood(Mood::Serves(ED_A));
    world.pass(3000).await;
    assert!(world.has("b"), "one edge of a CDN may lag");
    let status = world.holder.status();
    assert!(status.held_rollbacks >= 4 && status.failures == 0);
    world.mood(Mood::Serves(EC_B));
    world.pass(601).await;
    world.mood(Mood::Serves(ED_A));
    world.pass(3000).await;
    assert!(world.has("b"), "the hold begins anew");
    world.pass(2400).await;
    assert!(
        world.has("a"),
        "served for an hour it is what the issuer wants"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unmodified_set_is_confirmed_by_its_tag() {
    let world = World::start(Mood::ServesTagged(ED_A)).await;
    world.pass(3 * 24 * 3600).await;
    assert!(world.has("a"), "confirmed, hence not stale");
    assert_eq!(world.issuer.conditional.load(SeqCst), world.asked() - 1);
    assert_eq!(world.holder.generation(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_keeper_nobody_waits() {
    let world = World::start(Mood::Hangs).await;
    let waiting = tokio::spawn({
        let holder = Arc::clone(&world.holder);
        async move { holder.changed(0).await }
    });
    world.pass(1).await;
    assert!(!waiting.is_finished());
    world.task.abort();
    world.pass(1).await;
    assert!(waiting.is_finished());
    assert!(!world.holder.request_refresh() && !world.holder.is_awaited());
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_ends_late_does_not_speak_for_its_successor() {
    let world = World::start(Mood::Serves(ED_A)).await;
    let location = KeyLocation::Url("https://i/jwks".into());
    let fetch = Arc::clone(&world.issuer) as Arc<dyn Fetch>;
    let successor = keep_keys(
        Arc::clone(&world.holder),
        location,
        fetch,
        RefreshPace::default(),
    );
    let successor = tokio::spawn(successor);
    world.pass(1).await;
    world.task.abort();
    world.pass(31).await;
    assert_eq!(world.holder.status().last_error, None);
    assert!(
        world.holder.request_refresh(),
        "the successor still listens"
    );
    successor.abort();
}

#[tokio::test(start_paused = true)]
async fn a_file_s_keys_never_go_stale_and_never_refetch() {
    let holder = KeyHolder::new("file".into());
    assert_eq!(holder.install(ED_A.as_bytes()), Ok(1));
    assert!(!holder.request_refresh() && !holder.is_awaited());
    holder.changed(holder.generation()).await;
    assert!(holder.install(b"{}").is_err());
    assert_eq!(
        (holder.generation(), holder.status().keys),
        (1, 1),
        "the one in use stays"
    );
    assert_eq!(holder.install(EC_B.as_bytes()), Ok(1));
    assert_eq!(holder.generation(), 2);
}
