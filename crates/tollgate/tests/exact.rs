//! A thousand users on four endpoints for a minute: each is limited at exactly its own limit.
//!
//! A real identity provider's shape (RS256, keys over HTTP that rotate under load), a real origin
//! (nginx), the release binary. The load asks each bucket for more than it may give, and often
//! enough that none is ever full again; then every bucket must have given `burst + rate·t`, within
//! one request. When the gateway decided lies between sending and answering: no more is given than in the longest
//! time that this can have been, and no less than in the shortest, however slow this machine is meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell"
)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tollgate_engine::KEY_WAIT_MAX;
use tollgate_testkit::peers::{Gateway, Peer, free_address, nginx_json_origin};
use tollgate_testkit::{Algorithm, Issuer};

const USERS: usize = 1_000;
const AUDIENCE: &str = "https://api.example.com";
const LOAD_TIME: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 32;

/// Users who get a new token under load, signed by a key that the gateway has not seen.
const REFRESHED_USERS: usize = 200;

/// When they get it: later than the cooldown between two fetches for unknown keys (30 s).
const REFRESH_AFTER: Duration = Duration::from_secs(35);

/// When the new key is in force, at the latest.
const FETCH_MAX: Duration = Duration::from_secs(15);

/// Users who stay within their limits all the while, and must never notice the others.
const CALM_USERS: usize = 50;

/// Endpoint, requests a second, burst: as in the policy below.
const ENDPOINTS: [(&str, &str, f64, u64); 4] = [
    ("GET", "/orders", 0.2, 5),
    ("POST", "/orders", 0.1, 2),
    ("GET", "/orders/7", 0.25, 3),
    ("GET", "/items", 0.3, 10),
];

fn policy(issuer: &Issuer, origin: &Peer, listen: std::net::SocketAddr) -> String {
    format!(
        "tollgate: 1
listen: {listen}
admin: off
origin: {origin}
identity:
  failed_verifications: off
  issuers:
    - issuer: {issuer}
      audience: {AUDIENCE}
      jwks: {jwks}
      algorithms: [RS256]
routes: [GET /orders, POST /orders, 'GET /orders/{{id}}', GET /items]
plans:
  standard:
    limits: [{{name: burst, rate: 3/10s, burst: 10}}]
    routes:
      GET /orders: [{{name: burst, rate: 1/5s, burst: 5}}]
      POST /orders: [{{name: burst, rate: 1/10s, burst: 2}}]
      'GET /orders/{{id}}': [{{name: burst, rate: 1/4s, burst: 3}}]
default_plan: standard
",
        origin = origin.url(),
        issuer = issuer.url(),
        jwks = issuer.jwks_url(),
    )
}

/// What one bucket gave, as its caller saw it.
#[derive(Clone, Debug, Default)]
struct Bucket {
    admitted: u64,
    refused: u64,
    other: Vec<u16>,
    /// When the first request was sent and the first answer came: the gateway's first decision lies between.
    first_sent: Option<Instant>,
    first_answered: Option<Instant>,
    /// When the last answer came: no decision is later.
    last_answered: Option<Instant>,
    /// When the last request was sent that was refused: less than one was left then, or later.
    last_refused: Option<Instant>,
}

struct Load {
    base: String,
    tokens: Vec<String>,
    refreshed: OnceLock<Vec<String>>,
    /// The gateway may not have the refreshed tokens' key yet.
    unseen: AtomicBool,
    /// How many were refused for that, after they had waited.
    waited: AtomicUsize,
    next: AtomicUsize,
    end: Instant,
}

impl Load {
    /// Walks over all buckets in turn until the time is up; what one connection saw.
    async fn run(self: Arc<Self>) -> HashMap<(usize, usize), Bucket> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut seen: HashMap<_, Bucket> = HashMap::new();
        while Instant::now() < self.end {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let (user, endpoint) = (number / ENDPOINTS.len() % USERS, number % ENDPOINTS.len());
            self.ask(
                &client,
                user,
                endpoint,
                seen.entry((user, endpoint)).or_default(),
            )
            .await;
        }
        seen
    }

    /// One request a bucket and pass, far below its limit.
    async fn calm(self: Arc<Self>) -> Vec<Bucket> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut buckets = vec![Bucket::default(); CALM_USERS];
        let mut pace = tokio::time::interval(Duration::from_millis(150));
        for number in 0.. {
            pace.tick().await;
            if Instant::now() >= self.end {
                break;
            }
            let calm = number % CALM_USERS;
            // 50 users in turn, one every 150 ms: each asks every 7.5 s, `GET /orders` gives one
            // every 5 s.
            self.ask(&client, USERS + calm, 0, &mut buckets[calm]).await;
        }
        buckets
    }

    fn token(&self, user: usize) -> &str {
        let refreshed = self.refreshed.get().and_then(|tokens| tokens.get(user));
        refreshed.unwrap_or(&self.tokens[user])
    }

    /// What somebody gets who is in nobody's way.
    async fn first_answer(&self, client: &reqwest::Client, token: &str) -> u16 {
        let request = client.get(format!("{}/items", self.base));
        let answer = request.bearer_auth(token).send().await.unwrap();
        answer.status().as_u16()
    }

    async fn ask(
        &self,
        client: &reqwest::Client,
        user: usize,
        endpoint: usize,
        bucket: &mut Bucket,
    ) {
        let (method, path, ..) = ENDPOINTS[endpoint];
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.token(user));
        let unseen = self.unseen.load(Ordering::SeqCst);
        let sent = Instant::now();
        let status = request.send().await.unwrap().status().as_u16();
        let answered = Instant::now();
        match status {
            200 => bucket.admitted += 1,
            429 => {
                bucket.refused += 1;
                bucket.last_refused = Some(sent);
            }
            // A fetch that takes longer than anybody waits for it, on a machine that stands still.
            401 if unseen && answered - sent >= KEY_WAIT_MAX => {
                self.waited.fetch_add(1, Ordering::Relaxed);
                return;
            }
            other => bucket.other.push(other),
        }
        bucket.first_sent.get_or_insert(sent);
        bucket.first_answered.get_or_insert(answered);
        bucket.last_answered = Some(answered);
    }
}

#[test]
fn a_thousand_users_on_four_endpoints_are_limited_at_exactly_their_own_limit() {
    let issuer = Issuer::with_keys(&[Algorithm::Rs256]).unwrap();
    let origin = nginx_json_origin().unwrap();
    let listen = free_address().unwrap();
    let gateway = Gateway {
        binary: Path::new(env!("CARGO_BIN_EXE_tollgate")),
        policy: &policy(&issuer, &origin, listen),
        files: &[],
        address: listen,
        workers: 2,
    }
    .launch()
    .unwrap();
    let mint = |user: usize| {
        issuer
            .token(&format!("user_{user}"))
            .audience(AUDIENCE)
            .mint()
    };
    let tokens = (0..USERS + CALM_USERS).map(mint).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let load = Arc::new(Load {
        base: gateway.url(),
        tokens,
        refreshed: OnceLock::new(),
        unseen: AtomicBool::new(false),
        waited: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
        end: Instant::now() + LOAD_TIME,
    });
    let (buckets, calm, fetched_in) = runtime.block_on(async {
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(load.clone().run()))
            .collect();
        let calm = tokio::spawn(load.clone().calm());
        tokio::time::sleep(REFRESH_AFTER).await;
        issuer.add_key(Algorithm::Rs256);
        let tokens = (0..REFRESHED_USERS).map(mint).collect();
        load.unseen.store(true, Ordering::SeqCst);
        load.refreshed.set(tokens).unwrap();
        let begun = Instant::now();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let newcomer = mint(USERS + CALM_USERS);
        while load.first_answer(&client, &newcomer).await != 200 {
            assert!(begun.elapsed() < FETCH_MAX, "nobody fetches the new key");
        }
        let fetched_in = begun.elapsed();
        load.unseen.store(false, Ordering::SeqCst);
        let mut buckets: HashMap<_, Bucket> = HashMap::new();
        for task in tasks {
            for (key, seen) in task.await.unwrap() {
                buckets.entry(key).or_default().merge(seen);
            }
        }
        (buckets, calm.await.unwrap(), fetched_in)
    });
    let waited = load.waited.load(Ordering::Relaxed);
    println!("{waited} requests waited for the new key in vain, which came in {fetched_in:?}");
    // Whoever came later than the first waited for less than it did.
    let waits = (1..).take_while(|waits| KEY_WAIT_MAX * *waits <= fetched_in);
    let most = match waits.count() {
        0 => 0,
        waits => (CONNECTIONS + 1) * (waits + 1),
    };
    assert!(waited <= most, "{waited} in {fetched_in:?}");
    check(&buckets);
    for bucket in &calm {
        assert!(bucket.refused == 0 && bucket.other.is_empty(), "{bucket:?}");
        assert!(bucket.admitted >= 6, "{bucket:?}");
    }
}

/// Of sums of floating-point seconds.
const ROUNDING: f64 = 1e-6;

fn check(buckets: &HashMap<(usize, usize), Bucket>) {
    assert_eq!(buckets.len(), USERS * ENDPOINTS.len());
    let (mut admitted, mut refused, mut widest) = (0, 0, 0.0_f64);
    for ((user, endpoint), bucket) in buckets {
        let (method, path, rate, burst) = ENDPOINTS[*endpoint];
        assert!(
            bucket.other.is_empty(),
            "user {user} on {method} {path}: {bucket:?}"
        );
        assert!(
            bucket.refused > 0,
            "the load was too slow to tell: {bucket:?}"
        );
        let lets = |from: Option<Instant>, until: Option<Instant>| {
            burst as f64 + rate * (until.unwrap() - from.unwrap()).as_secs_f64()
        };
        let most = lets(bucket.first_sent, bucket.last_answered);
        // Less than one was left.
        let least = lets(bucket.first_answered, bucket.last_refused) - 1.0;
        let given = bucket.admitted as f64;
        assert!(
            least - ROUNDING <= given && given <= most + ROUNDING,
            "user {user} on {method} {path}: admitted {given}, expected {least:.3} to {most:.3}"
        );
        widest = widest.max(most - least);
        admitted += bucket.admitted;
        refused += bucket.refused;
    }
    println!(
        "{} buckets: {admitted} admitted, {refused} refused, between bounds {widest:.2} apart at most",
        buckets.len()
    );
}

impl Bucket {
    fn merge(&mut self, other: Bucket) {
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.other.extend(other.other);
        let earlier = |one: Option<Instant>, two| one.into_iter().chain(two).min();
        self.first_sent = earlier(self.first_sent, other.first_sent);
        self.first_answered = earlier(self.first_answered, other.first_answered);
        self.last_answered = self.last_answered.max(other.last_answered);
        self.last_refused = self.last_refused.max(other.last_refused);
    }
}
