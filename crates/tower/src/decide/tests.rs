use serde_json::{Value, json};
use tollgate_engine::RequestHead;
use tollgate_engine::limiter::Clock;

use super::holds::{EXPIRED_MAX, HOLD_MAX, HOLDS_MAX, Holds};
use crate::bench::Bench;

const CLIENT: &str = "192.0.2.7";

fn get(path: &str) -> Value {
    json!({"method": "GET", "path": path, "remote_address": CLIENT})
}

#[tokio::test]
async fn a_decision_says_all_that_a_gateway_would_do() {
    let bench = Bench::new();
    let bearer = bench.bearer("alice");
    let question = json!({
        "method": "GET", "path": "/orders//7?x=1", "remote_address": CLIENT,
        "headers": {"Authorization": bearer, "x-tollgate-plan": ["gold"]},
    });
    let told = bench.post("/v1/decide", &question).await.json();
    let id = told["bucket_id"].as_str().unwrap().to_owned();
    let expected = json!({
        "verdict": "allow", "status": 200, "route": "GET /orders/{order_id}", "plan": "standard",
        "anonymous": false, "bucket_id": id, "forward_path": "/orders/7",
        "forward_headers": {
            "x-tollgate-subject": ["alice"], "x-tollgate-account": ["acme"], "x-tollgate-plan": ["standard"],
        },
        "headers": {"ratelimit": ["\"burst\";r=2;t=10"], "ratelimit-policy": ["\"burst\";q=3;w=30"]},
        "limits": [{
            "name": "burst", "amount": "1/10s burst 3", "binding": true, "admits": true, "capacity": 3,
            "remaining": 2, "reset_s": 10,
        }],
    });
    assert_eq!(told, expected, "{told:#}");
    for _ in 0..2 {
        bench.post("/v1/decide", &question).await;
    }
    let told = bench.post("/v1/decide", &question).await.json();
    assert_eq!(told["verdict"], "limit");
    assert_eq!(
        (&told["status"], &told["retry_after_s"]),
        (&json!(429), &json!(10))
    );
    assert_eq!(told["headers"]["retry-after"], json!(["10"]));
    assert_eq!(told["body"]["violated-policies"], json!(["burst"]));
    assert_eq!(told["limits"][0]["admits"], false);
    assert!(told.get("forward_headers").is_none() && told.get("forward_path").is_none());
    assert!(
        !told.to_string().contains("alice"),
        "refused: nobody needs the name"
    );
}

#[tokio::test]
async fn a_program_is_told_every_field_that_a_gateway_would_have_changed() {
    let sections = "forward: {authorization: false}\nedge: {after: true}\n";
    let bench = Bench::under("token_cookie: session", sections);
    let question = json!({
        "method": "GET", "path": "/orders", "remote_address": CLIENT,
        "headers": {
            "accept": "*/*",
            "Authorization": bench.bearer("alice"),
            "Cookie": ["a=1; session=x", "b=2"],
            "RateLimit": "\"burst\";r=9",
            "X-Ratelimit-User-Id": ["forged", "twice"],
            "X_Tollgate_Subject": "mallory",
            "x-tollgate-anything": "mallory",
        },
    });
    let told = bench.post("/v1/decide", &question).await.json();
    let expected = json!({
        "authorization": [""],
        "cookie": ["a=1; b=2"],
        "ratelimit": [""],
        "x-ratelimit-user-id": [told["bucket_id"]],
        "x-tollgate-account": ["acme"],
        "x-tollgate-anything": [""],
        "x-tollgate-plan": ["standard"],
        "x-tollgate-subject": ["alice"],
        "x_tollgate_subject": [""],
    });
    assert_eq!(told["forward_headers"], expected, "{told:#}");
    let told = bench.post("/v1/decide", &get("/orders")).await.json();
    let expected = json!({
        "x-ratelimit-user-id": [told["bucket_id"]],
        "x-tollgate-account": [""],
        "x-tollgate-plan": ["anonymous"],
        "x-tollgate-subject": [""],
    });
    assert_eq!(told["forward_headers"], expected, "all of them, always");
}

#[tokio::test]
async fn what_is_only_checked_takes_nothing_and_a_cost_takes_more() {
    let bench = Bench::new();
    let mut check = get("/orders");
    check["check_only"] = true.into();
    for _ in 0..5 {
        let told = bench.post("/v1/decide", &check).await.json();
        assert_eq!(
            (&told["verdict"], &told["limits"][0]["remaining"]),
            (&json!("allow"), &json!(1))
        );
    }
    let mut two = get("/orders");
    two["cost"] = 2.into();
    let told = bench.post("/v1/decide", &two).await.json();
    assert_eq!(
        (&told["verdict"], &told["limits"][0]["remaining"]),
        (&json!("allow"), &json!(0))
    );
    assert_eq!(
        bench.post("/v1/decide", &check).await.json()["verdict"],
        "limit"
    );
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    let bench = Bench::new();
    let requests = [
        get("/orders"),
        get("/orders/%2F"),
        get("/orders"),
        get("/orders"),
        get("/rate_limit"),
    ];
    let told = bench
        .post("/v1/decide", &json!({ "requests": requests }))
        .await
        .json();
    let verdicts: Vec<_> = told["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| &told["verdict"])
        .collect();
    assert_eq!(verdicts, ["allow", "bad_request", "allow", "limit", "own"]);
    assert_eq!(told["decisions"][4]["body"]["plan"], "anonymous");
    let many = json!({"requests": vec![get("/orders"); 101]});
    assert_eq!(bench.post("/v1/decide", &many).await.status, 400);
}

#[tokio::test]
async fn what_is_no_question_is_refused_with_the_reason() {
    let bench = Bench::new();
    let but = |name: &str, value: Value| {
        let mut question = get("/orders");
        question[name] = value;
        question.to_string()
    };
    for (body, reason) in [
        (String::new(), "EOF"),
        ("[]".to_owned(), "an object with a request, or with `requests`"),
        ("{}".to_owned(), "missing field `method`"),
        (but("remote_adress", "1.2.3.4".into()), "unknown field `remote_adress`"),
        (but("method", "G T".into()), "the method is no token"),
        (but("path", "orders".into()), "the path begins with `/`"),
        (but("path", "/a#b".into()), "has no `#`"),
        (but("remote_address", "nobody".into()), "IP address"),
        (but("cost", (-1).into()), "u64"),
        (but("headers", json!({"a b": "c"})), "no token"),
        (but("headers", json!({"a": "b\nc"})), "control character"),
        (but("headers", json!({"a": "b", "A": "c"})), "`a` stands twice"),
        (but("headers", json!({"a": 1})), "a text or a list of texts"),
        (but("headers", json!({"a": vec!["b"; 201]})), "200 values"),
        (json!({"requests": []}).to_string(), "`requests` is empty"),
        (json!({"requests": [get("/"), get("x")]}).to_string(), "`requests[1]`: the path"),
        (json!({"requests": [get("/")], "cost": 1}).to_string(), "unknown field `cost`"),
        (get("/orders").to_string() + "{}", "trailing characters"),
        (r#"{"method":"GET","method":"GET","path":"/","remote_address":"::1"}"#.to_owned(), "duplicate field `method`"),
        (json!({"method": "GET", "path": "/", "remote_address": "::1", "hold": true, "check_only": true}).to_string(), "cannot be held"),
    ] {
        let json = [("content-type", "application/json; charset=utf-8")];
        let answer = bench.ask_as("127.0.0.1:1", "POST", "/v1/decide", &json, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(reason), "{body}: {detail}");
    }
    let deep = format!(
        r#"{{"method":"GET","path":"/","remote_address":"::1","headers":{}"#,
        "[".repeat(100_000)
    );
    let json = [("content-type", "application/json")];
    let ask = async |fields: &[(&str, &str)], method: &str, body: &str| {
        bench
            .ask_as("127.0.0.1:1", method, "/v1/decide", fields, body)
            .await
            .status
    };
    assert_eq!(ask(&json, "POST", &deep).await, 400);
    assert_eq!(ask(&json, "GET", "").await, 405);
    assert_eq!(
        ask(&[("content-type", "text/plain")], "POST", "{}").await,
        415
    );
    assert_eq!(ask(&[], "POST", "{}").await, 415);
    assert_eq!(ask(&json, "POST", &" ".repeat(1024 * 1024 + 1)).await, 413);
}

#[tokio::test]
async fn a_held_request_keeps_its_place_until_it_is_settled() {
    let bench = Bench::new();
    let bearer = bench.bearer("alice");
    let question = json!({
        "method": "POST", "path": "/orders", "remote_address": CLIENT, "headers": {"authorization": bearer},
        "hold": true,
    });
    let first = bench.post("/v1/decide", &question).await.json();
    assert_eq!(
        (&first["verdict"], &first["settle_within_s"]),
        (&json!("allow"), &json!(600))
    );
    let token = first["token"].as_str().unwrap();
    let second = bench.post("/v1/decide", &question).await.json();
    assert_eq!(second["verdict"], "limit");
    assert!(second.get("token").is_none(), "nothing was let through");
    assert_eq!(bench.check.held(), 1);
    let settle = json!({"token": token, "cost": 0});
    assert_eq!(
        bench.post("/v1/settle", &settle).await.json(),
        json!({"settled": true})
    );
    assert_eq!(bench.post("/v1/settle", &settle).await.status, 404, "once");
    let third = bench.post("/v1/decide", &question).await.json();
    assert_eq!(third["verdict"], "allow");
    // The burst of 3 was charged once for what was given back, and once for this one.
    let burst = &third["limits"][0];
    assert_eq!(
        (&burst["name"], &burst["remaining"]),
        (&json!("burst"), &json!(2))
    );
    for wrong in [
        json!({"token": "x"}),
        json!({"token": "AAAAAAAAAAAAAAAAAAAAAA"}),
    ] {
        assert_eq!(bench.post("/v1/settle", &wrong).await.status, 404);
    }
    let unknown = json!({"token": "x", "refund": true});
    assert_eq!(bench.post("/v1/settle", &unknown).await.status, 400);
}

#[tokio::test]
async fn a_held_request_of_which_nobody_tells_the_end_ends_in_its_time() {
    let bench = Bench::new();
    let bearer = bench.bearer("alice");
    let mut question = json!({
        "method": "POST", "path": "/orders", "remote_address": CLIENT, "headers": {"authorization": bearer},
        "hold": true,
    });
    let first = bench.post("/v1/decide", &question).await.json();
    bench.advance(HOLD_MAX.as_secs() - 1);
    bench.check.expire();
    assert_eq!(bench.check.held(), 1);
    bench.advance(1);
    bench.check.expire();
    assert_eq!((bench.check.held(), bench.check.stats().expired()), (0, 1));
    let settle = json!({"token": first["token"]});
    assert_eq!(bench.post("/v1/settle", &settle).await.status, 404);
    question["hold"] = false.into();
    assert_eq!(
        bench.post("/v1/decide", &question).await.json()["verdict"],
        "allow"
    );
}

#[test]
fn held_requests_have_a_bound_and_settled_ones_leave_nothing() {
    let holds = Holds::default();
    let now = tollgate_engine::limiter::Now::default();
    for _ in 0..2 {
        let tokens: Vec<_> = (0..HOLDS_MAX)
            .map(|_| holds.reserve(now).unwrap())
            .collect();
        assert!(holds.reserve(now).is_err());
        for token in tokens {
            assert!(holds.take(token, now).is_none(), "nothing was charged");
        }
        assert_eq!(holds.len(), 0);
    }
}

#[test]
fn what_is_over_ends_a_bounded_number_at_a_time_and_only_what_was_let_through_is_counted() {
    let bench = Bench::new();
    let holds = Holds::default();
    let now = bench.clock.now();
    for _ in 0..EXPIRED_MAX {
        holds.reserve(now).unwrap();
    }
    let (method, headers) = (http::Method::GET, http::HeaderMap::new());
    let head = RequestHead {
        method: &method,
        path: "/orders",
        query: None,
        headers: &headers,
        peer: [192, 0, 2, 7].into(),
        certificate: None,
    };
    let decision = bench.engine.decide_final(&head, now);
    let charge = bench.engine.charge_of(decision, &head);
    assert!(charge.is_some());
    let token = holds.reserve(now).unwrap();
    holds.fill(token, charge);
    bench.advance(HOLD_MAX.as_secs());
    let later = bench.clock.now();
    assert_eq!(holds.expire(later), 0, "calls that broke off");
    assert_eq!(holds.len(), 1);
    assert!(holds.take(token, later).is_none(), "its time is over");
    assert_eq!((holds.expire(later), holds.len()), (1, 0));
}
