//! An issuer rotates its keys, or fails in every way it can, while users are served: nobody with a
//! good token notices, and no bucket begins anew.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::Value;
use tollgate_engine::KEY_WAIT_MAX;
use tollgate_testkit::peers::nginx_json_origin;
use tollgate_testkit::{Algorithm, Fault};

use crate::front::Front;

const USERS: usize = 20;
const CLIENTS: usize = 4;
/// Between two requests of one client: a little load.
const PACE: Duration = Duration::from_millis(10);
/// How soon after a fetch an unknown key may cause the next one: the product's constant.
const COOLDOWN: Duration = Duration::from_secs(30);
/// The policy's `refresh`, and some patience.
const REFRESH: Duration = Duration::from_secs(120);

const GENEROUS: &str = "
routes: [GET /orders]
plans:
  standard: {limits: [{name: ledger, rate: 1/1h, burst: 1000000}]}
default_plan: standard
";

/// Units of the limit above: it refills by one an hour, so that what is left tells every request.
const LEDGER: u64 = 1_000_000;

/// What users hold, and what became of their requests.
struct Users {
    tokens: Vec<Mutex<String>>,
    answers: Mutex<BTreeMap<u16, u64>>,
    asked: Vec<AtomicU64>,
    done: AtomicBool,
    /// The gateway may not have the key of some tokens yet.
    unseen: AtomicBool,
    /// How many requests were refused for that, after they had waited.
    waited: AtomicU64,
    waited_max: AtomicU64,
}

impl Users {
    fn of(front: &Front) -> Users {
        let tokens = (0..USERS).map(|number| Mutex::new(front.token(&format!("user_{number}"))));
        Users {
            tokens: tokens.collect(),
            answers: Mutex::default(),
            asked: (0..USERS).map(|_| AtomicU64::new(0)).collect(),
            done: AtomicBool::new(false),
            unseen: AtomicBool::new(false),
            waited: AtomicU64::new(0),
            waited_max: AtomicU64::new(0),
        }
    }

    /// Asks all the while that `meanwhile` goes on; every request must pass and be counted.
    fn served_while(&self, front: &Front, meanwhile: impl FnOnce()) {
        let url = front.url("/orders");
        std::thread::scope(|scope| {
            for first in 0..CLIENTS {
                let url = &url;
                scope.spawn(move || self.ask(url, first));
            }
            // Whatever happens in between, the clients must end.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
            self.done.store(true, Ordering::Relaxed);
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        });
        let answers = self.answers.lock().unwrap().clone();
        let waited = self.waited.load(Ordering::Relaxed);
        println!(
            "{answers:?}, {} fetches of the keys, {waited} requests waited for one in vain",
            front.issuer.jwks_fetches(),
        );
        assert!(waited <= self.waited_max.load(Ordering::Relaxed));
        assert_eq!(answers.keys().copied().collect::<Vec<_>>(), [200]);
        for (user, asked) in self.asked.iter().enumerate() {
            let left = left(front, &self.tokens[user].lock().unwrap());
            assert_eq!(LEDGER - left, asked.load(Ordering::Relaxed), "user {user}");
        }
    }

    /// Each request by the next user, with the token that the user holds at the time.
    fn ask(&self, url: &str, first: usize) {
        let client = Client::builder().no_proxy().build().unwrap();
        for user in (first..USERS).step_by(CLIENTS).cycle() {
            if self.done.load(Ordering::Relaxed) {
                return;
            }
            let token = self.tokens[user].lock().unwrap().clone();
            let unseen = self.unseen.load(Ordering::SeqCst);
            let sent = Instant::now();
            let answer = client.get(url).bearer_auth(token).send().unwrap();
            if unseen && answer.status() == 401 && sent.elapsed() >= KEY_WAIT_MAX {
                // The fetch takes longer than anybody waits for it, on a machine that stands still.
                self.waited.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.asked[user].fetch_add(1, Ordering::Relaxed);
            *self
                .answers
                .lock()
                .unwrap()
                .entry(answer.status().as_u16())
                .or_default() += 1;
            std::thread::sleep(PACE);
        }
    }

    /// A new key was in force so long after the first request that needed it.
    fn in_vain_max(&self, fetched_in: Duration) {
        // Whoever came later than the first waited for less than it did.
        let waits = (1..).take_while(|waits| KEY_WAIT_MAX * *waits <= fetched_in);
        let most = match waits.count() {
            0 => 0,
            waits => CLIENTS * (waits + 1),
        };
        self.waited_max.store(most as u64, Ordering::Relaxed);
    }

    fn answered(&self) -> u64 {
        self.answers.lock().unwrap().values().sum()
    }
}

/// Between two requests with a token that fails: well within what a network may fail to verify.
const FAILING_PACE: Duration = Duration::from_millis(200);

/// Lets the users go on until something holds; bounded.
fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "never came to pass: {what}");
        std::thread::sleep(PACE);
    }
}

fn one_answer(front: &Front, client: &Client, token: &str) -> u16 {
    let request = client.get(front.url("/orders")).bearer_auth(token);
    request.send().unwrap().status().as_u16()
}

/// Publishes a key, lets users move to it, retires the old one.
fn rotate(front: &Front, users: &Users) {
    let issuer = &front.issuer;
    let fetched_at = Instant::now();
    let old = issuer.current_key(None).kid().to_owned();
    let client = Client::builder().no_proxy().build().unwrap();
    let left_behind = front.token("user_with_an_old_token");
    // Published before it is used, as issuers do.
    let new = issuer.add_hidden_key(Algorithm::Rs256);
    assert!(issuer.publish(&new));
    until("the cooldown is over", 2 * COOLDOWN, || {
        fetched_at.elapsed() > COOLDOWN
    });

    // Users refresh their tokens one by one; the first one's key has never been seen.
    let fetches = issuer.jwks_fetches();
    let newcomer = issuer.token("newcomer").kid(&new).mint();
    for (number, held) in users.tokens.iter().enumerate() {
        let is_first = number == 0;
        users.unseen.store(is_first, Ordering::SeqCst);
        *held.lock().unwrap() = issuer.token(&format!("user_{number}")).kid(&new).mint();
        let (begun, answered) = (Instant::now(), users.answered());
        if is_first {
            until("the new key is taken up", COOLDOWN, || {
                one_answer(front, &client, &newcomer) == 200
            });
            users.in_vain_max(begun.elapsed());
        }
        until("requests go on", COOLDOWN, || {
            users.answered() > answered + 2
        });
    }
    assert_eq!(
        issuer.jwks_fetches(),
        fetches + 1,
        "one fetch for all of them"
    );

    assert_eq!(
        one_answer(front, &client, &left_behind),
        200,
        "the old key still stands"
    );
    assert!(issuer.retire(&old));
    until("the retired key is dropped", REFRESH, || {
        std::thread::sleep(FAILING_PACE);
        one_answer(front, &client, &left_behind) == 401
    });
    let answered = users.answered();
    until("requests go on", COOLDOWN, || {
        users.answered() > answered + 2 * USERS as u64
    });
}

/// What is left of a user's limit, by the gateway's own account.
fn left(front: &Front, token: &str) -> u64 {
    let client = Client::builder().no_proxy().build().unwrap();
    let url = front.url("/rate_limit?method=GET&path=/orders");
    let answer: Value = client
        .get(url)
        .bearer_auth(token)
        .send()
        .unwrap()
        .json()
        .unwrap();
    answer["routes"][0]["limits"][0]["remaining"]
        .as_u64()
        .unwrap()
}

/// Failed fetches of keys so far, by the gateway's own account.
fn failures(front: &Front) -> u64 {
    let metrics = front.admin("/metrics").text().unwrap();
    let line = metrics
        .lines()
        .find(|line| line.starts_with("tollgate_jwks_fetch_failures_total"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// Has the gateway meet a fault, by a token of a key that it does not know; then the issuer is back
/// with a new key.
fn fail_and_come_back(front: &Front, users: &Users, fault: Fault) {
    let issuer = &front.issuer;
    let client = Client::builder().no_proxy().build().unwrap();
    let hidden = issuer.add_hidden_key(Algorithm::Rs256);
    let unknown = issuer.token("nobody").kid(&hidden).mint();
    let (failed, met) = (failures(front), format!("the keeper meets {fault:?}"));
    assert!(issuer.set_fault(fault));
    until(&met, 3 * COOLDOWN, || {
        assert_eq!(one_answer(front, &client, &unknown), 401);
        std::thread::sleep(FAILING_PACE);
        failures(front) > failed
    });
    let answered = users.answered();
    until("requests go on", COOLDOWN, || {
        users.answered() > answered + 2 * USERS as u64
    });
    assert!(issuer.set_fault(Fault::None));
    assert!(issuer.publish(&hidden));
    until("the new key is taken up", 3 * COOLDOWN, || {
        std::thread::sleep(FAILING_PACE);
        one_answer(front, &client, &unknown) == 200
    });
    for (number, held) in users.tokens.iter().enumerate() {
        let token = issuer.token(&format!("user_{number}")).kid(&hidden);
        *held.lock().unwrap() = token.mint();
    }
    let answered = users.answered();
    until("requests go on", COOLDOWN, || {
        users.answered() > answered + 2 * USERS as u64
    });
}

#[test]
fn keys_rotate_under_load_and_no_good_token_is_refused() {
    let origin = nginx_json_origin().unwrap();
    let front = Front::start(&origin.url(), GENEROUS);
    let users = Users::of(&front);
    users.served_while(&front, || rotate(&front, &users));
}

#[test]
fn an_issuer_down_broken_or_silent_is_not_seen_by_its_users() {
    let origin = nginx_json_origin().unwrap();
    // At one time, with a gateway for each: an unknown key has to wait half a minute for a fetch.
    std::thread::scope(|scope| {
        for fault in [Fault::Down, Fault::garbage(), Fault::Hang, Fault::EmptySet] {
            let origin = origin.url();
            scope.spawn(move || {
                let front = Front::start(&origin, GENEROUS);
                let users = Users::of(&front);
                users.served_while(&front, || fail_and_come_back(&front, &users, fault));
            });
        }
    });
}
