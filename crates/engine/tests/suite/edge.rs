//! The edge header both ways, and the edge pass.

mod pass;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tollgate_engine::{AnswerContext, Decision, Forbidden, Verdict};

use crate::support::{Ask, Bench, REST, START_UNIX_S};

const SECRETS: [&str; 2] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    "7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU",
];
const BEFORE: &str = "before: {cookie: bucket_id, per_network: {rate: 1/s, burst: 4}}";

/// A gateway with a ring of its own.
struct Edge {
    bench: Bench,
    folder: tempfile::TempDir,
    edge: String,
}

impl Edge {
    fn new(edge: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ring = format!("k1 {} 0 - current\n", SECRETS[0]);
        let path = write_ring(&folder, &ring);
        let edge = format!("{REST}edge: {{{edge}}}\n");
        let bench = Bench::with_identity(&edge, &identity(&path));
        Self {
            bench,
            folder,
            edge,
        }
    }

    fn reload_with_ring(&self, ring: &str) {
        let path = write_ring(&self.folder, ring);
        self.bench.reload_identity(&self.edge, &identity(&path));
    }

    fn alice(&self) -> String {
        self.bench.user("alice")
    }

    fn own(&self, target: &str, token: &str) -> Response<bytes::Bytes> {
        let ask = Ask::new("GET", target).bearer(token);
        let decision = self.bench.decide(&ask);
        let context = AnswerContext::default();
        let own = self
            .bench
            .engine
            .own_answer(&decision, &ask.head(), &context);
        own.or_else(|| decision.answer(&context)).unwrap()
    }

    fn ids(&self, target: &str, token: &str) -> Value {
        let answer = self.own(target, token);
        assert_eq!(answer.status(), StatusCode::OK);
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// The id that the gateway hands out for a request.
    fn id(&self, token: &str, method: &str, path: &str) -> String {
        let target = format!("/ratelimit-user-id?method={method}&path={path}");
        self.ids(&target, token)["id"].as_str().unwrap().to_owned()
    }

    fn decide(&self, method: &str, path: &str, token: &str, id: &str) -> Decision {
        let ask = Ask::new(method, path).bearer(token);
        self.bench.decide(&ask.header("x-ratelimit-user-id", id))
    }
}

fn write_ring(folder: &tempfile::TempDir, ring: &str) -> PathBuf {
    let path = folder.path().join("bucket.keys");
    std::fs::write(&path, ring).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn identity(ring: &std::path::Path) -> String {
    format!("  bucket_keys: {}\n", ring.display())
}

fn is_mismatch(decision: &Decision) -> bool {
    matches!(
        decision.verdict,
        Verdict::Forbidden(Forbidden::BucketIdMismatch)
    )
}

fn passes(decision: &Decision) -> bool {
    matches!(decision.verdict, Verdict::Allow)
}

fn forwarded(bench: &Bench, ask: &Ask) -> HeaderMap {
    let mut headers = ask.headers();
    bench.decide(ask).forward_headers(&mut headers);
    headers
}

/// What a client does with its root, written down from the design and nothing else.
fn derived(ids: &Value, method: &str, template: &str) -> String {
    let [root, kid, class] = ["root", "kid", "class"].map(|name| ids[name].as_str().unwrap());
    let mut mac = Hmac::<Sha256>::new_from_slice(root.as_bytes()).unwrap();
    mac.update(b"tollgate/route/1");
    for part in [class, method, template] {
        mac.update(format!("{}:{part}", part.len()).as_bytes());
    }
    let tag = BASE64URL_NOPAD.encode(&mac.finalize().into_bytes());
    format!("{class}.{kid}.{}", &tag[..22])
}

#[test]
fn after_the_origin_gets_the_id_and_never_the_client_s() {
    let edge = Edge::new("after: true");
    let forged = Ask::new("GET", "/orders/7")
        .header("x-ratelimit-user-id", "standard.k1.AAAAAAAAAAAAAAAAAAAAAA")
        .header("x_ratelimit_user_id", "also");
    let headers = forwarded(&edge.bench, &forged.clone().bearer(&edge.alice()));
    let id = headers["x-ratelimit-user-id"].to_str().unwrap();
    assert!(id.starts_with("standard.k1."), "{id}");
    assert_eq!(headers.get_all("x-ratelimit-user-id").iter().count(), 1);
    assert!(!headers.contains_key("x_ratelimit_user_id"));
    // The same for every order and token of hers, another for another route or user.
    let of = |path: &str, token: &str| {
        let headers = forwarded(&edge.bench, &Ask::new("GET", path).bearer(token));
        headers["x-ratelimit-user-id"].to_str().unwrap().to_owned()
    };
    let refreshed = edge.bench.token(&json!({"sub": "alice", "jti": "2"}));
    assert_eq!(of("/orders/8", &refreshed), id);
    assert_ne!(of("/orders", &edge.alice()), id);
    assert_ne!(of("/orders/7", &edge.bench.user("bob")), id);
    // An anonymous caller has its network's, and cannot choose it.
    let network = |ask: &Ask| {
        let headers = forwarded(&edge.bench, ask);
        headers["x-ratelimit-user-id"].to_str().unwrap().to_owned()
    };
    let anonymous = network(&forged);
    assert!(anonymous.starts_with("anonymou.k1."), "{anonymous}");
    assert_eq!(network(&Ask::new("GET", "/orders/9")), anonymous);
    let elsewhere = Ask::new("GET", "/orders/9").from("198.51.100.77");
    assert_ne!(network(&elsewhere), anonymous);
}

/// Her root as a cookie holds it.
fn in_cookie(ids: &Value) -> String {
    let [class, kid, root] = ["class", "kid", "root"].map(|name| ids[name].as_str().unwrap());
    format!("{class}.{kid}.{root}")
}

#[test]
fn before_a_client_derives_its_ids_from_its_root() {
    let edge = Edge::new(BEFORE);
    let alice = edge.alice();
    let ids = edge.ids("/ratelimit-user-id", &alice);
    assert_eq!(ids["expires"], Value::Null);
    let own = derived(&ids, "GET", "/orders/{order_id}");
    assert_eq!(own, edge.id(&alice, "GET", "/orders/123"));
    assert!(passes(&edge.decide("GET", "/orders/5", &alice, &own)));
    let refreshed = edge.bench.token(&json!({"sub": "alice", "jti": "2"}));
    assert!(passes(&edge.decide("GET", "/orders/6", &refreshed, &own)));
    // The root in a field would be one more count in front, of no route.
    for root in [
        format!("k1.{}", ids["root"].as_str().unwrap()),
        in_cookie(&ids),
    ] {
        let decision = edge.decide("POST", "/orders", &alice, &root);
        assert!(is_mismatch(&decision), "{root}");
    }
}

#[test]
fn before_a_wrong_id_is_403_and_touches_nobody() {
    let edge = Edge::new(BEFORE);
    let (alice, bob) = (edge.alice(), edge.bench.user("bob"));
    let hers = edge.id(&alice, "GET", "/orders");
    let gold = edge.bench.token(&json!({"sub": "alice", "plan": "gold"}));
    let root = edge.ids("/ratelimit-user-id", &alice)["root"].clone();
    let root = root.as_str().unwrap();
    let table = [
        ("another user's token", "GET", "/orders", &bob, hers.clone()),
        ("another route", "POST", "/orders", &alice, hers.clone()),
        (
            "another plan of hers",
            "GET",
            "/orders",
            &gold,
            hers.clone(),
        ),
        (
            "another class in front",
            "GET",
            "/orders",
            &alice,
            hers.replacen("standard", "gold", 1),
        ),
        (
            "another key's name",
            "GET",
            "/orders",
            &alice,
            hers.replacen(".k1.", ".k2.", 1),
        ),
        (
            "another letter's case",
            "GET",
            "/orders",
            &alice,
            hers.to_ascii_uppercase(),
        ),
        (
            "one character less",
            "GET",
            "/orders",
            &alice,
            hers[..hers.len() - 1].to_owned(),
        ),
        ("a root", "GET", "/orders", &alice, root.to_owned()),
        ("nothing", "GET", "/orders", &alice, String::new()),
        ("her name", "GET", "/orders", &alice, "alice".to_owned()),
    ];
    for (what, method, path, token, id) in table {
        for _ in 0..5 {
            let decision = edge.decide(method, path, token, &id);
            assert!(is_mismatch(&decision), "{what}: {id}");
        }
    }
    let twice = Ask::new("GET", "/orders").bearer(&alice);
    let twice = twice.header("x-ratelimit-user-id", &hers);
    let twice = edge
        .bench
        .decide(&twice.header("x-ratelimit-user-id", &hers));
    assert!(is_mismatch(&twice));
    // Neither her bucket nor his was touched.
    let mut own = 0;
    while passes(&edge.decide("GET", "/orders", &alice, &hers)) {
        own += 1;
    }
    assert_eq!(own, 3);
    let his = edge.id(&bob, "GET", "/orders");
    assert!(passes(&edge.decide("GET", "/orders", &bob, &his)));
}

#[test]
fn before_everything_that_is_shown_must_hold() {
    let edge = Edge::new(BEFORE);
    let alice = edge.alice();
    let good = edge.id(&alice, "GET", "/orders");
    let forged = good.replace(&good[good.len() - 22..], "AAAAAAAAAAAAAAAAAAAAAA");
    let show = |field: &str, cookie: &str| {
        let ask = Ask::new("GET", "/orders").bearer(&alice);
        let ask = ask.header("x-ratelimit-user-id", field);
        edge.bench
            .decide(&ask.header("cookie", &format!("bucket_id={cookie}")))
    };
    let root = in_cookie(&edge.ids("/ratelimit-user-id", &alice));
    let another_plan_s = root.replacen("standard", "gold", 1);
    assert!(passes(&show(&good, &root)));
    for (field, cookie) in [
        (&good, &good),
        (&good, &forged),
        (&good, &another_plan_s),
        (&forged, &root),
        (&root, &root),
    ] {
        assert!(is_mismatch(&show(field, cookie)), "{field} {cookie}");
    }
    // It has the pace of credentials that do not hold.
    assert!(show(&good, &forged).refuses_credential());
    assert!(!show(&good, &root).refuses_credential());
    assert!(passes(&show(&good, "")), "an empty cookie is none");
    // Nobody shows an id: a limiter in front would count him under a name of his choice.
    let nobody = Ask::new("GET", "/orders").header("x-ratelimit-user-id", &forged);
    assert!(is_mismatch(&edge.bench.decide(&nobody)));
    let nobody = Ask::new("GET", "/orders").header("cookie", "bucket_id=x");
    assert!(is_mismatch(&edge.bench.decide(&nobody)));
    let preflight = Ask::new("OPTIONS", "/orders").header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "GET");
    assert!(passes(&edge.bench.decide(&preflight)));
    let preflight = preflight.header("x-ratelimit-user-id", &forged);
    assert!(is_mismatch(&edge.bench.decide(&preflight)));
    // A cookie that does not hold is taken back; what she needs in order to pay is open.
    let answer = show(&good, &forged).answer(&AnswerContext::default());
    let cookie = answer.unwrap().headers()["set-cookie"].clone();
    assert!(
        cookie
            .to_str()
            .unwrap()
            .starts_with("bucket_id=; Path=/; Max-Age=0;")
    );
    let billing = Ask::new("GET", "/billing").bearer(&alice);
    let billing = billing.header("x-ratelimit-user-id", &forged);
    assert!(passes(&edge.bench.decide(&billing)));
}

#[test]
fn before_a_ring_without_a_valid_key_hands_out_nothing() {
    let edge = Edge::new(BEFORE);
    let id = edge.id(&edge.alice(), "GET", "/orders");
    let ended = START_UNIX_S + 60;
    edge.reload_with_ring(&format!("k1 {} 0 {ended} current\n", SECRETS[0]));
    assert!(passes(&edge.decide("GET", "/orders", &edge.alice(), &id)));
    edge.bench.advance(60_000);
    let answer = edge.own("/ratelimit-user-id", &edge.alice());
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_mismatch(&edge.decide(
        "GET",
        "/orders",
        &edge.alice(),
        &id
    )));
    // Nor is whoever shows one taken for a user who shows none: a limiter in front has counted it
    // under the name that it shows.
    let lenient = Edge::new("before: {without_id: anonymous}");
    lenient.reload_with_ring(&format!("k1 {} 0 {START_UNIX_S} current\n", SECRETS[0]));
    let show = |id: &str| lenient.decide("GET", "/orders", &lenient.alice(), id);
    for id in [id.as_str(), "gold.k1.AAAAAAAAAAAAAAAAAAAAAA"] {
        assert!(is_mismatch(&show(id)), "{id}");
    }
    let without = Ask::new("GET", "/orders").bearer(&lenient.alice());
    assert!(passes(&lenient.bench.decide(&without)));
    let snapshot = edge.bench.engine.snapshot();
    assert!(snapshot.has_valid_bucket_key(ended - 1) && !snapshot.has_valid_bucket_key(ended));
}

#[test]
fn before_without_an_id_is_403_or_the_plan_for_it() {
    let strict = Edge::new(BEFORE);
    let ask = Ask::new("GET", "/orders").bearer(&strict.alice());
    let answer = strict.bench.decide(&ask).answer(&AnswerContext::default());
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["type"], "urn:problem-type:tollgate:bucket-id-missing");
    // What she needs in order to pay, and her own limits, are always there.
    let billing = Ask::new("GET", "/billing").bearer(&strict.alice());
    assert!(passes(&strict.bench.decide(&billing)));
    assert_eq!(
        strict.own("/rate_limit", &strict.alice()).status(),
        StatusCode::OK
    );
    let lenient = Edge::new("before: {without_id: anonymous}");
    let ask = Ask::new("GET", "/orders").bearer(&lenient.alice());
    let decision = lenient.bench.decide(&ask);
    assert!(passes(&decision));
    assert_eq!(decision.plan_name(), Some("anonymous"));
    // Callers without a token have no id to present.
    assert!(passes(&strict.bench.decide(&Ask::new("GET", "/orders"))));
}

#[test]
fn ids_are_for_users_and_their_network_s_to_spend() {
    let edge = Edge::new(BEFORE);
    let nobody = Ask::new("GET", "/ratelimit-user-id");
    let answer = edge.bench.decide(&nobody).answer(&AnswerContext::default());
    assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
    let ask = |user: &str| edge.own("/ratelimit-user-id", &edge.bench.user(user));
    for user in ["a", "b", "c", "d"] {
        let answer = ask(user);
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    let over = ask("e");
    assert_eq!(over.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(over.headers()["retry-after"], "1");
    // It cost no user a request.
    let orders = Ask::new("GET", "/orders").bearer(&edge.bench.user("a"));
    edge.bench.advance(5_000);
    let id = edge.id(&edge.bench.user("a"), "GET", "/orders");
    assert_eq!(
        edge.bench
            .allowed(&orders.header("x-ratelimit-user-id", &id), 9),
        3
    );
}

#[test]
fn a_cookie_carries_the_root_and_ends_with_its_key() {
    let edge = Edge::new(BEFORE);
    let alice = edge.alice();
    let until = START_UNIX_S + 3_600;
    edge.reload_with_ring(&format!("k1 {} 0 {until} current\n", SECRETS[0]));
    assert_eq!(edge.ids("/ratelimit-user-id", &alice)["expires"], until);
    let answer = edge.own("/ratelimit-user-id?cookie=1", &alice);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("bucket_id=standard.k1."), "{pair}");
    assert_eq!(
        attributes,
        "Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax"
    );
    // A link on another site sets nothing.
    let link = Ask::new("GET", "/ratelimit-user-id?path=/orders&cookie=1").bearer(&alice);
    let link = link.header("sec-fetch-site", "cross-site");
    let decision = edge.bench.decide(&link);
    let context = AnswerContext::default();
    let answer = edge
        .bench
        .engine
        .own_answer(&decision, &link.head(), &context);
    assert!(!answer.unwrap().headers().contains_key("set-cookie"));
    let with_cookie = |method: &str, token: &str| {
        Ask::new(method, "/orders")
            .bearer(token)
            .header("cookie", &format!("a=1; {pair}"))
    };
    assert!(passes(&edge.bench.decide(&with_cookie("POST", &alice))));
    assert!(is_mismatch(
        &edge
            .bench
            .decide(&with_cookie("POST", &edge.bench.user("bob")))
    ));
    // A root is private: it ends here.
    assert_eq!(
        forwarded(&edge.bench, &with_cookie("GET", &alice))["cookie"],
        "a=1"
    );
    edge.bench.advance(3_600_000);
    assert!(is_mismatch(
        &edge.bench.decide(&with_cookie("GET", &edge.alice()))
    ));
}

#[test]
fn case_102_ids_live_through_a_rotation_and_counts_too() {
    let edge = Edge::new(BEFORE);
    let alice = edge.alice();
    let old = edge.id(&alice, "GET", "/orders");
    assert!(passes(&edge.decide("GET", "/orders", &alice, &old)));
    let overlap = START_UNIX_S + 60;
    let [first, second] = SECRETS;
    edge.reload_with_ring(&format!(
        "k1 {first} 0 {overlap} accepted\nk2 {second} 0 - current\n"
    ));
    let new = edge.id(&alice, "GET", "/orders");
    assert!(new.starts_with("standard.k2."));
    assert!(passes(&edge.decide("GET", "/orders", &alice, &old)));
    assert!(passes(&edge.decide("GET", "/orders", &alice, &new)));
    let spent = edge.decide("GET", "/orders", &alice, &new);
    assert!(
        matches!(spent.verdict, Verdict::Limit { .. }),
        "one bucket throughout"
    );
    edge.bench.advance(60_000);
    assert!(is_mismatch(&edge.decide("GET", "/orders", &alice, &old)));
    assert!(passes(&edge.decide("GET", "/orders", &alice, &new)));
    edge.reload_with_ring(&format!("k3 {first} 0 - current\n"));
    assert!(
        is_mismatch(&edge.decide("GET", "/orders", &alice, &new)),
        "revoked"
    );
}
