//! The scenes: what is sent, and what each must show.

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
    /// How many notices somebody has received by its end.
    pub(super) notices: usize,
}

/// Whom a request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The gateway's own, where customers come in.
    Customers,
    /// The admin API.
    Operators,
}

/// One request of a scene.
pub(super) struct Request {
    pub(super) who: &'static str,
    pub(super) method: Method,
    pub(super) path: String,
    /// What the table calls it; empty: its path.
    pub(super) shown: &'static str,
    pub(super) door: Door,
    pub(super) token: Option<String>,
    pub(super) body: Option<String>,
    pub(super) expect: u16,
    /// It is sent again until it is answered so: a change takes a moment, at most a second, to be in force.
    pub(super) until: bool,
}

/// Requests a burst of `POST /orders` admits in the demo's policy.
const ORDERS_BURST: usize = 5;
/// And requests of a trial.
const TRIAL_QUOTA: usize = 8;

pub(super) fn all(stage: &Stage) -> [Scene; 7] {
    let token = |sub: &str| mint(&stage.issuer, sub);
    [
        within_limits(&token("alice")),
        hammering(&token("alice"), &token("bob")),
        forged(&stage.issuer, &token("alice")),
        refreshed(&token("bob")),
        anonymous(),
        used_up(&carol(&stage.issuer)),
        upgraded(stage, &carol(&stage.issuer)),
    ]
}

/// On a trial, as her token says.
fn carol(issuer: &Issuer) -> String {
    let token = issuer.token("carol").audience(AUDIENCE);
    token.claim("plan", "trial").mint()
}

fn used_up(carol: &str) -> Scene {
    let mut requests: Vec<_> = (0..TRIAL_QUOTA)
        .map(|_| get("carol", "/items", Some(carol), 200))
        .collect();
    requests.push(get("carol", "/items", Some(carol), 429));
    requests.push(get("carol", "/billing", Some(carol), 200));
    Scene {
        number: 6,
        title: "carol uses up her trial",
        about: "somebody is told at 75 % and at 100 %; the 429 says where to go; billing still answers",
        requests,
        holds: |answers| match answers[TRIAL_QUOTA]
            .body
            .contains("https://demo.invalid/plans")
        {
            true => Ok(()),
            false => Err("the 429 does not say where to upgrade".to_owned()),
        },
        notices: 2,
    }
}

fn upgraded(stage: &Stage, carol: &str) -> Scene {
    let issuer = stage.issuer.url().replace(':', "%3A").replace('/', "%2F");
    let change = Request {
        who: "operator",
        method: Method::POST,
        path: format!("/v1/holders/subject/{issuer}/carol/changes"),
        shown: "carol -> pro",
        door: Door::Operators,
        token: Some(stage.operator_key.clone()),
        body: Some(r#"{"edit": {"assign": {"plan": "pro"}}, "note": "upgraded"}"#.to_owned()),
        expect: 200,
        until: false,
    };
    let mut served = get("carol", "/items", Some(carol), 200);
    served.until = true;
    Scene {
        number: 7,
        title: "carol upgrades",
        about: "her plan changes through the admin API; the same token is served within a second",
        requests: vec![change, served, get("carol", "/items", Some(carol), 200)],
        holds: |answers| match answers[2].header("ratelimit-policy").contains("burst") {
            true => Ok(()),
            false => Err("carol is not on the new plan".to_owned()),
        },
        notices: 2,
    }
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
        notices: 0,
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
        notices: 0,
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
        notices: 0,
    }
}

fn refreshed(new_token: &str) -> Scene {
    Scene {
        number: 4,
        title: "bob gets a new token",
        about: "another token, the same user: the same exhausted bucket",
        requests: vec![post("bob", new_token, 429), post("bob", new_token, 429)],
        holds: |_| Ok(()),
        notices: 0,
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
        notices: 0,
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
        path: path.to_owned(),
        shown: "",
        door: Door::Customers,
        token: token.map(str::to_owned),
        body: None,
        expect,
        until: false,
    }
}

fn post(who: &'static str, token: &str, expect: u16) -> Request {
    Request {
        method: Method::POST,
        ..get(who, "/orders", Some(token), expect)
    }
}
