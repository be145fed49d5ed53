//! The five scenes: what is sent, and what each must show.

use http::Method;
use tollgate_testkit::Issuer;

use super::client::Answer;
use super::stage::{AUDIENCE, Stage};

/// One scene of the show.
pub(super) struct Scene {
    pub(super) number: usize,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) requests: Vec<Request>,
    /// What must hold over the answers beyond each one's status.
    pub(super) holds: fn(&[Answer]) -> Result<(), String>,
}

/// One request of a scene.
pub(super) struct Request {
    pub(super) who: &'static str,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) token: Option<String>,
    pub(super) expect: u16,
}

/// Requests a burst of `POST /orders` admits in the demo's policy.
const ORDERS_BURST: usize = 5;

pub(super) fn all(stage: &Stage) -> [Scene; 5] {
    let token = |sub: &str| mint(&stage.issuer, sub);
    [
        within_limits(&token("alice")),
        hammering(&token("alice"), &token("bob")),
        forged(&stage.issuer, &token("alice")),
        refreshed(&token("bob")),
        anonymous(),
    ]
}

fn within_limits(alice: &str) -> Scene {
    Scene {
        number: 1,
        title: "alice stays within her limits",
        about: "a never-seen user is served from the first request, on the default plan",
        requests: ["/orders", "/orders/1", "/orders/2", "/items"]
            .map(|path| get("alice", path, Some(alice), 200))
            .into(),
        holds: |answers| {
            // Orders 1 and 2 are one endpoint: the second spends from the same bucket.
            match (answers[1].remaining(), answers[2].remaining()) {
                (Some(first), Some(second)) if second < first => Ok(()),
                other => Err(format!(
                    "/orders/1 and /orders/2 share no bucket: {other:?}"
                )),
            }
        },
    }
}

fn hammering(alice: &str, bob: &str) -> Scene {
    let mut requests: Vec<_> = (0..ORDERS_BURST + 3)
        .map(|n| post("bob", bob, if n < ORDERS_BURST { 201 } else { 429 }))
        .collect();
    requests.push(post("alice", alice, 201));
    requests.push(get("bob", "/orders", Some(bob), 200));
    requests.push(get("bob", "/billing", Some(bob), 200));
    Scene {
        number: 2,
        title: "bob hammers POST /orders",
        about: "429 from the gateway itself; alice, and bob's other endpoints, are not touched",
        requests,
        holds: |answers| {
            let refused = &answers[ORDERS_BURST];
            if refused.header("retry-after").parse::<u64>().is_err() {
                return Err("the 429 has no Retry-After in seconds".to_owned());
            }
            if !refused.body.contains("quota-exceeded") {
                return Err("the 429 has no problem document".to_owned());
            }
            Ok(())
        },
    }
}

fn forged(issuer: &Issuer, alice: &str) -> Scene {
    let forged = issuer.token("alice").audience(AUDIENCE).forged().mint();
    Scene {
        number: 3,
        title: "a forged token says `sub: alice`",
        about: "401, and alice's own bucket does not move",
        requests: vec![
            get("alice", "/orders", Some(alice), 200),
            get("forger", "/orders", Some(&forged), 401),
            get("forger", "/orders", Some(&forged), 401),
            get("alice", "/orders", Some(alice), 200),
        ],
        holds: |answers| {
            if !answers[1]
                .header("www-authenticate")
                .contains("invalid_token")
            {
                return Err("the 401 does not say why".to_owned());
            }
            match (answers[0].remaining(), answers[3].remaining()) {
                // Time refills, so alice can only have more than one less.
                (Some(before), Some(after)) if after + 1 >= before => Ok(()),
                other => Err(format!("the forger spent from alice's bucket: {other:?}")),
            }
        },
    }
}

fn refreshed(new_token: &str) -> Scene {
    Scene {
        number: 4,
        title: "bob gets a new token",
        about: "another token, the same user: the same exhausted bucket",
        requests: vec![post("bob", new_token, 429), post("bob", new_token, 429)],
        holds: |_| Ok(()),
    }
}

fn anonymous() -> Scene {
    let get = |expect| get("(no token)", "/items", None, expect);
    Scene {
        number: 5,
        title: "somebody without a token",
        about: "the anonymous plan, counted per client network",
        requests: vec![get(200), get(200), get(429)],
        holds: |_| Ok(()),
    }
}

/// Each token differs, also for the same user: a number of its own, as issuers give.
fn mint(issuer: &Issuer, sub: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
    let token = issuer.token(sub).audience(AUDIENCE);
    token.account("acc_1").claim("jti", number).mint()
}

fn get(who: &'static str, path: &'static str, token: Option<&str>, expect: u16) -> Request {
    Request {
        who,
        method: Method::GET,
        path,
        token: token.map(str::to_owned),
        expect,
    }
}

fn post(who: &'static str, token: &str, expect: u16) -> Request {
    Request {
        who,
        method: Method::POST,
        path: "/orders",
        token: Some(token.to_owned()),
        expect,
    }
}
