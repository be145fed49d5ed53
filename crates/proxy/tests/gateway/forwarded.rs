//! What the origin gets, and what comes back.

use crate::client::{Client, ask};
use crate::harness::{Gateway, Setup};
use crate::origin::{Origin, Reply};

#[tokio::test]
async fn connection_fields_stay_behind_and_the_rest_passes() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let answer = ask(
        gateway.address,
        "GET /x?q=%2F HTTP/1.1\r\nHost: A.example:80\r\nConnection: keep-alive, x-hop\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AA\r\nX-Hop: 1\r\nTE: gzip\r\nX-Stays: 1\r\nCookie: a=b\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status, 200);
    let got = &origin.received()[0];
    assert_eq!(got.line(), "GET /x?q=%2F HTTP/1.1");
    for gone in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "upgrade",
        "x-hop",
        "te",
    ] {
        assert_eq!(got.field(gone), None, "{gone}");
    }
    assert_eq!(got.fields("host"), ["a.example"]);
    assert_eq!(got.field("x-stays"), Some("1"));
    assert_eq!(got.field("cookie"), Some("a=b"));
    assert_eq!(got.field("via"), Some("1.1 tollgate"));
    assert_eq!(got.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(got.field("x-forwarded-proto"), Some("http"));
    assert_eq!(got.field("x-forwarded-host"), Some("a.example"));
    assert_eq!(got.field("x-request-id").unwrap().len(), 32);
    assert_eq!(got.field("x-tollgate-plan"), Some("anonymous"));
}

#[tokio::test]
async fn case_051_and_045_claims_of_identity_and_network_are_stripped() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    ask(
        gateway.address,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\n\
         Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\n\
         X-Tollgate-Subject: root\r\nX_Tollgate_User: root\r\nX-Tollgate-Plan: gold\r\n\
         RateLimit: x\r\nX-RateLimit-User-Id: root\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n\r\n",
    )
    .await;
    let got = &origin.received()[0];
    assert_eq!(got.fields("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(got.fields("x-forwarded-proto"), ["http"]);
    assert_eq!(got.fields("x-tollgate-plan"), ["anonymous"]);
    for gone in [
        "x_forwarded_for",
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-tollgate-subject",
        "x_tollgate_user",
        "ratelimit",
        "x-ratelimit-user-id",
        "x-forwarded-port",
    ] {
        assert_eq!(got.field(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn case_046_a_trusted_proxy_is_believed_and_lengthened() {
    let origin = Origin::start().await;
    let policy = "forward: {forwarded: both}";
    let gateway = Gateway::start(Setup {
        identity: "{anonymous: {plan: anonymous}, trusted_proxies: [127.0.0.0/8]}",
        ..Setup::before(origin.address, policy)
    });
    ask(
        gateway.address,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 1.2.3.4\r\n\
         X-Forwarded-Proto: https\r\nX-Request-Id: given-1\r\nForwarded: for=1.2.3.4\r\nVia: 1.1 edge\r\n\r\n",
    )
    .await;
    let got = &origin.received()[0];
    assert_eq!(
        got.fields("x-forwarded-for"),
        ["9.9.9.9, 1.2.3.4, 127.0.0.1"]
    );
    assert_eq!(got.fields("x-forwarded-proto"), ["https"]);
    assert_eq!(got.fields("x-request-id"), ["given-1"]);
    assert_eq!(got.fields("via"), ["1.1 edge, 1.1 tollgate"]);
    assert_eq!(
        got.fields("forwarded"),
        ["for=1.2.3.4, for=127.0.0.1;host=\"a\";proto=http"]
    );
}

#[tokio::test]
async fn the_origins_own_connection_fields_stay_behind_too() {
    let origin = Origin::answering(|_| {
        Reply::send(
            "HTTP/1.1 201 Created\r\ncontent-length: 2\r\nconnection: keep-alive, x-hop\r\nkeep-alive: timeout=5\r\n\
             x-hop: 1\r\nx-stays: 1\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nratelimit: \"origin\";r=1\r\n\r\nok",
        )
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let answer = ask(gateway.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.text().as_str()), (201, "ok"));
    for gone in ["connection", "keep-alive", "x-hop"] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    assert_eq!(answer.field("x-stays"), Some("1"));
    assert_eq!(answer.head.matches("set-cookie").count(), 2);
    assert_eq!(answer.field("via"), Some("1.1 tollgate"));
    let limit = answer.field("ratelimit").unwrap();
    assert!(limit.starts_with("\"burst\";r="), "{limit}");
    assert!(answer.field("ratelimit-policy").is_some());
}

#[tokio::test]
async fn case_067_hosts_become_one_spelling() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    for (target, host, expected) in [
        ("/", "A.Example.", "a.example"),
        ("/", "a.example:80", "a.example"),
        ("/", "a.example:8080", "a.example:8080"),
        ("http://a.example/", "A.example:80", "a.example"),
        ("/", "[::1]:80", "[::1]"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(
            ask(gateway.address, &request).await.status,
            200,
            "{request:?}"
        );
        let got = origin.received().pop().unwrap();
        assert_eq!(got.fields("host"), [expected], "{request:?}");
        assert_eq!(got.line(), "GET / HTTP/1.1");
    }
}

#[tokio::test]
async fn the_endpoints_own_host_if_the_clients_is_not_to_pass() {
    let origin = Origin::start().await;
    let gateway = Gateway::start(Setup {
        origin: format!("{{urls: \"http://{}\", pass_host: false}}", origin.address),
        ..Setup::before(origin.address, "")
    });
    ask(gateway.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let got = &origin.received()[0];
    assert_eq!(got.field("host"), Some(origin.address.to_string().as_str()));
    assert_eq!(got.field("x-forwarded-host"), Some("a"));
}

#[tokio::test]
async fn http_10_gets_an_answer_and_the_end_of_the_connection() {
    let origin = Origin::answering(|_| {
        Reply::send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.field("transfer-encoding"), None);
    assert_eq!(origin.received()[0].line(), "GET / HTTP/1.1");
    assert_eq!(
        origin.received()[0].field("host"),
        Some(origin.address.to_string().as_str())
    );
}

#[tokio::test]
async fn head_and_options_and_bodiless_statuses() {
    let origin = Origin::answering(|request| match request.line() {
        line if line.starts_with("HEAD") => {
            Reply::send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
        }
        "GET /304 HTTP/1.1" => Reply::send("HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n"),
        "GET /204 HTTP/1.1" => Reply::send("HTTP/1.1 204 No Content\r\n\r\n"),
        _ => Reply::ok(),
    })
    .await;
    let gateway = Gateway::before(origin.address, "");
    let mut client = Client::connect(gateway.address).await;
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.answer_to_head().await;
    assert_eq!(answer.field("content-length"), Some("9"));
    for (target, status) in [("/304", 304), ("/204", 204)] {
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        assert_eq!(client.answer().await.status, status);
    }
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(
        origin.received().last().unwrap().line(),
        "OPTIONS * HTTP/1.1"
    );
    assert!(client.is_open().await);
    assert_eq!(origin.connections(), 1, "all of it on one connection");
}

#[tokio::test]
async fn a_traceparent_passes_on() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    ask(
        gateway.address,
        &format!("GET / HTTP/1.1\r\nHost: a\r\ntraceparent: {parent}\r\n\r\n"),
    )
    .await;
    assert_eq!(origin.received()[0].field("traceparent"), Some(parent));
}

#[tokio::test]
async fn every_exchange_is_observed_once_with_its_route() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    ask(gateway.address, "GET /limited HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = ask(gateway.address, "GET /limited HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.status, 429);
    ask(gateway.address, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let seen = gateway.seen_after(3).await;
    let told: Vec<_> = seen
        .iter()
        .map(|seen| (seen.status, seen.route.as_deref(), seen.response_bytes > 0))
        .collect();
    assert_eq!(
        told,
        [
            (200, Some("GET /limited"), true),
            (429, Some("GET /limited"), true),
            (200, Some("*"), true),
        ]
    );
}

#[tokio::test]
async fn with_spans_the_spans_context_replaces_the_clients() {
    let origin = Origin::start().await;
    let gateway = Gateway::start(Setup {
        options: tollgate_proxy::SharedOptions {
            spans: true,
            ..Default::default()
        },
        ..Setup::before(origin.address, "")
    });
    let request = "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: theirs\r\n\r\n";
    assert_eq!(ask(gateway.address, request).await.status, 200);
    assert_eq!(origin.received()[0].fields("traceparent"), ["ours"]);
}
