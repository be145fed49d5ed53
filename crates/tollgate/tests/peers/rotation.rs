//! An issuer rotates its keys while users are served: nobody with a good token notices.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use tollgate_testkit::Algorithm;
use tollgate_testkit::peers::nginx_json_origin;

use crate::front::Front;

const USERS: usize = 20;
const CLIENTS: usize = 4;
/// Between two requests of one client: a little load.
const PACE: Duration = Duration::from_millis(10);
/// How soon after a fetch an unknown key may cause the next one: the product's constant.
const COOLDOWN: Duration = Duration::from_secs(30);
/// The policy's `refresh`, and some patience.
const REFRESH: Duration = Duration::from_secs(75);

const GENEROUS: &str = "
routes: [GET /orders]
plans:
  standard: {limits: [{name: burst, rate: 1000/s}]}
default_plan: standard
";

/// What users hold, and what became of their requests.
struct Users {
    tokens: Vec<Mutex<String>>,
    answers: Mutex<BTreeMap<u16, u64>>,
    done: AtomicBool,
}

impl Users {
    /// Each request by the next user, with the token that the user holds at the time.
    fn ask(&self, url: &str, first: usize) {
        let client = Client::builder().no_proxy().build().unwrap();
        for user in (first..USERS).step_by(CLIENTS).cycle() {
            if self.done.load(Ordering::Relaxed) {
                return;
            }
            let token = self.tokens[user].lock().unwrap().clone();
            let answer = client.get(url).bearer_auth(token).send().unwrap();
            *self
                .answers
                .lock()
                .unwrap()
                .entry(answer.status().as_u16())
                .or_default() += 1;
            std::thread::sleep(PACE);
        }
    }

    fn answered(&self) -> u64 {
        self.answers.lock().unwrap().values().sum()
    }
}

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
    for (number, held) in users.tokens.iter().enumerate() {
        *held.lock().unwrap() = issuer.token(&format!("user_{number}")).kid(&new).mint();
        let answered = users.answered();
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
        one_answer(front, &client, &left_behind) == 401
    });
    let answered = users.answered();
    until("requests go on", COOLDOWN, || {
        users.answered() > answered + 2 * USERS as u64
    });
}

#[test]
fn keys_rotate_under_load_and_no_good_token_is_refused() {
    let origin = nginx_json_origin().unwrap();
    let front = Front::start(&origin.url(), GENEROUS);
    let tokens = (0..USERS).map(|number| Mutex::new(front.token(&format!("user_{number}"))));
    let users = Users {
        tokens: tokens.collect(),
        answers: Mutex::default(),
        done: AtomicBool::new(false),
    };
    let url = front.url("/orders");
    std::thread::scope(|scope| {
        for first in 0..CLIENTS {
            let (users, url) = (&users, &url);
            scope.spawn(move || users.ask(url, first));
        }
        // Whatever happens in between, the clients must end.
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rotate(&front, &users)));
        users.done.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    let answers = users.answers.into_inner().unwrap();
    println!(
        "{answers:?}, {} fetches of the keys",
        front.issuer.jwks_fetches()
    );
    assert_eq!(
        answers.keys().copied().collect::<Vec<_>>(),
        [200],
        "{answers:?}"
    );
}
