use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{Answer, Bench};
use crate::{Dialect, Peer};

/// The fields of each family about `GET /orders` from a client.
const CLIENT: &str = "192.0.2.7";

type Fields<'a> = Vec<(&'a str, &'a str)>;

fn forwarded<'a>(method: &'a str, uri: &'a str, client: &'a str) -> Fields<'a> {
    vec![
        ("x-forwarded-method", method),
        ("x-forwarded-uri", uri),
        ("x-forwarded-for", client),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "api.example.com"),
    ]
}

fn original<'a>(method: &'a str, uri: &'a str, client: &'a str) -> Fields<'a> {
    vec![
        ("x-original-method", method),
        ("x-original-uri", uri),
        ("x-real-ip", client),
    ]
}

fn with<'a>(mut fields: Fields<'a>, more: &[(&'a str, &'a str)]) -> Fields<'a> {
    fields.extend(more);
    fields
}

/// How each dialect asks about one request.
fn dialects<'a>(uri: &'a str, envoy: &'a str) -> [(&'a str, Fields<'a>); 4] {
    [
        ("/check", forwarded("GET", uri, CLIENT)),
        ("/check", original("GET", uri, CLIENT)),
        ("/check/nginx", original("GET", uri, CLIENT)),
        (envoy, vec![("x-forwarded-for", CLIENT)]),
    ]
}

#[tokio::test]
async fn every_dialect_lets_pass_with_the_verified_identity_and_says_what_is_left() {
    for index in 0..4 {
        let bench = Bench::new();
        let bearer = bench.bearer("alice");
        let (path, fields) = dialects("/orders/7?x=1", "/check/envoy/orders/7?x=1")[index].clone();
        let fields = with(
            fields,
            &[
                ("authorization", &bearer),
                ("x-tollgate-subject", "mallory"),
                ("x-tollgate-plan", "gold"),
            ],
        );
        let answer = bench.ask("GET", path, &fields).await;
        assert_eq!((answer.status, &*answer.body), (200, ""), "{path}");
        assert_eq!(answer.field("x-tollgate-subject"), Some("alice"));
        assert_eq!(answer.field("x-tollgate-account"), Some("acme"));
        assert_eq!(answer.field("x-tollgate-plan"), Some("standard"));
        assert_eq!(answer.field("ratelimit"), Some("\"burst\";r=2;t=10"));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        // A token of nobody's: the client's own fields are overwritten with nothing.
        let anonymous = with(
            dialects("/orders/7", "/check/envoy/orders/7")[index]
                .1
                .clone(),
            &[("x-tollgate-subject", "mallory")],
        );
        let answer = bench.ask("GET", path, &anonymous).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("x-tollgate-subject"), Some(""));
        assert_eq!(answer.field("x-tollgate-account"), Some(""));
        assert_eq!(answer.field("x-tollgate-plan"), Some("anonymous"));
    }
}

#[tokio::test]
async fn every_dialect_refuses_as_the_gateway_does_and_nginx_gets_the_refusal_in_fields() {
    for index in 0..4 {
        let bench = Bench::new();
        let bearer = bench.bearer("alice");
        let (path, fields) = dialects("/orders", "/check/envoy/orders")[index].clone();
        let fields = with(fields, &[("authorization", &bearer)]);
        for _ in 0..3 {
            assert_eq!(bench.ask("GET", path, &fields).await.status, 200, "{path}");
        }
        let refused = bench.ask("GET", path, &fields).await;
        let is_nginx = path == "/check/nginx";
        assert_eq!(refused.status, if is_nginx { 403 } else { 429 }, "{path}");
        assert_eq!(refused.field("retry-after"), Some("10"));
        assert_eq!(refused.field("ratelimit"), Some("\"burst\";r=0;t=10"));
        assert_eq!(
            refused.field("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(refused.json()["status"], 429);
        assert_eq!(refused.json()["violated-policies"][0], "burst");
        assert_eq!(refused.json()["detail"], "slow down");
        let status = refused.field("x-tollgate-status");
        assert_eq!(status, is_nginx.then_some("429"));
        let document = refused.field("x-tollgate-problem");
        assert_eq!(document, is_nginx.then_some(&*refused.body));

        let garbage = with(
            dialects("/orders", "/check/envoy/orders")[index].1.clone(),
            &[("authorization", "Bearer garbage")],
        );
        let refused = bench.ask("GET", path, &garbage).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(
            refused
                .field("www-authenticate")
                .unwrap()
                .contains("invalid_token")
        );
        assert_eq!(
            refused.field("x-tollgate-status"),
            is_nginx.then_some("401")
        );
    }
}

#[tokio::test]
async fn case_053_what_an_untrusted_peer_says_of_a_request_is_refused() {
    let bench = Bench::new();
    let said = forwarded("GET", "/orders", CLIENT);
    let ask = async |peer: &str| bench.ask_as(peer, "GET", "/check", &said, "").await.status;
    assert_eq!(ask("127.0.0.1:1").await, 200);
    assert_eq!(
        ask("[::ffff:10.0.0.5]:1").await,
        200,
        "an IPv4 address in an IPv6 coat"
    );
    assert_eq!(ask("10.0.0.6:1").await, 403);
    assert_eq!(ask("[::1]:1").await, 403, "not in this list");
    assert_eq!(ask("nobody said").await, 403);
    let envoy = [("x-forwarded-for", CLIENT)];
    for (path, fields) in [
        ("/check/nginx", original("GET", "/orders", CLIENT)),
        ("/check/envoy/orders", envoy.to_vec()),
        ("/own", said.clone()),
        ("/v1/decide", Vec::new()),
        ("/v1/settle", Vec::new()),
    ] {
        let answer = bench.ask_as("192.0.2.1:1", "GET", path, &fields, "").await;
        assert_eq!(answer.status, 403, "{path}");
    }
    assert_eq!(bench.check.stats().untrusted(), 8);
    // Nothing was counted for the refused.
    let left = bench.ask("GET", "/check", &said).await;
    assert_eq!(
        left.status, 429,
        "two were admitted, and no more were counted"
    );
}

#[tokio::test]
async fn case_053_families_that_differ_are_refused_and_those_that_agree_are_one() {
    let bench = Bench::new();
    let both = |uri| {
        with(
            forwarded("GET", "/orders?a", CLIENT),
            &original("GET", uri, CLIENT),
        )
    };
    for path in ["/check", "/check/nginx"] {
        let same = bench.ask("GET", path, &both("/orders?a")).await;
        assert_eq!(same.status, 200, "{path}");
        for other in ["/orders", "/orders?b", "/free"] {
            let differ = bench.ask("GET", path, &both(other)).await;
            let status = differ.field("x-tollgate-status").unwrap_or("400");
            assert_eq!(status, "400", "{path} {other}");
            assert_ne!(differ.status, 200);
        }
    }
    let methods = with(
        forwarded("GET", "/orders", CLIENT),
        &original("POST", "/orders", CLIENT),
    );
    assert_eq!(bench.ask("GET", "/check", &methods).await.status, 400);
    let envoy = with(
        forwarded("GET", "/free", CLIENT),
        &[("authorization", "Bearer x")],
    );
    let envoy = bench.ask("GET", "/check/envoy/orders", &envoy).await;
    assert_eq!(envoy.status, 400, "a client's own words beside Envoy's");
    let url = with(
        original("GET", "/orders", CLIENT),
        &[("x-original-url", "https://api.example.com/free")],
    );
    assert_eq!(bench.ask("GET", "/check", &url).await.status, 400);
}

#[tokio::test]
async fn case_054_a_question_without_an_original_request_is_no_question() {
    let bench = Bench::new();
    let without = |fields: &Fields<'static>, name: &str| -> Fields<'static> {
        let kept = fields.iter().filter(|(known, _)| *known != name);
        kept.copied().collect()
    };
    let forwarded = forwarded("GET", "/orders", CLIENT);
    let original = original("GET", "/orders", CLIENT);
    let mut questions: Vec<(&str, Fields<'_>)> = vec![
        ("/check", vec![]),
        (
            "/check",
            vec![("x-forwarded-for", CLIENT), ("x-real-ip", CLIENT)],
        ),
        ("/check/nginx", vec![]),
        // What a client may have written is not what nginx was told to write.
        ("/check/nginx", forwarded.clone()),
        ("/check/envoy/orders", vec![]),
    ];
    for name in ["x-forwarded-method", "x-forwarded-uri", "x-forwarded-for"] {
        questions.push(("/check", without(&forwarded, name)));
    }
    for name in ["x-original-method", "x-original-uri", "x-real-ip"] {
        questions.push(("/check", without(&original, name)));
        questions.push(("/check/nginx", without(&original, name)));
    }
    // Half of one family beside the whole other.
    let half = [("x-forwarded-method", "GET")];
    questions.push(("/check", with(original.clone(), &half)));
    for (index, (path, fields)) in questions.iter().enumerate() {
        let answer = bench.ask("GET", path, fields).await;
        let told = answer.field("x-tollgate-status");
        let expected = match *path {
            "/check/nginx" => (403, Some("400")),
            _ => (400, None),
        };
        assert_eq!((answer.status, told), expected, "{path} {fields:?}");
        assert_eq!(answer.json()["status"], 400);
        let counted = usize::try_from(bench.check.stats().unclear()).unwrap();
        assert_eq!(counted, index + 1, "nothing was decided");
    }
}

#[tokio::test]
async fn what_is_said_twice_or_cannot_be_read_is_refused() {
    let bench = Bench::new();
    for (name, value) in [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-uri", "/orders"),
        ("x-original-method", "GET"),
        ("x-original-uri", "/orders"),
        ("x-real-ip", CLIENT),
    ] {
        let family = match name.contains("forwarded") {
            true => forwarded("GET", "/orders", CLIENT),
            false => original("GET", "/orders", CLIENT),
        };
        let twice = with(family, &[(name, value)]);
        assert_eq!(
            bench.ask("GET", "/check", &twice).await.status,
            400,
            "{name}"
        );
    }
    for (method, uri, client) in [
        ("G T", "/orders", CLIENT),
        ("GET", "orders", CLIENT),
        ("GET", "", CLIENT),
        ("GET", "/orders#/free", CLIENT),
        ("GET", "/or ders", CLIENT),
        ("GET", "/orders", "unknown"),
        ("GET", "/orders", "192.0.2.7, "),
        ("GET", "/orders", ""),
    ] {
        let fields = forwarded(method, uri, client);
        let answer = bench.ask("GET", "/check", &fields).await;
        assert_eq!(answer.status, 400, "{fields:?}");
    }
    for url in [
        "/orders",
        "api.example.com/orders",
        "https://api/orders#x",
        // What nginx makes of a host that a client wrote: it forwards what is behind it.
        "http://api.example.com?/orders",
        "http://api.example.com#/orders",
        "http://a@b/orders",
        "http://api.example.com\\/orders",
        "http:///orders",
        "http://api example.com/orders",
        "ftp://api.example.com/orders",
        "http://api.example.com",
        "",
    ] {
        let fields = [
            ("x-original-method", "GET"),
            ("x-original-url", url),
            ("x-real-ip", CLIENT),
        ];
        assert_eq!(
            bench.ask("GET", "/check", &fields).await.status,
            400,
            "{url}"
        );
    }
    let whole = [
        ("x-original-method", "GET"),
        ("x-original-url", "https://api.example.com/orders?x"),
        ("x-real-ip", "[2001:db8::7]:4711"),
    ];
    assert_eq!(bench.ask("GET", "/check/nginx", &whole).await.status, 200);
}

#[tokio::test]
async fn a_request_that_would_have_to_be_mended_is_refused_before_it_is_counted() {
    let bench = Bench::new();
    for uri in [
        "/orders//7",
        "/orders/../orders",
        "/orders/%37",
        "/orders%2F7",
    ] {
        for _ in 0..3 {
            let answer = bench
                .ask("GET", "/check", &forwarded("GET", uri, CLIENT))
                .await;
            assert_eq!(answer.status, 400, "{uri}");
        }
    }
    let folded = with(
        forwarded("GET", "/orders", CLIENT),
        &[("x_tollgate_subject", "mallory")],
    );
    assert_eq!(bench.ask("GET", "/check", &folded).await.status, 400);
    let plain = forwarded("GET", "/orders", CLIENT);
    assert_eq!(bench.ask("GET", "/check", &plain).await.status, 200);
}

#[tokio::test]
async fn clients_are_counted_by_the_address_that_the_asking_proxy_saw() {
    let bench = Bench::new();
    let allowed = async |path: &str, fields: Fields<'_>| {
        let mut count = 0;
        for _ in 0..4 {
            count += u32::from(bench.ask("GET", path, &fields).await.status == 200);
        }
        count
    };
    let of = |client| forwarded("GET", "/orders", client);
    assert_eq!(allowed("/check", of("192.0.2.1")).await, 2);
    assert_eq!(
        allowed("/check", of("192.0.2.2")).await,
        2,
        "another bucket"
    );
    // What the client wrote itself stands to the left, and moves nobody.
    assert_eq!(allowed("/check", of("203.0.113.9, 192.0.2.1")).await, 0);
    let lines = with(of("203.0.113.9"), &[("x-forwarded-for", "192.0.2.2")]);
    assert_eq!(
        allowed("/check", lines).await,
        0,
        "the last line is the proxy's"
    );
    // A proxy of ours in front of the one that asks: the policy trusts it.
    assert_eq!(allowed("/check", of("203.0.113.9, 198.51.100.4")).await, 2);
    assert_eq!(allowed("/check", of("203.0.113.9, 198.51.100.5")).await, 0);
    // Where nginx says it, what stands in the other field is not nginx's.
    let nginx = with(
        original("GET", "/orders", "192.0.2.3"),
        &[("x-forwarded-for", "192.0.2.4")],
    );
    assert_eq!(allowed("/check/nginx", nginx).await, 2);
    assert_eq!(allowed("/check", of("192.0.2.4")).await, 2);
    let caddy = with(of("192.0.2.4"), &[("x-real-ip", "192.0.2.99")]);
    assert_eq!(allowed("/check", caddy).await, 0, "and the other way round");
}

#[tokio::test]
async fn a_grpc_callers_refusal_never_has_the_status_that_lets_pass() {
    let bench = Bench::new();
    for (path, fields) in [
        ("/check", forwarded("POST", "/pkg.Svc/Method", CLIENT)),
        ("/check/nginx", original("POST", "/pkg.Svc/Method", CLIENT)),
    ] {
        for kind in ["application/grpc", "application/grpc-web+proto"] {
            let fields = with(
                fields.clone(),
                &[("content-type", kind), ("authorization", "Bearer garbage")],
            );
            let refused = bench.ask("GET", path, &fields).await;
            assert_eq!(refused.status, 401, "{path} {kind}");
        }
    }
}

#[tokio::test]
async fn what_tollgate_answers_itself_is_asked_at_own_and_does_not_pass_a_check() {
    let bench = Bench::new();
    let limits = forwarded("GET", "/rate_limit", CLIENT);
    let checked = bench.ask("GET", "/check", &limits).await;
    assert_eq!(checked.status, 404);
    let nginx = original("GET", "/rate_limit", CLIENT);
    let checked = bench.ask("GET", "/check/nginx", &nginx).await;
    assert_eq!(checked.field("x-tollgate-status"), Some("404"));
    for fields in [limits, nginx] {
        let own = bench.ask("GET", "/own", &fields).await;
        assert_eq!(own.status, 200);
        assert_eq!(own.json()["plan"], "anonymous");
    }
    let other = forwarded("GET", "/orders", CLIENT);
    for _ in 0..3 {
        assert_eq!(bench.ask("GET", "/own", &other).await.status, 404);
    }
    assert_eq!(bench.ask("GET", "/check", &other).await.status, 200);
    assert_eq!(bench.ask("GET", "/elsewhere", &other).await.status, 404);
    assert_eq!(
        bench.ask("GET", "/check/envoyorders", &other).await.status,
        404
    );
}

#[tokio::test]
async fn who_asks_at_own_spends_the_budgets_of_its_network() {
    let bench = Bench::under("", "edge: {before: {per_network: {rate: 1/s, burst: 2}}}\n");
    let bearer = bench.bearer("alice");
    let own = async |uri: &str, client: &str, bearer: &str| {
        let authorization = [("authorization", bearer)];
        let fields = with(forwarded("GET", uri, client), &authorization);
        bench.ask("GET", "/own", &fields).await.status
    };
    let ids = "/ratelimit-user-id";
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(own(ids, CLIENT, &bearer).await);
    }
    assert_eq!(statuses, [200, 200, 429], "ids cost the network of theirs");
    assert_eq!(own(ids, "192.0.2.8", &bearer).await, 200);

    let mut garbage = Vec::new();
    for serial in 0..300 {
        let token = format!("Bearer e30.e30.{serial}");
        garbage.push(own("/rate_limit", CLIENT, &token).await);
    }
    garbage.dedup();
    assert_eq!(garbage, [401, 429], "a verification costs, each time");
    let other = own("/rate_limit", "192.0.2.8", "Bearer e30.e30.x").await;
    assert_eq!(other, 401, "another network has its own");
}

#[tokio::test]
async fn health_is_told_to_everybody_and_verdicts_are_counted_by_dialect() {
    let bench = Bench::new();
    let health = bench
        .ask_as("192.0.2.1:1", "GET", "/healthz", &[], "")
        .await;
    assert_eq!((health.status, &*health.body), (200, "ok\n"));
    bench
        .ask("GET", "/check", &forwarded("GET", "/orders", CLIENT))
        .await;
    bench
        .ask("GET", "/check/nginx", &original("GET", "/orders", CLIENT))
        .await;
    bench
        .ask("GET", "/check/nginx", &original("GET", "/orders", CLIENT))
        .await;
    let stats = bench.check.stats();
    assert_eq!(stats.calls(), 4);
    let counted: Vec<_> = stats
        .verdicts()
        .filter(|(_, _, count)| *count > 0)
        .map(|(dialect, label, count)| (dialect, label.verdict(), count))
        .collect();
    let expected = [
        (Dialect::Forwarded, "allow", 1),
        (Dialect::Nginx, "allow", 1),
        (Dialect::Nginx, "limit", 1),
    ];
    assert_eq!(counted, expected);
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_has_seen_are_waited_for_no_longer_than_at_the_gateway() {
    let bench = Bench::without_keys();
    let bearer = bench.bearer("alice");
    let fields = with(
        forwarded("GET", "/orders", CLIENT),
        &[("authorization", &bearer)],
    );
    let began = tokio::time::Instant::now();
    let answer = bench.ask("GET", "/check", &fields).await;
    assert_eq!(answer.status, 503);
    let waited = began.elapsed();
    let longest = tollgate_engine::KEY_WAIT_MAX + Duration::from_millis(1);
    assert!(waited <= longest, "{waited:?}");
}

/// Serves the endpoint on a socket as the binary does: one connection after another.
async fn served(bench: &Bench) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = bench.check.clone();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = service.clone();
            let service = tower::ServiceBuilder::new()
                .map_request(move |mut request: http::Request<hyper::body::Incoming>| {
                    request.extensions_mut().insert(Peer(peer));
                    request
                })
                .service(service);
            let service = hyper_util::service::TowerToHyperService::new(service);
            let io = hyper_util::rt::TokioIo::new(stream);
            let served = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
            tokio::spawn(served);
        }
    });
    address
}

#[tokio::test]
async fn on_a_socket_answers_are_framed_so_that_the_connection_lives_on() {
    let bench = Bench::new();
    let mut stream = TcpStream::connect(served(&bench).await).await.unwrap();
    let fields =
        "host: t\r\nx-original-method: GET\r\nx-original-uri: /orders\r\nx-real-ip: 192.0.2.7\r\n";
    let asks = [
        format!("GET /check/nginx HTTP/1.1\r\n{fields}\r\n"),
        format!("HEAD /check HTTP/1.1\r\n{fields}\r\n"),
        format!("GET /check/nginx HTTP/1.1\r\n{fields}\r\n"),
        format!("HEAD /check HTTP/1.1\r\n{fields}\r\n"),
        format!("GET /check HTTP/1.1\r\n{fields}connection: close\r\n\r\n"),
    ];
    stream.write_all(asks.concat().as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let statuses: Vec<&str> = text
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| &answer[..3])
        .collect();
    assert_eq!(statuses, ["200", "200", "403", "429", "429"], "{text}");
    assert!(text.contains("x-tollgate-problem: {\"type\":"), "{text}");
}

#[tokio::test]
async fn a_head_has_the_same_head_and_no_body() {
    let bench = Bench::new();
    let bad = forwarded("GET", "/orders", "nobody");
    let get: Answer = bench.ask("GET", "/check", &bad).await;
    let head = bench.ask("HEAD", "/check", &bad).await;
    assert_eq!(get.headers, head.headers);
    assert_eq!(head.body, "");
}
