//! A policy compiled in each variant and served: who is limited, who is not, and by how much WAF is
//! late.

mod copied;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tempfile::TempDir;
use tollgate_aws::compile::{Accepted, compile};
use tollgate_aws::report::admitted_at_most;
use tollgate_aws::store::{Secrets, import_json};
use tollgate_aws::target::{Target, Trust, Variant};
use tollgate_aws::waf::simulate::Settings;
use tollgate_edge::{Folder, Summary, waf};
use tollgate_policy::Policy;

use crate::client::{Answer, get};
use crate::stage::Stage;

const ID: &str = "x-ratelimit-user-id";
const SECRET: &[u8] = b"an-hs256-secret-of-the-tests-0123456789abcdef";
const RING: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 - current\n";
/// Requests of one user on one route in a minute.
const LIMIT: u64 = 30;
/// Requests a second of who sends too many.
const FLOOD: u64 = 5;
/// By the clock of the stage.
const NOW_S: u64 = 1_700_000_000;

const POLICY: &str = "
tollgate: 1
origin: http://127.0.0.1
identity:
  issuers:
    - {issuer: login, audience: api, algorithms: [HS256], secret_file: hs256.key}
  bucket_keys: buckets.keys
routes: {list: ['GET /orders/{id}', GET /prices]}
plans: {standard: {class: std, limits: [{name: burst, window: 30/min}]}}
edge: {before: {}}
";

/// A compiled deployment on loopback.
struct Served {
    stage: Stage,
    variant: Variant,
}

impl Served {
    fn new(variant: Variant) -> Self {
        Self::of(variant, POLICY)
    }

    fn of(variant: Variant, policy: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let policy = Policy::parse("tollgate.yaml", policy, Path::new(".")).unwrap();
        let target = Target::new(variant, Trust::Hs256);
        let deployment = compile(&policy, target, Accepted::default()).unwrap();
        let secrets = Secrets {
            ring: RING.to_owned().into(),
            issuers: vec![SECRET.to_vec().into()],
        };
        let store = deployment.store(&secrets).unwrap();
        for (name, text) in [
            ("function.js", deployment.function.source.clone()),
            ("kvs.json", import_json(&store).to_string()),
            ("web-acl.json", deployment.web_acl.to_string()),
            ("manifest.json", deployment.manifest().to_string()),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let folder = Folder::read(folder.path()).unwrap();
        let waf = waf::simulated(&folder, Settings::default()).unwrap();
        let stage = Stage::set(folder, waf, None);
        Self { stage, variant }
    }

    fn address(&self) -> SocketAddr {
        self.stage.address
    }

    /// One request of a user for its order, with what the variant asks a client for.
    fn order(&self, token: &str, id: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut fields = vec![("authorization", bearer.as_str())];
        if self.variant == Variant::Before {
            fields.push((ID, id));
        }
        get(self.address(), "/orders/7", &fields)
    }

    /// The id that a client gets where it has to present one.
    fn id(&self, token: &str) -> String {
        if self.variant != Variant::Before {
            return String::new();
        }
        let bearer = format!("Bearer {token}");
        let fields = [("authorization", bearer.as_str())];
        let target = "/ratelimit-user-id?method=GET&path=%2Forders%2F1";
        let answer = get(self.address(), target, &fields);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        body["id"].as_str().unwrap().to_owned()
    }

    fn pass(&self, time: Duration) {
        self.stage.clock.advance(time);
    }

    /// Sends as `token` until WAF answers; how many passed before.
    fn flood(&self, token: &str, id: &str) -> u64 {
        let bound = admitted_at_most(LIMIT, FLOOD, LAG_S);
        for passed in 0..=bound {
            let answer = self.order(token, id);
            if answer.status == 429 {
                assert!(answer.head.contains("retry-after: 60"), "{}", answer.head);
                return passed;
            }
            assert_eq!(answer.status, 200, "{}", answer.body);
            self.pass(Duration::from_millis(1_000 / FLOOD));
        }
        panic!("{bound} requests passed, more than the report says");
    }

    fn end(self) -> Summary {
        self.stage.end()
    }
}

/// What the model's settings make of "usually below 30 seconds".
const LAG_S: u64 = 20;

fn token(subject: &str, jti: u64) -> String {
    let claims = json!({
        "iss": "login", "aud": "api", "sub": subject, "jti": jti, "exp": NOW_S + 3_600,
    });
    signed(&json!({"alg": "HS256"}), &claims, SECRET)
}

fn signed(header: &serde_json::Value, claims: &serde_json::Value, secret: &[u8]) -> String {
    let part = |value: &serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let text = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(text.as_bytes());
    let tag = BASE64URL_NOPAD.encode(&mac.finalize().into_bytes());
    format!("{text}.{tag}")
}

/// Everything that holds in all three variants.
fn alice_and_bob(variant: Variant) -> Served {
    let served = Served::new(variant);
    let (alice, bob) = (token("alice", 1), token("bob", 1));
    let (alices, bobs) = (served.id(&alice), served.id(&bob));
    // Within her limit she is never refused.
    for _ in 0..2 * LIMIT {
        assert_eq!(served.order(&alice, &alices).status, 200);
        served.pass(Duration::from_secs(60 / LIMIT + 1));
    }
    // Bob is, within what the report says, and she still is not.
    let passed = served.flood(&bob, &bobs);
    assert!(passed > LIMIT, "WAF is no exact limit: {passed}");
    assert_eq!(served.order(&alice, &alices).status, 200);
    // A new token of his is in the same bucket.
    assert_eq!(served.order(&token("bob", 2), &bobs).status, 429);
    // Nobody spends hers by writing her name.
    let claims = json!({"iss": "login", "aud": "api", "sub": "alice", "exp": NOW_S + 3_600});
    let forged = signed(
        &json!({"alg": "HS256"}),
        &claims,
        b"a-secret-that-is-not-the-issuers-0123",
    );
    let unsigned = signed(&json!({"alg": "none"}), &claims, SECRET);
    for attempt in [forged, unsigned] {
        for _ in 0..4 * LIMIT {
            let status = served
                .order(&attempt, "std.k1.AAAAAAAAAAAAAAAAAAAAAA")
                .status;
            assert!(status == 401 || status == 429, "{status}");
            served.pass(Duration::from_millis(1_000 / FLOOD));
        }
    }
    served.pass(Duration::from_secs(30));
    assert_eq!(served.order(&alice, &alices).status, 200);
    served
}

/// That no key of a rule got more through in a window than the report says.
fn overshoot_is_told(summary: &Summary) {
    let std = summary
        .rules
        .iter()
        .find(|rule| rule.rule.name == "tollgate-std-30-60");
    let most = std.unwrap().most_admitted;
    assert!(
        most > LIMIT && most <= admitted_at_most(LIMIT, FLOOD, LAG_S),
        "{most}"
    );
    assert!(summary.complete);
}

#[test]
fn after_the_function_names_and_the_origins_waf_counts() {
    let served = alice_and_bob(Variant::After);
    // An id that a client sends is nobody's: Alice with Bob's is Alice, Bob with Alice's is Bob.
    let alice = format!("Bearer {}", token("alice", 1));
    let seen = get(
        served.address(),
        "/orders/7",
        &[("authorization", &alice), (ID, "std.k1.bobs")],
    );
    let id = seen.received(ID);
    assert_eq!((seen.status, id.len()), (200, 1));
    assert!(
        id[0].starts_with("std.k1.") && id[0] != "std.k1.bobs",
        "{id:?}"
    );
    // The way around CloudFront is locked, whoever's id one brings.
    let around = served.stage.behind.unwrap();
    assert_eq!(
        get(
            around,
            "/orders/7",
            &[("authorization", &alice), (ID, &id[0])]
        )
        .status,
        403
    );
    overshoot_is_told(&served.end());
}

#[test]
fn chained_the_second_distribution_counts() {
    let served = alice_and_bob(Variant::Chained);
    let around = served.stage.behind.unwrap();
    let alice = format!("Bearer {}", token("alice", 1));
    assert_eq!(
        get(around, "/orders/7", &[("authorization", &alice)]).status,
        403
    );
    overshoot_is_told(&served.end());
}

#[test]
fn before_a_root_in_the_cookie_has_one_limit_for_all_routes() {
    let served = Served::of(
        Variant::Before,
        &POLICY.replace("before: {}", "before: {cookie: bucket}"),
    );
    let bearer = format!("Bearer {}", token("alice", 1));
    let by = |path: &str, cookie: &str| {
        let fields = [("authorization", bearer.as_str()), ("cookie", cookie)];
        get(served.address(), path, &fields)
    };
    let minted = by("/ratelimit-user-id?cookie=1", "a=1");
    let ids: serde_json::Value = serde_json::from_str(&minted.body).unwrap();
    let cookie = format!("bucket=std.k1.{}", ids["root"].as_str().unwrap());
    let set = format!("set-cookie: {}; path=/;", cookie.to_lowercase());
    assert!(minted.head.contains(&set), "{}", minted.head);
    // By another name it is none, though a reader of the whole field finds it there.
    assert_eq!(by("/prices", &format!("x{cookie}")).status, 403);
    let mut passed = 0;
    let bound = admitted_at_most(LIMIT, FLOOD, LAG_S);
    let limited = (0..=bound).any(|n| {
        let path = if n % 2 == 0 { "/prices" } else { "/orders/7" };
        let status = by(path, &format!("b=2; {cookie}")).status;
        passed += u64::from(status == 200);
        served.pass(Duration::from_millis(1_000 / FLOOD));
        status == 429
    });
    assert!(limited && passed > LIMIT, "{passed}");
    served.end();
}

#[test]
fn before_a_copied_or_a_forged_id_is_refused() {
    let served = alice_and_bob(Variant::Before);
    let (alice, carol) = (token("alice", 1), token("carol", 1));
    let (alices, carols) = (served.id(&alice), served.id(&carol));
    for (id, status) in [
        (carols.as_str(), 200),
        (alices.as_str(), 403),
        ("std.k1.BBBBBBBBBBBBBBBBBBBBBB", 403),
        ("garbage", 403),
    ] {
        assert_eq!(served.order(&carol, id).status, status, "{id}");
    }
    let bearer = format!("Bearer {carol}");
    let fields = [("authorization", bearer.as_str())];
    assert_eq!(
        get(served.address(), "/orders/7", &fields).status,
        403,
        "no id at all"
    );
    let elsewhere = [("authorization", bearer.as_str()), (ID, carols.as_str())];
    assert_eq!(
        get(served.address(), "/prices", &elsewhere).status,
        403,
        "another route"
    );
    // Who shows no id is limited by address.
    let bound = admitted_at_most(1_000, 100, LAG_S);
    let limited = (0..=bound).any(|_| {
        served.pass(Duration::from_millis(10));
        get(served.address(), "/orders/7", &fields).status == 429
    });
    assert!(limited);
    overshoot_is_told(&served.end());
}
