//! What is matched is what is forwarded, and no spelling of a path is a fresh bucket.

use crate::client::{Client, ask};
use crate::harness::Gateway;
use crate::origin::Origin;

const ROUTES: &str = "
routes:
  - GET /orders
  - GET /orders/{order_id}
  - GET /orders/latest
  - POST /orders/{order_id}:cancel
  - GET /files/{name}.{ext}
  - POST /pkg.Svc/Method
  - GET /limited
  - GET /one
  - POST /limited
";

/// Sends GET requests for the targets: the route of each, or its status where it has none.
async fn routes(targets: &[&str]) -> Vec<String> {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, ROUTES);
    for target in targets {
        let (method, path) = target.split_once(' ').unwrap_or(("GET", target));
        ask(
            gateway.address,
            &format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        )
        .await;
    }
    let seen = gateway.seen_after(targets.len()).await;
    seen.iter()
        .map(|seen| match (&seen.route, seen.status) {
            (Some(route), 200) => route.clone(),
            (_, status) => status.to_string(),
        })
        .collect()
}

#[tokio::test]
async fn case_061_every_id_is_one_route() {
    let targets: Vec<String> = (1..50).map(|id| format!("/orders/{id}")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let found = routes(&targets).await;
    assert!(
        found.iter().all(|route| route == "GET /orders/{order_id}"),
        "{found:?}"
    );
}

#[tokio::test]
async fn case_062_no_spelling_makes_a_fresh_bucket() {
    let spellings = [
        "/orders",
        "/orders/",
        "//orders",
        "/%6frders",
        "/x/../orders",
        "/./orders",
        "/orders?x=1",
    ];
    let found = routes(&spellings).await;
    assert_eq!(found, vec!["GET /orders"; spellings.len()]);
    // Another case is another resource (RFC 3986 section 6.2.2.1), and in the one bucket of
    // whatever matches nothing.
    assert_eq!(routes(&["/ORDERS", "/Orders"]).await, ["*", "*"]);
    let ambiguous = [
        "/orders%2f1",
        "/orders%5c1",
        "/orders%00",
        "/orders/%252e%252e",
        "/orders\\1",
        "/%ff",
    ];
    let found = routes(&ambiguous).await;
    assert_eq!(found[..3], ["400", "400", "400"]);
    assert_eq!(found[4..], ["400", "400"]);
    // Encoded twice is a literal percent sign to us and an ambiguity to some origins.
    assert_eq!(found[3], "400");
}

#[tokio::test]
async fn case_063_unknown_paths_share_one_route() {
    assert_eq!(
        routes(&["/a", "/b/c", "/%7Euser", "/orders/1/2"]).await,
        ["*"; 4]
    );
}

#[tokio::test]
async fn case_064_and_065_literals_verbs_and_parts_of_segments() {
    assert_eq!(
        routes(&[
            "/orders/latest",
            "POST /orders/7:cancel",
            "/files/a.txt",
            "/orders/later"
        ])
        .await,
        [
            "GET /orders/latest",
            "POST /orders/{order_id}:cancel",
            "GET /files/{name}.{ext}",
            "GET /orders/{order_id}",
        ]
    );
}

#[tokio::test]
async fn case_066_methods_are_as_sent() {
    let long = format!("{} /orders", "M".repeat(100));
    assert_eq!(
        routes(&["get /orders", "GETX /orders", &long, "HEAD /orders"]).await,
        ["*", "*", "*", "GET /orders"]
    );
}

#[tokio::test]
async fn case_069_grpc_paths_are_templates() {
    assert_eq!(
        routes(&["POST /pkg.Svc/Method"]).await,
        ["POST /pkg.Svc/Method"]
    );
}

#[tokio::test]
async fn the_canonical_path_is_what_the_origin_gets() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, ROUTES);
    for (sent, forwarded) in [
        ("/x/../orders//7?a=//b", "/orders/7?a=//b"),
        ("/%6frders/7", "/orders/7"),
        ("/orders/7/", "/orders/7/"),
        ("http://a/x/../orders", "/orders"),
    ] {
        ask(
            gateway.address,
            &format!("GET {sent} HTTP/1.1\r\nHost: a\r\n\r\n"),
        )
        .await;
        let got = origin.received().pop().unwrap();
        assert_eq!(got.line(), format!("GET {forwarded} HTTP/1.1"), "{sent}");
    }
}

#[tokio::test]
async fn case_066_a_preflight_is_free_and_needs_no_token() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let preflight = "OPTIONS /limited HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n\
                     Access-Control-Request-Method: POST\r\n\r\n";
    let mut client = Client::connect(gateway.address).await;
    for _ in 0..5 {
        client.send(preflight).await;
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn case_073_a_reload_in_mid_stream_keeps_the_connection_and_the_count() {
    let origin = Origin::start().await;
    let setup = crate::harness::Setup::before(origin.address, ROUTES);
    let reloaded = crate::harness::Setup::before(
        origin.address,
        "routes: [GET /limited, GET /one, POST /limited, \"GET /orders/{id}\"]",
    )
    .text();
    let gateway = Gateway::start(setup);
    let mut client = Client::connect(gateway.address).await;
    client
        .send("GET /limited HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    let policy = crate::harness::parse(&reloaded);
    gateway.shared.reload(policy).unwrap();
    client
        .send("GET /orders/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    client
        .send("GET /limited HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(
        client.answer().await.status,
        429,
        "the count outlives the reload"
    );
    let seen = gateway.seen_after(3).await;
    assert_eq!(seen[1].route.as_deref(), Some("GET /orders/{id}"));
}
