//! gRPC by grpcio on both sides: calls, streams, statuses, metadata, and the limit as a status.

use serde_json::{Value, json};
use tollgate_testkit::peers::{Launch, Peer, free_address};

use crate::client::{python, run_python, script};
use crate::front::{Certificate, Front};

const TWO_AT_ONCE: &str = "
routes: [POST /echo.Echo/Unary, POST /echo.Echo/Chat, POST /echo.Echo/Missing]
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 2}]}
default_plan: standard
";

fn server() -> (Peer, String) {
    let address = free_address().unwrap();
    let (script, at) = (script("grpc_server.py"), address.to_string());
    let server = Peer::launch(&Launch {
        name: "grpcio",
        program: &python(),
        arguments: &[script.to_str().unwrap(), &at],
        files: &[],
        address,
    })
    .unwrap_or_else(|error| panic!("{error} (`cargo xtask setup` brings grpcio)"));
    let origin = format!("{{urls: 'http://{address}', protocol: http2}}");
    (server, origin)
}

/// All that the client saw, by the name of its step.
fn converse(target: &str, token: &str, ca_file: &str) -> Value {
    let mut lines = run_python("grpc_client.py", &[target, token, ca_file]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn check_served(seen: &Value, user: &str) {
    // Unary: the message, and what the origin says it was told.
    let unary = &seen["unary"];
    assert_eq!(unary["reply"], "hello", "{seen:#}");
    assert_eq!(unary["initial"]["origin-saw-subject"], user);
    assert_eq!(unary["initial"]["origin-saw-colour"], "blue");
    assert_eq!(unary["initial"]["origin-saw-key-bin"], "0001feff");
    assert!(
        unary["initial"]["ratelimit"]
            .as_str()
            .unwrap()
            .starts_with("\"burst\";r=1;")
    );
    assert_eq!(unary["trailing"]["origin-trailer"], "after the message");
    assert_eq!(unary["trailing"]["origin-trailer-bin"], "ff00");
    // Each message was answered before the next was sent: nothing is held back.
    assert_eq!(
        seen["chat"]["replies"],
        json!(["0", "1", "2", "300000 bytes"])
    );
    assert_eq!(
        seen["chat"]["trailing"]["origin-trailer"],
        "after the stream"
    );
    // A status of the origin's own passes with its words and metadata.
    assert_eq!(seen["missing"]["code"], "NOT_FOUND");
    assert_eq!(seen["missing"]["details"], "no such thing: ünknown");
    assert_eq!(
        seen["missing"]["trailing"]["origin-trailer"],
        "with the status"
    );
}

fn check_limited(seen: &Value) {
    // One unary call was left; the next one is over the limit.
    assert_eq!(seen["second"]["code"], "OK");
    let limited = &seen["limited"];
    assert_eq!(limited["code"], "RESOURCE_EXHAUSTED", "{seen:#}");
    assert!(
        limited["details"]
            .as_str()
            .unwrap()
            .starts_with("retry after "),
        "{limited:#}"
    );
    let metadata = &limited["trailing"];
    // google.rpc.RetryInfo inside google.rpc.Status.
    let details = metadata["grpc-status-details-bin"].as_str().unwrap();
    let name: String = b"google.rpc.RetryInfo"
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert!(details.contains(&name), "{details}");
    let wait_ms: u64 = metadata["grpc-retry-pushback-ms"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((3_500_000..=3_600_000).contains(&wait_ms), "{wait_ms}");
    // A stream is one request however much it carries, and is refused while it sends.
    assert_eq!(seen["second_chat"]["code"], "OK");
    assert_eq!(
        seen["limited_chat"]["code"], "RESOURCE_EXHAUSTED",
        "{seen:#}"
    );
}

#[test]
fn grpc_calls_streams_statuses_and_metadata_pass_and_the_limit_is_a_status() {
    let (_server, origin) = server();
    let front = Front::start(&origin, TWO_AT_ONCE);
    let target = front.gateway.address().to_string();
    let seen = converse(&target, &front.token("caller"), "");
    check_served(&seen, "caller");
    check_limited(&seen);
    // Without a valid token.
    assert_eq!(seen["anonymous"]["code"], "UNAUTHENTICATED");
    assert_eq!(seen["anonymous"]["details"], "a bearer token is required");
}

#[test]
fn grpc_over_tls_passes_alike() {
    let (_server, origin) = server();
    let front = Front::with_tls(&origin, TWO_AT_ONCE, &Certificate::make());
    let url = front.tls_url("");
    let target = url.strip_prefix("https://").unwrap();
    let seen = converse(
        target,
        &front.token("caller"),
        front.ca_file().to_str().unwrap(),
    );
    check_served(&seen, "caller");
    check_limited(&seen);
}

#[test]
fn a_grpc_origin_that_is_down_is_unavailable() {
    let (server, origin) = server();
    let front = Front::start(&origin, TWO_AT_ONCE);
    drop(server);
    let target = front.gateway.address().to_string();
    let seen = converse(&target, &front.token("caller"), "");
    assert_eq!(seen["unary"]["code"], "UNAVAILABLE", "{seen:#}");
}
