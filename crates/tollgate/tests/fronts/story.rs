//! One story for all proxies: what each of them has to do with Tollgate's verdicts.

use serde_json::{Value, json};
use tollgate_testkit::peers::Peer;

use crate::stage::{Stage, eventually, field};

/// What a proxy does in its own way.
#[derive(Clone, Copy)]
pub(crate) struct Dialect {
    /// Its answer where Tollgate cannot be asked.
    pub(crate) down: u16,
    /// Its answer where Tollgate does not answer in time.
    pub(crate) slow: u16,
    /// Tollgate verifies the token; else the proxy does, and answers bad ones itself.
    pub(crate) verifies: bool,
    /// It can show what Tollgate answers itself.
    pub(crate) shows_own: bool,
    /// The origin gets the whole verified identity, and nothing else by which a client could claim one
    /// or mislead a limiter; else the subject only.
    pub(crate) shows_identity: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            down: 503,
            slow: 503,
            verifies: true,
            shows_own: true,
            shows_identity: true,
        }
    }
}

fn lives_up(stage: &mut Stage, dialect: Dialect) {
    limits_each_user_on_each_endpoint(stage);
    says_why(stage, dialect);
    lets_nobody_claim(stage);
    tells_the_origin_who_calls(stage, dialect);
    stands_without_tollgate(stage, dialect);
}

fn limits_each_user_on_each_endpoint(stage: &Stage) {
    assert_eq!(
        stage.statuses(5, "/orders", "alice"),
        [200, 200, 200, 429, 429]
    );
    assert_eq!(
        stage.statuses(4, "/orders", "bob"),
        [200, 200, 200, 429],
        "another user"
    );
    assert_eq!(
        stage.statuses(2, "/orders/order_001", "alice"),
        [200, 200],
        "another endpoint"
    );
    assert_eq!(
        stage.statuses(2, "/orders/order_002", "alice"),
        [200, 429],
        "another path of the same endpoint"
    );
    let hits = |path, subject| stage.origin.hits(path, subject);
    assert_eq!(
        (hits("/orders", "alice"), hits("/orders", "bob")),
        (3, 3),
        "what was refused never came to the origin, what passed with its user's name"
    );
}

fn says_why(stage: &Stage, dialect: Dialect) {
    let passed = stage.get("/billing", "alice");
    assert_eq!(passed.status(), 200);
    assert!(field(&passed, "ratelimit").starts_with("\"burst\";r="));
    let refused = stage.get("/orders", "alice");
    assert_eq!(refused.status(), 429);
    let wait: u64 = field(&refused, "retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    assert_eq!(field(&refused, "content-type"), "application/problem+json");
    assert_eq!(field(&refused, "cache-control"), "no-store");
    assert!(field(&refused, "ratelimit").starts_with("\"burst\";r=0;t="));
    let problem: Value = refused.json().unwrap();
    assert_eq!(problem["status"], 429);
    assert_eq!(problem["violated-policies"][0], "burst");
    assert_eq!(problem["upgrade_url"], "https://example.com/upgrade");

    let nobody = stage.request("GET", "/orders").send().unwrap();
    assert_eq!(nobody.status(), 401);
    assert!(field(&nobody, "www-authenticate").starts_with("Bearer realm="));
    let garbage = stage.request("GET", "/orders").bearer_auth("garbage");
    let garbage = garbage.send().unwrap();
    assert_eq!(garbage.status(), 401);
    assert!(field(&garbage, "www-authenticate").contains("error=\"invalid_token\""));
    if dialect.verifies {
        assert_eq!(field(&nobody, "content-type"), "application/problem+json");
        assert_eq!(field(&nobody, "cache-control"), "no-store");
    }
    if dialect.shows_own {
        let own = stage.get("/rate_limit", "alice");
        assert_eq!(own.status(), 200, "answered by Tollgate, free of charge");
        assert!(own.text().unwrap().contains("burst"));
    }
}

fn lets_nobody_claim(stage: &Stage) {
    stage.origin.reset_hits();
    let forged = stage
        .request("GET", "/orders")
        .bearer_auth(stage.token("carol"))
        .header("x-tollgate-subject", "mallory")
        .header("x-tollgate-plan", "gold")
        // What other proxies would say of the original request.
        .header("x-original-uri", "/billing")
        .header("x-forwarded-uri", "/billing")
        .header("x-forwarded-method", "POST");
    assert_eq!(forged.send().unwrap().status(), 200);
    let hits = |subject| stage.origin.hits("/orders", subject);
    assert_eq!((hits("carol"), hits("mallory")), (1, 0));
    assert_eq!(
        stage.statuses(3, "/orders", "carol"),
        [200, 200, 429],
        "it was counted as what it was"
    );
}

fn tells_the_origin_who_calls(stage: &Stage, dialect: Dialect) {
    let asked = || {
        let request = stage.request("GET", "/headers");
        request.bearer_auth(stage.token("carol"))
    };
    let claims = [
        "x-tollgate-subject",
        "x-tollgate-account",
        "x-tollgate-plan",
        "x_tollgate_subject",
        "x-ratelimit-user-id",
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-limit",
        "x-ratelimit-remaining",
        "x-envoy-ratelimited",
    ];
    let forged = claims
        .iter()
        .fold(asked(), |request, name| request.header(*name, "mallory"));
    let answer = forged.send().unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().unwrap();
    assert!(!text.contains("mallory"), "{text}");
    let got: Value = serde_json::from_str(&text).unwrap();
    is_carols(&got["headers"], dialect);

    // Proxies delete what `Connection` nominates: this must not be the identity.
    let nominated = "keep-alive, X-Tollgate-Subject, X-Tollgate-Plan, X-Ratelimit-User-Id";
    let answer = asked().header("connection", nominated).send().unwrap();
    if answer.status() != 400 {
        assert_eq!(answer.status(), 200);
        let got: Value = answer.json().unwrap();
        is_carols(&got["headers"], dialect);
        let passed_on = got["headers"]["connection"].to_string();
        assert!(!passed_on.to_lowercase().contains("x-tollgate"));
    }
}

fn is_carols(fields: &Value, dialect: Dialect) {
    assert_eq!(fields["x-tollgate-subject"], json!(["carol"]), "{fields:#}");
    if dialect.shows_identity {
        assert_eq!(fields["x-tollgate-plan"], json!(["standard"]));
        let id = fields["x-ratelimit-user-id"][0].as_str().unwrap();
        assert!(id.contains(".k1."), "{id}");
    }
}

fn stands_without_tollgate(stage: &mut Stage, dialect: Dialect) {
    let mut paths = vec!["/billing"];
    if dialect.shows_own {
        paths.push("/rate_limit");
    }
    let statuses = |stage: &Stage| -> Vec<u16> {
        let status = |path: &&str| stage.get(path, "alice").status().as_u16();
        paths.iter().map(status).collect()
    };
    stage.origin.reset_hits();
    stage.stand_still();
    let slow = statuses(stage);
    stage.go_on();
    let expected = vec![dialect.slow; paths.len()];
    assert_eq!(slow, expected, "Tollgate stands still");
    eventually("it goes on", || {
        stage.get("/billing", "alice").status() == 200
    });

    stage.go_down();
    stage.origin.reset_hits();
    for _ in 0..3 {
        let expected = vec![dialect.down; paths.len()];
        assert_eq!(statuses(stage), expected, "Tollgate is not there");
    }
    assert_eq!(stage.origin.hits_total(), 0, "nobody passes unchecked");

    stage.come_up();
    eventually("it is there again", || {
        stage.get("/billing", "alice").status() == 200
    });
    assert_eq!(
        stage.statuses(4, "/orders", "dave"),
        [200, 200, 200, 429],
        "after a restart"
    );
}

/// Starts a proxy on a stage and tells the story with it.
pub(crate) fn behind(start: impl FnOnce(&Stage) -> Peer, dialect: Dialect) {
    let mut stage = Stage::start();
    let _proxy = start(&stage);
    lives_up(&mut stage, dialect);
}
